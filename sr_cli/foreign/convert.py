"""From somebody's weights to the list of layers that srup runs, equal up to rounding.

The rewrites of `sr_cli.networks.fuse` apply: BatchNorm folds into the convolution
before it, and slopes and a last 9×9 convolution come before the shuffle.  One more:
repeating each pixel f×f times and then a 3×3 convolution is a 3×3 convolution with f²
times the outputs, and a shuffle.
"""

import re
from math import isqrt

import numpy as np

from sr_cli.errors import WeightsError
from sr_cli.foreign.layouts import IMAGENET_DEVIATION, IMAGENET_MEAN, Layout
from sr_cli.networks.fuse import (
    Add,
    Conv,
    Enlarge,
    Keep,
    Layer,
    Network,
    Recall,
    Shuffle,
    Sigmoid,
    State,
    Tanh,
    final_shape,
    folded,
    shuffled_convolution,
)

SCALES = (2, 3, 4, 8)
_NEAREST = 2  # what a stage that repeats pixels enlarges by


class UnfitError(Exception):
    """The weights have a layout's names, but not its shapes; the text is a clause."""


def _numbers(state: State, group: str) -> list[int]:
    """Return the numbers of the modules called `group`, in order."""
    found = (re.match(rf"{group}\.(\d+)\.", name) for name in state)
    return sorted({int(match[1]) for match in found if match})


def _per_output(state: State, name: str, outputs: int) -> None:
    values = state.get(name)
    if values is not None and values.shape != (outputs,):
        raise UnfitError(f"{name} has {values.size} numbers for {outputs} channels")


def _conv(state: State, name: str, norm: str = "") -> Conv:
    """Return the convolution `name` with the norm behind it, if it has one."""
    weight = state[f"{name}.weight"]
    square = weight.ndim == 4 and weight.shape[2] == weight.shape[3]
    if not square or weight.shape[2] % 2 == 0 or weight.size == 0:
        size = "×".join(map(str, weight.shape))
        raise UnfitError(f"its convolution {name} is {size}")
    _per_output(state, f"{name}.bias", len(weight))
    if norm:
        for part in ("weight", "bias", "running_mean", "running_var"):
            _per_output(state, f"{norm}.{part}", len(weight))
    return Conv(*folded(state, name, norm))


def _sloped(
    state: State, conv: Conv, act: str, slope: float | None, factor: int = 1
) -> Conv:
    """Put the learnt activation `act` behind `conv`, or one of this slope, or none.

    With a `factor`, it stands behind a shuffle, which makes one channel of factor².
    """
    outputs = conv.bias.size
    learnt = state.get(f"{act}.weight")
    if learnt is None:
        slopes = None if slope is None else np.full(outputs, slope, np.float32)
        return Conv(conv.weight, conv.bias, slopes)
    channels = outputs // factor**2
    if learnt.shape not in ((1,), (channels,)):
        raise UnfitError(f"{act} has {learnt.size} slopes for {channels} channels")
    return Conv(conv.weight, conv.bias, np.repeat(learnt, outputs // learnt.size))


def _normalisation() -> Conv:
    """ImageNet's, as a convolution of its own.

    Folded into the next one it would turn the zeros around the picture into grays.
    """
    deviation = np.array(IMAGENET_DEVIATION)
    weight = np.diag(1 / deviation).reshape(3, 3, 1, 1)
    bias = -np.array(IMAGENET_MEAN) / deviation
    return Conv(weight.astype(np.float32), bias.astype(np.float32))


def _repeating(conv: Conv) -> Conv:
    """Rewrite a 3×3 convolution of repeated pixels as one before a shuffle.

    Output row f·i+a reads the repeated rows f·i+a+d, |d| ≤ 1, which are the rows
    i + ⌊(a+d)/f⌋ of the input: at most one away, and zeros beyond the same edges.
    """
    weight = conv.weight
    if weight.shape[2] != 3:
        raise UnfitError(f"a kernel behind repeated pixels is {weight.shape[2]} wide")
    phases = np.zeros((len(weight), _NEAREST, _NEAREST, *weight.shape[1:]), np.float32)
    for a, b, y, x in np.ndindex(_NEAREST, _NEAREST, 3, 3):
        row, column = (a + y - 1) // _NEAREST + 1, (b + x - 1) // _NEAREST + 1
        phases[:, a, b, :, row, column] += weight[:, :, y, x]
    times = _NEAREST**2
    return Conv(phases.reshape(-1, *weight.shape[1:]), np.repeat(conv.bias, times))


def _blocks(layout: Layout, state: State) -> list[Layer]:
    layers: list[Layer] = []
    for number in _numbers(state, "blocks"):
        name = f"blocks.{number}"
        first = _conv(state, f"{name}.conv1", f"{name}.norm1")
        layers += [
            Keep(name),
            _sloped(state, first, f"{name}.act", layout.block_slope),
            _conv(state, f"{name}.conv2", f"{name}.norm2"),
            Add(name),
        ]
    return layers


def _stages(layout: Layout, state: State, channels: int) -> list[Layer]:
    layers: list[Layer] = []
    for number in _numbers(state, "up"):
        conv = _conv(state, f"up.{number}.conv")
        if layout.nearest:
            conv = _repeating(conv)
        factor = isqrt(conv.bias.size // channels)
        if conv.bias.size != channels * factor**2:
            raise UnfitError(f"a shuffle gets {conv.bias.size} channels for {channels}")
        conv = _sloped(state, conv, f"up.{number}.act", layout.up_slope, factor)
        layers += [conv, Shuffle(factor)]
    return layers


def before_shuffle(layers: list[Layer]) -> list[Layer]:
    """Move 9×9 convolutions that follow a shuffle by two to its front."""
    result: list[Layer] = []
    for layer in layers:
        is_wide = isinstance(layer, Conv) and layer.weight.shape[2] == 9
        if is_wide and result[-1:] == [Shuffle(2)]:
            assert isinstance(layer, Conv)
            slope = None if layer.slope is None else np.repeat(layer.slope, 4)
            weight = shuffled_convolution(layer.weight)
            conv = Conv(weight, np.repeat(layer.bias, 4), slope)
            result[-1:] = [conv, Shuffle(2)]
        else:
            result.append(layer)
    return result


def _last(tail: Conv, layout: Layout) -> list[Layer]:
    """Return the last convolution and what follows it."""
    if layout.output == "tanh from -1 to 1":
        return [Conv(tail.weight * np.float32(2), tail.bias * np.float32(2)), Sigmoid()]
    return [tail, Tanh()] if layout.output == "tanh" else [tail]


def scale_of(layers: list[Layer]) -> int:
    """Return how many times as large the picture is that `layers` make of another.

    Raises:
        UnfitError: they don't fit together, or make none.
    """
    try:
        channels, scale = final_shape(layers)
    except WeightsError as error:
        raise UnfitError(error.message) from error
    if channels != 3 or scale not in SCALES:
        raise UnfitError(f"it makes {channels} channels at {scale}x")
    return scale


def convert(layout: Layout, state: State) -> Network:
    """Turn a `state` with the names of `layouts` into a network.

    It answers in [0, 1]; what the original clips to that isn't clipped.

    Raises:
        UnfitError: shapes don't fit together.
        KeyError: the state lacks a tensor.
    """
    head = _sloped(state, _conv(state, "head"), "head_act", layout.head_slope)
    layers = [head, *_blocks(layout, state)]
    if layout.merge:
        merge = _conv(state, "merge", "merge_norm")
        layers = [head, Keep("head"), *layers[1:], merge, Add("head")]
    layers += _stages(layout, state, head.bias.size)
    if layout.hr:
        layers.append(_sloped(state, _conv(state, "hr"), "", layout.hr_slope))
    layers += _last(_conv(state, "tail"), layout)
    if layout.imagenet:
        layers.insert(0, _normalisation())
    layers = before_shuffle(layers)
    scale = scale_of(layers)
    if layout.bilinear:
        base: list[Layer] = [Recall("low"), Enlarge(scale, "linear"), Add("residual")]
        layers = [Keep("low"), *layers, Keep("residual"), *base]
    return Network(tuple(layers), scale)
