"""A network as its paper draws it, with nothing fused: what other programs run.

PReLU stands behind PixelShuffle, the last convolution works at full size, and
BatchNorm is a layer of its own.  This is the graph that torch's exporter makes of the
network, and so what `srup bench speed` gives to other programs.  SRCNN and ESPCN have
nothing to fuse: theirs is the graph that srup runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from sr_cli.catalog import Architecture
from sr_cli.networks.fuse import (
    Add,
    Conv,
    Enlarge,
    Floats,
    Keep,
    Layer,
    Recall,
    Shuffle,
    State,
    fuse,
)
from sr_cli.networks.graph import build_onnx

EPSILON = 1e-5
"""Beside BatchNorm's variance: torch's default, with which srup trains."""

_OPSET = 17
_IR_VERSION = 8


@dataclass(frozen=True, slots=True, eq=False)
class Norm:
    """BatchNorm in evaluation, all arrays (C,)."""

    gain: Floats
    offset: Floats
    mean: Floats
    variance: Floats


@dataclass(frozen=True, slots=True, eq=False)
class PReLU:
    """Multiplies what is below zero by its channel's slope (C,)."""

    slope: Floats


PlainLayer = Layer | Norm | PReLU


def _conv(state: State, name: str) -> Conv:
    weight = state[f"{name}.weight"]
    bias = state.get(f"{name}.bias")  # none where BatchNorm follows, which has its own
    return Conv(weight, np.zeros(len(weight), np.float32) if bias is None else bias)


def _norm(state: State, name: str) -> tuple[PlainLayer, ...]:
    if f"{name}.running_mean" not in state:
        return ()
    parts = ("weight", "bias", "running_mean", "running_var")
    return (Norm(*(state[f"{name}.{part}"] for part in parts)),)


def _prelu(state: State, name: str) -> PReLU:
    return PReLU(state[f"{name}.weight"])


def _srresnet(state: State, blocks: int) -> tuple[PlainLayer, ...]:
    layers: list[PlainLayer] = [
        _conv(state, "head"),
        _prelu(state, "head_act"),
        Keep("head"),
    ]
    for name in (f"blocks.{i}" for i in range(blocks)):
        layers += [
            Keep(name),
            _conv(state, f"{name}.conv1"),
            *_norm(state, f"{name}.norm1"),
            _prelu(state, f"{name}.act"),
            _conv(state, f"{name}.conv2"),
            *_norm(state, f"{name}.norm2"),
            Add(name),
        ]
    layers += [_conv(state, "merge"), *_norm(state, "merge_norm"), Add("head")]
    for name in (f"upsample.{i}" for i in range(2)):
        layers += [
            _conv(state, f"{name}.conv"),
            Shuffle(2),
            _prelu(state, f"{name}.act"),
        ]
    return (*layers, _conv(state, "tail"))


def plain_layers(state: State, architecture: Architecture) -> tuple[PlainLayer, ...]:
    """List the layers of the network with the trained `state`.

    The output is in the architecture's `output_range`, as the network was trained;
    SRCNN's and ESPCN's is in [0, 1].

    Raises:
        WeightsError: SRCNN's or ESPCN's state lacks a tensor.
        KeyError: SRResNet's does.
    """
    if architecture.family == "srresnet":
        return _srresnet(state, architecture.blocks)
    return fuse(state, architecture).layers


def multiply_adds(layers: Sequence[PlainLayer], height: int, width: int) -> int:
    """Count the multiply-adds of all convolutions for an input of this size.

    A kernel (O, I, k, k) takes O·I·k² for every pixel of its output, those at borders
    as well.  What is done to each value alone, and bicubic enlargement, don't count:
    together they are less than a hundredth of SRResNet.
    """
    zoom, total = 1, 0
    kept: dict[str, int] = {}
    for layer in layers:
        match layer:
            case Conv():
                total += layer.weight.size * height * width * zoom**2
            case Shuffle(factor) | Enlarge(factor):
                zoom *= factor
            case Keep(name):
                kept[name] = zoom
            case Recall(name):
                zoom = kept[name]
    return total


class _Draft:
    """A graph in the making."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def emit(
        self, operator: str, *inputs: str | NDArray[Any], **attributes: Any
    ) -> str:
        """Append a node; arrays become constants.  Return its output's name."""
        output = f"{operator.lower()}_{len(self.nodes)}"
        names = []
        for number, value in enumerate(inputs):
            if isinstance(value, str):
                names.append(value)
                continue
            names.append(f"{output}.{number}")
            self.constants.append(numpy_helper.from_array(value, names[-1]))
        self.nodes.append(helper.make_node(operator, names, [output], **attributes))
        return output


def _draw(layers: Sequence[PlainLayer]) -> _Draft:
    draft, x = _Draft(), "low"
    kept: dict[str, str] = {}
    for layer in layers:
        match layer:
            case Conv():
                side = layer.weight.shape[2]
                shape = {"kernel_shape": [side, side], "pads": [side // 2] * 4}
                x = draft.emit("Conv", x, layer.weight, layer.bias, **shape)
            case Norm():
                parts = (layer.gain, layer.offset, layer.mean, layer.variance)
                x = draft.emit("BatchNormalization", x, *parts, epsilon=EPSILON)
            case PReLU():
                x = draft.emit("PRelu", x, layer.slope.reshape(-1, 1, 1))
            case Shuffle(factor):
                # CRD is the channel order of torch's PixelShuffle.
                x = draft.emit("DepthToSpace", x, blocksize=factor, mode="CRD")
            case Keep(name):
                kept[name] = x
            case Add(name):
                x = draft.emit("Add", x, kept[name])
    draft.nodes[-1].output[0] = "high"
    return draft


def build_plain_onnx(state: State, architecture: Architecture) -> bytes:
    """Return the plain graph as a serialised ONNX model.

    Input `low` is float32 (n, 3, h, w) in [0, 1]; output `high` is float32
    (n, 3, scale·h, scale·w), as `plain_layers` has it; n, h and w are free.

    Raises:
        WeightsError, KeyError: the state lacks a tensor.
    """
    if architecture.family != "srresnet":
        return build_onnx(fuse(state, architecture))
    draft = _draw(plain_layers(state, architecture))
    graph = helper.make_graph(
        draft.nodes,
        "plain",
        [helper.make_tensor_value_info("low", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("high", TensorProto.FLOAT, ["n", 3, "H", "W"])],
        draft.constants,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="srup",
    )
    serialised: bytes = model.SerializeToString()
    return serialised
