"""From a trained state to the shortest equal list of layers, without torch.

Three rewrites, each equal to the trained network up to float rounding:

1. BatchNorm in evaluation is an affine map per channel: it folds into the
   convolution before it.
2. PReLU acts on each value alone, so it may come before PixelShuffle, where the
   convolution's own loop can apply it.
3. PixelShuffle(2) and then a 9×9 convolution is a 5×5 convolution with 4×4 times
   the channels and then PixelShuffle(2): the widest tensor is never written.

The range of the trained output is folded into the last convolution, so that the
list always maps [0, 1] to [0, 1].  SRCNN and ESPCN are linear in it already: they map
their sum of picture and residual to it at the very end, which is left out here.

SRCNN's and ESPCN's luma stays a 1×1 convolution of its own: folded into the first
convolution it would cost three times that one's products, and on a CPU no engine
gains by it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from sr_cli.catalog import Architecture, Family
from sr_cli.errors import WeightsError
from sr_cli.networks import bicubic

Floats = NDArray[np.float32]
State = Mapping[str, Floats]
_Shape = tuple[int, int]  # channels, and how many times as wide as the input

_BATCH_NORM_EPSILON = 1e-5  # torch's default, with which srup trains
_ANOTHER_FILE = "Use a file that `srup train` wrote for this architecture"

LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in luma (ITU-R BT.601), without an offset: gray is
its own luma."""


@dataclass(frozen=True, slots=True, eq=False)
class Conv:
    """Convolution with zero padding that keeps the size, then PReLU if any."""

    weight: Floats
    """(O, I, k, k), k odd."""
    bias: Floats
    """(O,)"""
    slope: Floats | None = None
    """(O,) slopes of the PReLU for negative values; None for none."""


@dataclass(frozen=True, slots=True)
class Tanh:
    """Hyperbolic tangent of every value."""


@dataclass(frozen=True, slots=True)
class Sigmoid:
    """1 / (1 + e^-x) of every value x; that of 2x is (1 + tanh x) / 2."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Remember the current features under `name`, until they are asked for once."""

    name: str


@dataclass(frozen=True, slots=True)
class Recall:
    """Go back to the features remembered under `name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Add:
    """Add the features remembered under `name`; a single channel goes to each."""

    name: str


@dataclass(frozen=True, slots=True)
class Shuffle:
    """PixelShuffle: (N, f²·C, h, w) to (N, C, f·h, f·w)."""

    factor: int


@dataclass(frozen=True, slots=True)
class Enlarge:
    """Enlargement by a kernel, edges mirrored: (N, 3, h, w) to (N, 3, f·h, f·w).

    `sr_cli.networks.bicubic` has the kernels.
    """

    factor: int
    kernel: bicubic.Kernel = "cubic"


Layer = Conv | Tanh | Sigmoid | Keep | Recall | Add | Shuffle | Enlarge


@dataclass(frozen=True, slots=True)
class Network:
    """A network that is ready to run: float32 RGB (N, 3, h, w) in [0, 1] in, and
    (N, 3, scale·h, scale·w) out, not clipped."""

    layers: tuple[Layer, ...]
    scale: int

    @property
    def halo(self) -> int:
        """How many input pixels around a place can change its output."""
        return receptive_radius(self.layers)


def receptive_radius(layers: Sequence[Layer]) -> int:
    """Return the reach of `layers` in input pixels, rounded up.

    Where branches meet, the longest counts.
    """
    reach, zoom = 0.0, 1
    kept: dict[str, tuple[float, int]] = {}
    for layer in layers:
        if isinstance(layer, Conv):
            reach += layer.weight.shape[2] // 2 / zoom
        elif isinstance(layer, Shuffle):
            zoom *= layer.factor
        elif isinstance(layer, Enlarge):
            reach += bicubic.REACH / zoom
            zoom *= layer.factor
        elif isinstance(layer, Keep):
            kept[layer.name] = reach, zoom
        elif isinstance(layer, Recall):
            reach, zoom = kept[layer.name]
        elif isinstance(layer, Add):
            reach = max(reach, kept[layer.name][0])
    return ceil(reach)


def shuffled_convolution(weight: Floats) -> Floats:
    """Rewrite a 9×9 kernel behind PixelShuffle(2) as a 5×5 one before it.

    (O, C, 9, 9) to (4·O, 4·C, 5, 5); `sr_cli.networks.srresnet` has the derivation
    and the same rewrite for training.
    """
    out, channels = weight.shape[:2]
    padded = np.pad(weight, ((0, 0), (0, 0), (1, 1), (1, 1)))
    kernels = []
    for a in (0, 1):
        for b in (0, 1):
            taps = padded[:, :, 1 - a : 11 - a, 1 - b : 11 - b]
            taps = taps.reshape(out, channels, 5, 2, 5, 2).transpose(0, 1, 3, 5, 2, 4)
            kernels.append(taps.reshape(out, 4 * channels, 5, 5))
    return np.stack(kernels, axis=1).reshape(4 * out, 4 * channels, 5, 5)


def folded(state: State, conv: str, norm: str) -> tuple[Floats, Floats]:
    """Weight and bias of `conv` with the BatchNorm `norm` folded in, if it has one."""
    weight = state[f"{conv}.weight"].astype(np.float64)
    bias = np.asarray(
        state.get(f"{conv}.bias", np.zeros(weight.shape[0])), dtype=np.float64
    )
    if f"{norm}.running_mean" in state:
        mean, variance, gamma, beta = (
            state[f"{norm}.{part}"].astype(np.float64)
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        gain = gamma / np.sqrt(variance + _BATCH_NORM_EPSILON)
        weight = weight * gain[:, None, None, None]
        bias = (bias - mean) * gain + beta
    return weight.astype(np.float32), bias.astype(np.float32)


def _srresnet(state: State, architecture: Architecture) -> tuple[Layer, ...]:
    layers: list[Layer] = [
        Conv(state["head.weight"], state["head.bias"], state["head_act.weight"]),
        Keep("head"),
    ]
    for i in range(architecture.blocks):
        name = f"blocks.{i}"
        slope = state[f"{name}.act.weight"]
        layers += [
            Keep(name),
            Conv(*folded(state, f"{name}.conv1", f"{name}.norm1"), slope),
            Conv(*folded(state, f"{name}.conv2", f"{name}.norm2")),
            Add(name),
        ]
    layers += [Conv(*folded(state, "merge", "merge_norm")), Add("head")]
    for i in range(2):
        name = f"upsample.{i}"
        slope = np.repeat(state[f"{name}.act.weight"], 4)
        layers.append(
            Conv(state[f"{name}.conv.weight"], state[f"{name}.conv.bias"], slope)
        )
        if i == 0:
            layers.append(Shuffle(2))
    black, white = architecture.output_range
    gain = np.float32(1.0 / (white - black))
    weight = shuffled_convolution(state["tail.weight"] * gain)
    bias = np.repeat((state["tail.bias"] - np.float32(black)) * gain, 4)
    layers += [Conv(weight, bias), Shuffle(2)]
    return tuple(layers)


def _luma() -> Conv:
    weight = np.array(LUMA, np.float32).reshape(1, 3, 1, 1)
    return Conv(weight, np.zeros(1, np.float32))


def _conv(state: State, name: str, *, relu: bool = False) -> Conv:
    bias = state[f"{name}.bias"]
    slope = np.zeros_like(bias) if relu else None
    return Conv(state[f"{name}.weight"], bias, slope)


def _srcnn(state: State, architecture: Architecture) -> tuple[Layer, ...]:
    return (
        Enlarge(architecture.scale),
        Keep("enlarged"),
        _luma(),
        _conv(state, "head", relu=True),
        _conv(state, "mapping", relu=True),
        _conv(state, "tail"),
        Add("enlarged"),
    )


def _espcn(state: State, architecture: Architecture) -> tuple[Layer, ...]:
    return (
        Keep("low"),
        _luma(),
        _conv(state, "head"),
        Tanh(),
        _conv(state, "mapping"),
        Tanh(),
        _conv(state, "tail"),
        Shuffle(architecture.scale),
        Keep("residual"),
        Recall("low"),
        Enlarge(architecture.scale),
        Add("residual"),
    )


_RECIPES: dict[Family, Callable[[State, Architecture], tuple[Layer, ...]]] = {
    "srresnet": _srresnet,
    "srcnn": _srcnn,
    "espcn": _espcn,
}


def _summed(one: _Shape, two: _Shape) -> _Shape:
    """Shape of the sum of two branches."""
    if one[1] != two[1] or (one[0] != two[0] and 1 not in (one[0], two[0])):
        raise WeightsError(
            f"The weights add {one[0]} channels at {one[1]}x to {two[0]} at {two[1]}x",
            _ANOTHER_FILE,
        )
    return max(one[0], two[0]), one[1]


def final_shape(layers: Sequence[Layer]) -> tuple[int, int]:
    """Return how many channels `layers` make of three, and how many times as wide.

    Raises:
        WeightsError: two that follow each other don't fit.
    """
    channels, zoom = 3, 1
    kept: dict[str, _Shape] = {}
    for layer in layers:
        if isinstance(layer, Conv):
            if layer.weight.shape[1] != channels:
                raise WeightsError(
                    f"A convolution expects {layer.weight.shape[1]} channels "
                    f"and gets {channels}",
                    _ANOTHER_FILE,
                )
            channels = layer.weight.shape[0]
        elif isinstance(layer, Shuffle):
            channels //= layer.factor**2
            zoom *= layer.factor
        elif isinstance(layer, Enlarge):
            zoom *= layer.factor
        elif isinstance(layer, Keep):
            kept[layer.name] = channels, zoom
        elif isinstance(layer, Recall):
            channels, zoom = kept[layer.name]
        elif isinstance(layer, Add):
            channels, zoom = _summed((channels, zoom), kept[layer.name])
    return channels, zoom


def fuse(state: State, architecture: Architecture) -> Network:
    """Turn a trained `state` (names as in the torch module) into a `Network`.

    Raises:
        WeightsError: the state lacks a tensor or has one of another shape.
    """
    try:
        layers = _RECIPES[architecture.family](state, architecture)
    except KeyError as error:
        raise WeightsError(
            f"The weights lack the tensor {error.args[0]}", _ANOTHER_FILE
        ) from error
    channels, zoom = final_shape(layers)
    if channels != 3 or zoom != architecture.scale:
        raise WeightsError(
            f"The weights make {channels} channels at {zoom}x, not 3 at "
            f"{architecture.scale}x",
            _ANOTHER_FILE,
        )
    return Network(layers, architecture.scale)
