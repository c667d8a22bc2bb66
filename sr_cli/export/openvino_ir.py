"""OpenVINO's intermediate representation: a graph, and its weights beside it."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import openvino

from sr_cli.export.contents import Batch, Contents
from sr_cli.networks.fuse import Network
from sr_cli.networks.graph import Element, build_onnx


def openvino_ir(
    network: Network, element: Element, facts: Mapping[str, str]
) -> Contents:
    """Make an .xml and its .bin, and run them with OpenVINO in float32.

    In float16 only the weights are kept so; what computes chooses its precision.
    """
    core = openvino.Core()
    model = core.read_model(build_onnx(network))
    model.set_friendly_name("srup")
    for name, value in facts.items():
        model.set_rt_info(value, name.split("."))
    with TemporaryDirectory(prefix="srup-") as folder:
        path = Path(folder) / "model.xml"
        openvino.save_model(model, path, compress_to_fp16=element == "float16")
        files = {suffix: path.with_suffix(suffix).read_bytes() for suffix in _SUFFIXES}
    saved = core.read_model(files[".xml"], files[".bin"])
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(saved, "CPU", settings)

    def run(batch: Batch) -> Batch:
        result: Batch = compiled(batch)[0].copy()
        return result

    return Contents(files, run)


_SUFFIXES = (".xml", ".bin")
