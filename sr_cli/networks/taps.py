"""Places in feature networks, by name.

Two networks are known, VGG19 (Simonyan & Zisserman, arXiv 1409.1556) and SqueezeNet
1.1 (Iandola et al., arXiv 1602.07360).  A tap is a place in one of them:

- `vggIJ` is φi,j of Ledig et al. (arXiv 1609.04802, section 2.2.1): the j-th
  convolution before the i-th pooling, after its activation; `vggIJ-pre` is the same
  before it, as in ESRGAN (Wang et al., arXiv 1809.00219);
- `squeeze` is the seven places of SqueezeNet that LPIPS compares (Zhang et al.,
  arXiv 1801.03924), each scaled to unit length over its channels;
- `squeeze-soft` is the same, but what is weak beside the rest of a picture stays
  short, instead of being made much of: flat places, above all;
- `squeeze2` … `squeeze9` are the fire modules of that number, as they are.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from sr_cli.errors import ConfigError

NetworkName = Literal["VGG19", "SqueezeNet 1.1"]


@dataclass(frozen=True, slots=True)
class Tap:
    """A place in a feature network."""

    asked: str
    """What it was asked for as, such as `vgg54-pre`."""
    network: NetworkName
    layer: str
    """Its convolution or fire module, such as `conv5_4` or `fire9`."""
    activated: bool = True
    """After the activation, not before it."""
    unit: bool = False
    """Scaled to unit length over the channels."""
    soft: bool = False
    """To unit length only where strong: see `sr_cli.networks.features`."""


class Layer(NamedTuple):
    """A convolution: its name, its place in torchvision's file and its shape."""

    name: str
    key: str
    outputs: int
    inputs: int
    side: int


def _vgg19() -> tuple[Layer, ...]:
    layers, inputs, index = [], 3, 0
    widths = (64, 128, 256, 512, 512)
    for block, (width, count) in enumerate(
        zip(widths, (2, 2, 4, 4, 4), strict=True), 1
    ):
        for number in range(1, count + 1):
            name = f"conv{block}_{number}"
            layers.append(Layer(name, str(index), width, inputs, 3))
            inputs, index = width, index + 2  # an activation follows
        index += 1  # and a pooling
    return tuple(layers)


def _squeezenet() -> tuple[Layer, ...]:
    layers, inputs = [Layer("conv1", "0", 64, 3, 3)], 64
    for fire, (index, narrow) in enumerate(
        zip((3, 4, 6, 7, 9, 10, 11, 12), (16, 16, 32, 32, 48, 48, 64, 64), strict=True),
        2,
    ):
        wide = 4 * narrow
        for part, outputs, read, side in (
            ("squeeze", narrow, inputs, 1),
            ("expand1x1", wide, narrow, 1),
            ("expand3x3", wide, narrow, 3),
        ):
            key = f"{index}.{part}"
            layers.append(Layer(f"fire{fire}.{part}", key, outputs, read, side))
        inputs = 2 * wide
    return tuple(layers)


LAYERS: dict[NetworkName, tuple[Layer, ...]] = {
    "VGG19": _vgg19(),
    "SqueezeNet 1.1": _squeezenet(),
}
POOLED_FIRES = ("fire2", "fire4", "fire6")
_LPIPS = ("conv1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9")


def _known_taps() -> dict[str, tuple[Tap, ...]]:
    known: dict[str, tuple[Tap, ...]] = {}
    for layer in LAYERS["VGG19"]:
        name = "vgg" + layer.name.removeprefix("conv").replace("_", "")
        known[name] = (Tap(name, "VGG19", layer.name),)
        pre = f"{name}-pre"
        known[pre] = (Tap(pre, "VGG19", layer.name, activated=False),)
    known["squeeze"] = tuple(
        Tap("squeeze", "SqueezeNet 1.1", layer, unit=True) for layer in _LPIPS
    )
    known["squeeze-soft"] = tuple(
        Tap("squeeze-soft", "SqueezeNet 1.1", layer, unit=True, soft=True)
        for layer in _LPIPS
    )
    for fire in range(2, 10):
        name = f"squeeze{fire}"
        known[name] = (Tap(name, "SqueezeNet 1.1", f"fire{fire}"),)
    return known


_TAPS = _known_taps()


def parse_features(names: str) -> tuple[Tap, ...]:
    """Return the taps of `names`, such as `vgg22` or `vgg54-pre+squeeze`.

    Raises:
        ConfigError: a name is unknown or stands there twice.
    """
    parts = names.split("+")
    for part in parts:
        if part not in _TAPS:
            raise ConfigError(
                f"There are no features called {part!r}",
                "Take vggIJ or vggIJ-pre with IJ of 11, 12, 21, 22, 31 to 34, 41 to "
                "44 or 51 to 54, squeeze, squeeze-soft, or squeeze2 to squeeze9; join "
                "several with +",
            )
        if parts.count(part) > 1:
            raise ConfigError(
                f"The features {part} are named twice in {names}", "Name them once"
            )
    return tuple(tap for part in parts for tap in _TAPS[part])
