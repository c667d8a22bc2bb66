"""A network as its paper draws it, with nothing fused: what other programs run.

PReLU stands behind PixelShuffle, the last convolution works at full size, and
BatchNorm is a layer of its own.  This is the graph that torch's exporter makes of the
network, and so what `srup bench speed` gives to other programs.  SRCNN and ESPCN have
nothing to fuse: theirs is the graph that srup runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
from sr_cli.networks.graph import Draft, build_onnx

EPSILON = 1e-5
"""Beside BatchNorm's variance: torch's default, with which srup trains."""


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


def _draw(layers: Sequence[PlainLayer]) -> Draft:
    draft, x = Draft(), "low"
    kept: dict[str, str] = {}
    for number, layer in enumerate(layers):
        match layer:
            case Conv():
                x = draft.conv(x, layer, str(number))
            case Norm(gain, offset, mean, variance):
                arrays = (gain, offset, mean, variance)
                names = [
                    draft.constant(array, f"{number}.{part}")
                    for part, array in enumerate(arrays)
                ]
                x = draft.emit("BatchNormalization", x, *names, epsilon=EPSILON)
            case PReLU(slope):
                name = draft.constant(slope.reshape(-1, 1, 1), f"{number}.slope")
                x = draft.emit("PRelu", x, name)
            case Shuffle(factor):
                x = draft.shuffle(x, factor)
            case Keep(name):
                kept[name] = x
            case Add(name):
                x = draft.emit("Add", x, kept[name])
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
    return _draw(plain_layers(state, architecture)).serialised("plain")
