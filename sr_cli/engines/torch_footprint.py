"""How much memory a network takes while `torch_layers` runs it, without torch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sr_cli.networks.fuse import (
    Add,
    Conv,
    Enlarge,
    Keep,
    Layer,
    Recall,
    Shuffle,
    Sigmoid,
    Tanh,
)

_FLOAT = 4  # bytes


@dataclass(frozen=True, slots=True, eq=False)  # two maps alike are still two
class _Map:
    channels: int
    zoom: int
    element: int
    """Bytes of a number."""

    @property
    def size(self) -> int:
        """Bytes per pixel of the input."""
        return self.channels * self.zoom**2 * self.element


class _Held:
    """The maps held at a time, and the most that they ever took."""

    def __init__(self, x: _Map) -> None:
        self.x, self.peak = x, x.size
        self.kept: dict[str, _Map] = {}

    def make(self, new: _Map, *beside: _Map) -> None:
        """Let `new` follow on `x`, computed with the help of `beside`."""
        held = {self.x, new, *beside, *self.kept.values()}
        self.peak = max(self.peak, sum(one.size for one in held))
        self.x = new

    def run(self, layer: Layer, element: int) -> None:
        """Follow one layer whose convolutions have numbers of `element` bytes."""
        x = self.x
        match layer:
            case Conv():
                read = () if x.element == element else (replace(x, element=element),)
                self.make(_Map(layer.bias.size, x.zoom, element), *read)
                if layer.slope is not None:
                    self.make(replace(self.x))
            case Tanh() | Sigmoid():
                self.make(replace(x))
            case Keep(name):
                self.kept[name] = x
            case Recall(name):
                self.x = self.kept.pop(name)
            case Add(name):
                other = self.kept.pop(name)
                channels = max(x.channels, other.channels)
                element = max(x.element, other.element)
                self.make(_Map(channels, x.zoom, element), other)
            case Shuffle(factor):
                self.make(_Map(x.channels // factor**2, x.zoom * factor, x.element))
            case Enlarge(factor):
                # The input stays, while a mirrored copy becomes the phases and these
                # the picture.
                phases = replace(x, channels=x.channels * factor**2)
                self.make(phases, replace(x))
                self.make(replace(x, zoom=x.zoom * factor), x)


def peak_bytes(layers: Sequence[Layer], element: int) -> int:
    """Return the most bytes that maps take at once, per pixel of the input.

    From float32 RGB through `layers`, whose convolutions have numbers of `element`
    bytes, to 8-bit levels.  What a convolution takes besides is not counted.
    """
    held = _Held(_Map(3, 1, _FLOAT))
    for layer in layers:
        held.run(layer, element)
    if held.x.element != _FLOAT:
        held.make(replace(held.x, element=_FLOAT))
    held.make(replace(held.x, element=1))
    return held.peak
