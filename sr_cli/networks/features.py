"""Feature networks: frozen classifiers whose inner activations content losses compare.

`sr_cli.networks.taps` names the places in them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sr_cli.errors import WeightsError
from sr_cli.networks.taps import LAYERS, POOLED_FIRES, NetworkName, Tap

_UNIT_FLOOR = 1e-10  # of a squared length: flat places have no direction
_SOFT_FLOOR = 0.3  # of the same, in a picture's mean squared length


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What a network was trained to see: `matrix` @ (RGB in [0, 1] - `mean`)."""

    mean: tuple[float, float, float]
    matrix: tuple[
        tuple[float, float, float],
        tuple[float, float, float],
        tuple[float, float, float],
    ]


IMAGENET = Preprocessing(
    (0.485, 0.456, 0.406),
    ((1 / 0.229, 0.0, 0.0), (0.0, 1 / 0.224, 0.0), (0.0, 0.0, 1 / 0.225)),
)
"""torchvision's: each colour less its mean, over its standard deviation."""


def caffe(blue: float, green: float, red: float) -> Preprocessing:
    """Caffe's: BGR from 0 to 255 less its mean."""
    return Preprocessing(
        (red / 255, green / 255, blue / 255),
        ((0.0, 0.0, 255.0), (0.0, 255.0, 0.0), (255.0, 0.0, 0.0)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Backbone:
    """The convolutions of a feature network, or its first ones."""

    network: NetworkName
    layers: Mapping[str, tuple[Tensor, Tensor]]
    """Weight (O, I, k, k) and bias (O,) by name, in the network's order."""
    preprocessing: Preprocessing


_TORCHVISION_KEY = re.compile(
    r"(?:features\.)?(\d+(?:\.(?:squeeze|expand1x1|expand3x3))?)\.(weight|bias)"
)

# A 1×1 convolution that preprocesses, and paddings as layers of their own, shift the
# convolutions of the network that Gatys et al. normalised.
_NORMALISED_KEYS = {
    str(index): layer.key
    for index, layer in zip(
        (2, 5, 9, 12, 16, 19, 22, 25, 29, 32, 35, 38, 42, 45, 48, 51),
        LAYERS["VGG19"],
        strict=True,
    )
}


def _unfit(what: str) -> WeightsError:
    return WeightsError(
        f"These are no weights of VGG19 or SqueezeNet 1.1 ({what})",
        "Use torchvision's vgg19 or squeezenet1_1, or the normalised VGG19",
    )


def _split_preprocessing(
    found: dict[str, dict[str, Tensor]],
) -> tuple[dict[str, dict[str, Tensor]], Preprocessing]:
    """Take the 1×1 convolution at 0 off, and give the others torchvision's keys."""
    first = found["0"]
    matrix = first["weight"].double().view(3, 3)
    bias = first.get("bias", torch.zeros(3)).double()
    if bias.shape != (3,) or not torch.linalg.det(matrix).abs() > 0:
        raise _unfit("their first layer loses colours")
    mean = torch.linalg.solve(matrix, -bias)
    unknown = found.keys() - _NORMALISED_KEYS.keys() - {"0"}
    if unknown:
        raise _unfit(f"they have a layer {min(unknown)}")
    layers = {_NORMALISED_KEYS[k]: v for k, v in found.items() if k != "0"}
    red, green, blue = map(tuple, matrix.tolist())
    return layers, Preprocessing(tuple(mean.tolist()), (red, green, blue))


def feature_key(key: str) -> bool:
    """Say whether `key` of a state dict may belong to a feature network."""
    return _TORCHVISION_KEY.fullmatch(key) is not None


def _read_layers(
    found: Mapping[str, Mapping[str, Tensor]], network: NetworkName
) -> dict[str, tuple[Tensor, Tensor]]:
    """Check names and shapes against `network`'s, and name its layers."""
    known = LAYERS[network]
    unknown = found.keys() - {layer.key for layer in known}
    if unknown:
        raise _unfit(f"they have a layer {min(unknown)}, which {network} has not")
    layers = {}
    for number, layer in enumerate(known):
        if layer.key not in found:
            later = [other.name for other in known[number:] if other.key in found]
            if later:
                raise _unfit(f"they lack {layer.name}, but have {later[0]}")
            break
        shape = (layer.outputs, layer.inputs, layer.side, layer.side)
        part = found[layer.key]
        layers[layer.name] = (
            _checked(part.get("weight"), shape, f"weight of {layer.name}"),
            _checked(part.get("bias"), shape[:1], f"bias of {layer.name}"),
        )
    return layers


def _checked(tensor: Tensor | None, shape: tuple[int, ...], what: str) -> Tensor:
    """Return `tensor` in float32 if it has `shape` and finite numbers."""
    if tensor is None or tensor.shape != shape:
        got = "missing" if tensor is None else "×".join(map(str, tensor.shape))
        raise _unfit(f"the {what} is {got}, not {'×'.join(map(str, shape))}")
    if not tensor.is_floating_point() or not tensor.isfinite().all():
        raise _unfit(f"the {what} holds something else than finite numbers")
    return tensor.float()


def read_backbone(
    state: Mapping[str, Tensor], preprocessing: Preprocessing = IMAGENET
) -> Backbone:
    """Recognise the network in `state` by its keys and shapes.

    Known are torchvision's (timm's) VGG19 and SqueezeNet 1.1, with `features.` before
    the keys or without, and the VGG19 whose weights Gatys et al. scaled so that
    channels are 1 on average, which brings its preprocessing with it as a 1×1
    convolution.  A network may end early.  What keys cannot tell is what
    preprocessing torchvision's layout was trained with.

    Raises:
        WeightsError: it is neither, or a tensor has the wrong shape or no numbers.
    """
    found: dict[str, dict[str, Tensor]] = {}
    for key, value in state.items():
        if match := _TORCHVISION_KEY.fullmatch(key):
            found.setdefault(match[1], {})[match[2]] = value
    first = found.get("0", {}).get("weight")
    if first is None:
        raise _unfit("they have no first convolution")
    network: NetworkName = "VGG19"
    if first.shape == (3, 3, 1, 1):
        found, preprocessing = _split_preprocessing(found)
    elif any("squeeze" in key for key in found):
        network = "SqueezeNet 1.1"
    layers = _read_layers(found, network)
    return Backbone(network, layers, preprocessing)


def needed_layers(network: NetworkName, taps: Sequence[Tap]) -> tuple[str, ...]:
    """Name the convolutions of `network` up to the last of its `taps`."""
    places = {tap.layer for tap in taps if tap.network == network}
    names = [layer.name for layer in LAYERS[network]]
    ends = [i for i, name in enumerate(names, 1) if name.split(".")[0] in places]
    return tuple(names[: max(ends, default=0)])


def random_backbone(network: NetworkName, taps: Sequence[Tap], seed: int) -> Backbone:
    """Draw the layers that `taps` need: He-normal weights, zero biases.

    He et al., arXiv 1502.01852.  Untrained features see edges and colours, but know
    no objects.
    """
    generator = torch.Generator().manual_seed(seed)
    needed = needed_layers(network, taps)
    layers = {}
    for name, _, outputs, inputs, side in LAYERS[network][: len(needed)]:
        weight = torch.randn(outputs, inputs, side, side, generator=generator)
        weight *= (2.0 / (inputs * side * side)) ** 0.5
        layers[name] = (weight, torch.zeros(outputs))
    return Backbone(network, layers, IMAGENET)


def _frozen(layer: tuple[Tensor, Tensor], stride: int = 1) -> nn.Conv2d:
    """Build a convolution that isn't trained; 3×3 ones of stride 1 keep the size."""
    weight, bias = layer
    outputs, inputs, side, _ = weight.shape
    padding = side // 2 if stride == 1 else 0
    conv = nn.Conv2d(inputs, outputs, side, stride, padding, device="meta")
    conv.weight = nn.Parameter(weight.clone(), requires_grad=False)
    conv.bias = nn.Parameter(bias.clone(), requires_grad=False)
    return conv


def _first_layer(backbone: Backbone, name: str) -> tuple[Tensor, Tensor]:
    """Make the first convolution take RGB less its mean, of the range of [0, 1].

    The mean can't go into the bias as well: what zero padding means is the mean.
    """
    weight, bias = backbone.layers[name]
    matrix = weight.new_tensor(backbone.preprocessing.matrix)
    return torch.einsum("oikl,ij->ojkl", weight, matrix), bias


Place = tuple[str, bool]
"""A layer, and whether after its activation."""


class _VGG19(nn.Module):
    def __init__(self, backbone: Backbone, taps: Sequence[Tap]) -> None:
        super().__init__()
        self._places = {(tap.layer, tap.activated) for tap in taps}
        self.layers = nn.ModuleDict()
        for name in needed_layers("VGG19", taps):
            first = name == "conv1_1"
            layer = _first_layer(backbone, name) if first else backbone.layers[name]
            self.layers[name] = _frozen(layer)

    def forward(self, x: Tensor) -> dict[Place, Tensor]:
        found = {}
        for name, convolution in self.layers.items():
            if name.endswith("_1") and name != "conv1_1":
                x = F.max_pool2d(x, 2)
            x = convolution(x)
            kept = (name, False) in self._places
            if kept:
                found[name, False] = x
            # In place saves memory and time, but not over what was handed out.
            x = F.relu(x, inplace=not kept)
            if (name, True) in self._places:
                found[name, True] = x
        return found


class _Fire(nn.Module):
    def __init__(self, backbone: Backbone, name: str) -> None:
        super().__init__()
        self.squeeze = _frozen(backbone.layers[f"{name}.squeeze"])
        self.expand1x1 = _frozen(backbone.layers[f"{name}.expand1x1"])
        self.expand3x3 = _frozen(backbone.layers[f"{name}.expand3x3"])

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu_(self.squeeze(x))
        return F.relu_(torch.cat([self.expand1x1(x), self.expand3x3(x)], 1))


class _SqueezeNet(nn.Module):
    def __init__(self, backbone: Backbone, taps: Sequence[Tap]) -> None:
        super().__init__()
        self.first = _frozen(_first_layer(backbone, "conv1"), stride=2)
        needed = needed_layers("SqueezeNet 1.1", taps)
        fires = dict.fromkeys(name.split(".")[0] for name in needed[1:])
        self.fires = nn.ModuleDict({fire: _Fire(backbone, fire) for fire in fires})

    def forward(self, x: Tensor) -> dict[Place, Tensor]:
        x = F.relu_(self.first(x))
        found = {("conv1", True): x}
        for name, fire in self.fires.items():
            if name in POOLED_FIRES:
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
            x = fire(x)
            found[name, True] = x
        return found


_MODULES: dict[NetworkName, type[_VGG19] | type[_SqueezeNet]] = {
    "VGG19": _VGG19,
    "SqueezeNet 1.1": _SqueezeNet,
}


def _unit(x: Tensor, *, soft: bool) -> Tensor:
    """Scale (N, C, h, w) to unit length over C, in at least float32.

    The floor is inside the root, so that the gradient is finite where x is zero.
    Softly, it is a share of the picture's mean squared length, which is taken as
    given: what is far shorter than that comes out short.
    """
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    squared = x.square().sum(1, keepdim=True)
    if soft:
        squared = squared + _SOFT_FLOOR * squared.detach().mean((2, 3), keepdim=True)
    return x * torch.rsqrt(squared + _UNIT_FLOOR)


class Features(nn.Module):
    """Frozen activations of images; gradients reach the images alone.

    Images are RGB in [0, 1], (N, 3, H, W), at least 17 pixels wide and high.  Zero
    padding.  Channels last in memory is fastest, for images too.  Built by
    `build_features`.
    """

    def __init__(self, taps: Sequence[Tap], backbones: Sequence[Backbone]) -> None:
        super().__init__()
        self.taps = tuple(taps)
        self.networks = nn.ModuleList()
        self._names = [backbone.network for backbone in backbones]
        for number, backbone in enumerate(backbones):
            own = [tap for tap in taps if tap.network == backbone.network]
            self.networks.append(_MODULES[backbone.network](backbone, own))
            mean = torch.tensor(backbone.preprocessing.mean).view(1, 3, 1, 1)
            self.register_buffer(f"mean{number}", mean, persistent=False)
        self.train(False)

    def train(self, mode: bool = True) -> "Features":  # noqa: ARG002 (always in eval)
        """Stay in evaluation."""
        return super().train(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the activations (N, C, h, w) of each tap.

        Under autocast they are of its type, but those of unit length are float32.
        """
        found = {}
        for number, (name, network) in enumerate(
            zip(self._names, self.networks, strict=True)
        ):
            places = network(images - self.get_buffer(f"mean{number}"))
            found.update({(name, *place): x for place, x in places.items()})
        wanted = [found[tap.network, tap.layer, tap.activated] for tap in self.taps]
        return [
            _unit(x, soft=tap.soft) if tap.unit else x
            for tap, x in zip(self.taps, wanted, strict=True)
        ]


def _span(names: Sequence[str]) -> str:
    """Say which layers, by the first and the last."""
    first, last = (names[end].split(".")[0] for end in (0, -1))
    return first if first == last else f"{first}…{last}"


def build_features(taps: Sequence[Tap], backbones: Sequence[Backbone]) -> Features:
    """Build of `backbones`, one for each network, what `taps` need.

    Raises:
        WeightsError: they lack a layer.
    """
    held = {backbone.network: backbone for backbone in backbones}
    for tap in reversed(taps):
        layers = () if tap.network not in held else tuple(held[tap.network].layers)
        missing = [n for n in needed_layers(tap.network, [tap]) if n not in layers]
        if missing:
            holds = " and ".join(
                f"{_span(list(backbone.layers))} of {backbone.network}"
                for backbone in backbones
            )
            raise WeightsError(
                f"The feature weights hold {holds or 'nothing'}; {tap.asked} needs "
                f"{missing[-1].split('.')[0]} of {tap.network}",
                f"Give all of {tap.network} with --features-file, or features of an "
                "earlier layer",
            )
    used = [held[name] for name in dict.fromkeys(tap.network for tap in taps)]
    features = Features(taps, used)
    # torch's stubs don't know that modules take a memory format.
    return features.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
