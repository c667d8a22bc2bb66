"""ONNX: one graph that takes pictures of any size."""

from collections.abc import Mapping

import onnxruntime

from sr_cli.export.contents import Batch, Contents
from sr_cli.networks.fuse import Network
from sr_cli.networks.graph import Element, build_onnx

_ERRORS_ONLY = 3


def onnx_file(network: Network, element: Element, facts: Mapping[str, str]) -> Contents:
    """Make an ONNX model, and run it with onnxruntime on the CPU."""
    content = build_onnx(network, element, facts)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(content, options, providers=providers)

    def run(batch: Batch) -> Batch:
        result: Batch = session.run(["high"], {"low": batch})[0]
        return result

    return Contents({".onnx": content}, run)
