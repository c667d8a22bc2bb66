"""From the steps of a graph, each with its source, to layers one after the other."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sr_cli.foreign.convert import UnfitError, before_shuffle, scale_of
from sr_cli.networks.fuse import (
    Add,
    Conv,
    Enlarge,
    Floats,
    Keep,
    Layer,
    Network,
    Recall,
    Shuffle,
    Sigmoid,
    Tanh,
)


@dataclass(frozen=True, slots=True, eq=False)
class Slope:
    """PReLU: a slope for each channel (C,), or one for all (1,)."""

    values: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """x·gain + offset, for each channel (C,) or for all (1,)."""

    gain: NDArray[np.float64]
    offset: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sum:
    """Adds the value of this name."""

    other: str


_MOST_MADE = 2**24
"""Weights of convolutions that only multiply, and so are no larger in the file."""

Step = Conv | Shuffle | Tanh | Sigmoid | Enlarge | Slope | Affine | Sum


def _each(values: NDArray[np.generic], channels: int) -> Floats:
    """Return one number for each channel."""
    if values.size not in (1, channels):
        raise UnfitError(f"it has {values.size} numbers for {channels} channels")
    return np.broadcast_to(values, channels).astype(np.float32)


def _unit(channels: int) -> Floats:
    if channels**2 > _MOST_MADE:
        raise _too_many()
    return np.eye(channels, dtype=np.float32).reshape(channels, channels, 1, 1)


def _too_many() -> UnfitError:
    return UnfitError("it has too many channels that are only multiplied")


def _with_slope(layers: list[Layer], step: Slope, channels: int) -> list[Layer]:
    """Let a convolution have the slope, also one before a shuffle."""
    slope = _each(step.values, channels)
    match layers:
        case [*others, Conv(weight, bias, None)]:
            return [*others, Conv(weight, bias, slope)]
        case [*others, Conv(weight, bias, None), Shuffle(factor) as shuffle]:
            return [*others, Conv(weight, bias, np.repeat(slope, factor**2)), shuffle]
    return [*layers, Conv(_unit(channels), np.zeros(channels, np.float32), slope)]


def _with_affine(layers: list[Layer], step: Affine, channels: int) -> list[Layer]:
    gain, offset = _each(step.gain, channels), _each(step.offset, channels)
    match layers:
        case [*others, Conv(weight, bias, None)]:
            weight = weight * gain[:, None, None, None]
            return [*others, Conv(weight, bias * gain + offset)]
    return [*layers, Conv(_unit(channels) * gain[:, None, None, None], offset)]


@dataclass(slots=True)
class LayerList:
    """Steps in the order of a graph, whose picture is called `low`."""

    low: str
    _steps: list[tuple[Step, str, str]] = field(default_factory=list)

    def append(self, step: Step, source: str, target: str) -> None:
        """Let `step` turn the value `source` into `target`."""
        self._steps.append((step, source, target))

    def network(self, output: str) -> Network:
        """Return the network whose picture is the value `output`.

        Raises:
            UnfitError: steps don't follow from one another, or make no larger picture.
        """
        layers: list[Layer] = []
        channels = {self.low: 3}
        kept = self._kept()
        layers += [Keep(name) for name in kept.get(self.low, ())]
        before, made = self.low, 0
        for number, (step, source, target) in enumerate(self._steps):
            main, other = _ordered(step, source, before)
            if main not in channels or other not in (*channels, ""):
                raise UnfitError("it uses a value that nothing makes before")
            if main != before:
                layers.append(Recall(f"{main} {number}"))
            count = len(layers)
            layers, channels[target] = _followed(
                layers, step, channels[main], Add(f"{other} {number}")
            )
            if isinstance(step, Slope | Affine) and len(layers) > count:
                made += channels[main] ** 2
                if made > _MOST_MADE:
                    raise _too_many()
            layers += [Keep(name) for name in kept.get(target, ())]
            before = target
        if before != output:
            raise UnfitError("its picture is not what it makes last")
        layers = before_shuffle(layers)
        return Network(tuple(layers), scale_of(layers))

    def _kept(self) -> dict[str, list[str]]:
        """Return under which names each value is kept for a later step."""
        found: dict[str, list[str]] = {}
        before = self.low
        for number, (step, source, target) in enumerate(self._steps):
            main, other = _ordered(step, source, before)
            if main != before:
                found.setdefault(main, []).append(f"{main} {number}")
            if other:
                found.setdefault(other, []).append(f"{other} {number}")
            before = target
        return found


def _ordered(step: Step, source: str, before: str) -> tuple[str, str]:
    """Return the value with which `step` goes on and, for a sum, the other one."""
    if not isinstance(step, Sum):
        return source, ""
    return (step.other, source) if step.other == before else (source, step.other)


def _followed(
    layers: list[Layer], step: Step, channels: int, add: Add
) -> tuple[list[Layer], int]:
    """Return the layers with `step` behind them, and how many channels it makes."""
    match step:
        case Slope():
            return _with_slope(layers, step, channels), channels
        case Affine():
            return _with_affine(layers, step, channels), channels
        case Sum():
            return [*layers, add], channels
        case Conv():
            return [*layers, step], step.bias.size
        case Shuffle(factor):
            if channels % factor**2:
                raise UnfitError(f"a shuffle by {factor} gets {channels} channels")
            return [*layers, step], channels // factor**2
    return [*layers, step], channels
