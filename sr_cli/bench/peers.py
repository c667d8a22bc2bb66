"""What a user would otherwise run a network with, each as its manual advises.

All run the plain graph on the whole picture, on all cores and in as much memory as
they like.  They get a ready float32 tensor and leave their result where they put it:
neither conversion nor copying counts against them.
"""

import re
import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sr_cli.bench.plain_graph import build_plain_onnx, plain_layers
from sr_cli.bench.plain_ncnn import build_plain_ncnn
from sr_cli.catalog import Architecture
from sr_cli.engines import Batch
from sr_cli.errors import DeviceError
from sr_cli.networks.fuse import State

if TYPE_CHECKING:
    from torch import nn

    from sr_cli.train.plain import PlainSRResNet

PeerName = Literal["torch", "onnxruntime", "openvino", "ncnn"]
PeerPrecision = Literal["float32", "bfloat16"]
Run = Callable[[], object]
"""Computes once; returns the result as the library has it."""

_ERRORS_ONLY = 3  # of onnxruntime's log
_NCNN_FULL = -100  # its status where an allocation failed


def _refuse_bfloat16() -> DeviceError:
    return DeviceError(
        "This CPU has no bfloat16 instructions", "Measure the other rows"
    )


def _only_float32(name: PeerName, precision: PeerPrecision) -> None:
    if precision != "float32":
        raise DeviceError(
            f"{name} runs this graph in float32, not in {precision}",
            "Measure the other rows",
        )


def _normalised(network: "PlainSRResNet", channels: int) -> None:
    """Put BatchNorm behind the convolutions that the paper gives one."""
    from torch import nn

    def pair() -> nn.Module:
        bare = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        return nn.Sequential(bare, nn.BatchNorm2d(channels))

    for block in network.blocks:
        block.conv1, block.conv2 = pair(), pair()
    network.merge = pair()


def _paired_name(name: str) -> str:
    """What a tensor of a network with BatchNorm is called where they are pairs."""
    name = re.sub(r"^(blocks\.\d+\.conv\d|merge)\.", r"\1.0.", name)
    name = re.sub(r"^(blocks\.\d+\.)norm(\d)\.", r"\1conv\2.1.", name)
    return re.sub(r"^merge_norm\.", "merge.1.", name)


def plain_torch(state: State, architecture: Architecture) -> "nn.Module":
    """Return the plain network with the trained `state`, of torch's own modules.

    It maps (N, 3, h, w) in [0, 1] to (N, 3, scale·h, scale·w) in the architecture's
    `output_range`.
    """
    import torch

    from sr_cli.networks.build import build
    from sr_cli.train.plain import PlainSRResNet

    tensors = {name: torch.tensor(array) for name, array in state.items()}
    if architecture.family != "srresnet":  # whose modules are plain as they are
        network = build(architecture)
    else:
        network = PlainSRResNet(architecture.blocks, architecture.channels)
        if architecture.normalization == "batch":
            _normalised(network, architecture.channels)
            tensors = {_paired_name(name): tensors[name] for name in tensors}
    network.load_state_dict(tensors)
    return network.eval()


def _open_torch(
    state: State, architecture: Architecture, low: Batch, precision: PeerPrecision
) -> Run:
    """Eager, channels last: what torch's manual advises for CPUs."""
    import torch

    # torch computes bfloat16 on every CPU, on most of them slower than float32.
    if precision == "bfloat16" and not (
        torch.backends.mkldnn.is_available()
        and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    ):
        raise _refuse_bfloat16()
    dtype = torch.float32 if precision == "float32" else torch.bfloat16
    network = plain_torch(state, architecture).to(dtype)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    pixels = torch.from_numpy(low).to(dtype).to(memory_format=torch.channels_last)
    # The weights are cast already; autocast matters to what works in float32 between.
    half = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16")

    def run() -> object:
        with torch.inference_mode(), half:
            return network(pixels)

    return run


def _open_onnxruntime(
    state: State, architecture: Architecture, low: Batch, precision: PeerPrecision
) -> Run:
    """Told the shape, so that it plans its memory once."""
    import onnxruntime

    _only_float32("onnxruntime", precision)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    for name, size in zip("nhw", (1, *low.shape[2:]), strict=True):
        options.add_free_dimension_override_by_name(name, size)
    session = onnxruntime.InferenceSession(
        build_plain_onnx(state, architecture),
        options,
        providers=["CPUExecutionProvider"],
    )
    inputs = {"low": onnxruntime.OrtValue.ortvalue_from_numpy(low.copy())}

    def run() -> object:
        (result,) = session.run_with_ort_values(["high"], inputs)  # without a copy
        return result

    return run


def _open_openvino(
    state: State, architecture: Architecture, low: Batch, precision: PeerPrecision
) -> Run:
    """Compiled for this shape, with the hint for one picture at a time."""
    import openvino

    core = openvino.Core()
    native = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if precision == "bfloat16" and "BF16" not in native:
        raise _refuse_bfloat16()
    model = core.read_model(build_plain_onnx(state, architecture))
    model.reshape(list(low.shape))
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32" if precision == "float32" else "bf16",
    }
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    # A copy, because a tensor over numpy's memory doesn't keep that alive.
    request.set_input_tensor(openvino.Tensor(low))

    def run() -> object:
        request.infer(share_outputs=True)
        return request.get_output_tensor().data

    return run


def _open_ncnn(
    state: State, architecture: Architecture, low: Batch, precision: PeerPrecision
) -> Run:
    """Not by matrix products, for which the last convolution takes 43 kB a pixel.

    128×128 pixels on two cores with AMX: 2.9 s and 11 GiB with them, 0.7 s and 0.7 GiB
    without.  Kept in bfloat16, features made it no faster.
    """
    # By name: its package says nothing of its types.
    ncnn = import_module("ncnn")
    _only_float32("ncnn", precision)
    text, numbers = build_plain_ncnn(plain_layers(state, architecture))
    net = ncnn.Net()
    net.opt.use_sgemm_convolution = False
    # What the CPU offers of them is on by default.
    net.opt.use_fp16_arithmetic = False
    net.opt.use_fp16_storage = net.opt.use_fp16_packed = False
    with tempfile.TemporaryDirectory() as folder:
        layers, weights = Path(folder) / "net.param", Path(folder) / "net.bin"
        layers.write_text(text, encoding="ascii")
        weights.write_bytes(numbers)
        failed = net.load_param(str(layers)) or net.load_model(str(weights))
    if failed:
        raise DeviceError("This ncnn can't read the net", "Install another version")
    pixels = ncnn.Mat(low[0]).clone()

    def run() -> object:
        extractor = net.create_extractor()
        extractor.input("low", pixels)
        status, result = extractor.extract("high")
        if status == _NCNN_FULL:
            raise MemoryError
        if status:
            raise DeviceError(f"ncnn failed ({status})", "Measure the other rows")
        return result

    return run


_Open = Callable[[State, Architecture, Batch, PeerPrecision], Run]
_OPENERS: Mapping[PeerName, _Open] = {
    "torch": _open_torch,
    "onnxruntime": _open_onnxruntime,
    "openvino": _open_openvino,
    "ncnn": _open_ncnn,
}


def open_peer(
    name: PeerName,
    state: State,
    architecture: Architecture,
    low: Batch,
    precision: PeerPrecision,
) -> Run:
    """Make ready to run the plain graph on a copy of `low` (1, 3, h, w) in [0, 1].

    Raises:
        DeviceError: the library is not installed, or the CPU lacks the precision.
        ModelError: there is no plain graph of this network for the library.
    """
    if find_spec(name) is None:
        raise DeviceError(f"{name} is not installed", f"Run `pip install {name}`")
    return _OPENERS[name](state, architecture, low, precision)
