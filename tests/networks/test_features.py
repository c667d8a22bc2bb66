"""Feature networks against chains of torch's functions, written out by hand."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sr_cli.errors import ConfigError, WeightsError
from sr_cli.networks.features import (
    IMAGENET,
    Features,
    build_features,
    caffe,
    needed_layers,
    random_backbone,
    read_backbone,
)
from sr_cli.networks.taps import Tap, parse_features

BLOCKS = ((0, 2), (5, 7), (10, 12, 14, 16), (19, 21, 23, 25), (28, 30, 32, 34))
"""Where torchvision's VGG19 has its convolutions; a pooling follows each block."""

CONVOLUTIONS = [str(index) for block in BLOCKS for index in block]
VGG_NAMES = [
    f"{i}{j}" for i, block in enumerate(BLOCKS, 1) for j in range(1, len(block) + 1)
]
FIRES = (("3", 16), ("4", 16), ("6", 32), ("7", 32), ("9", 48))
FIRES += (("10", 48), ("11", 64), ("12", 64))

State = dict[str, Tensor]


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def layer(state: State, key: str, shape: tuple[int, ...], random) -> None:
    fan_in = shape[1] * shape[2] * shape[3]
    state[f"{key}.weight"] = torch.randn(shape, generator=random) * (2 / fan_in) ** 0.5
    state[f"{key}.bias"] = torch.randn(shape[0], generator=random) * 0.1


def vgg_state(convolutions: int = 5, prefix: str = "features.") -> State:
    """Random weights of the first convolutions, in torchvision's layout."""
    random = torch.Generator().manual_seed(1)
    widths = [64] * 2 + [128] * 2 + [256] * 4 + [512] * 8
    state: State = {}
    inputs = 3
    for key, width in list(zip(CONVOLUTIONS, widths, strict=True))[:convolutions]:
        layer(state, prefix + key, (width, inputs, 3, 3), random)
        inputs = width
    return state


def squeeze_state(fires: int = 8, prefix: str = "features.") -> State:
    random = torch.Generator().manual_seed(2)
    state: State = {}
    layer(state, f"{prefix}0", (64, 3, 3, 3), random)
    inputs = 64
    for key, narrow in FIRES[:fires]:
        layer(state, f"{prefix}{key}.squeeze", (narrow, inputs, 1, 1), random)
        for part, side in (("expand1x1", 1), ("expand3x3", 3)):
            shape = (4 * narrow, narrow, side, side)
            layer(state, f"{prefix}{key}.{part}", shape, random)
        inputs = 8 * narrow
    return state


def imagenet(images: Tensor) -> Tensor:
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    return (images - mean) / deviation


def convolve(x: Tensor, state: State, key: str, **how: int) -> Tensor:
    return F.conv2d(x, state[f"{key}.weight"], state[f"{key}.bias"], **how)


def vgg_by_hand(x: Tensor, state: State) -> dict[str, Tensor]:
    """Every activation of VGG19 by name, as far as the weights go."""
    found = {}
    names = iter(VGG_NAMES)
    for block in BLOCKS:
        for key in block:
            if f"features.{key}.weight" not in state:
                return found
            name = next(names)
            x = convolve(x, state, f"features.{key}", padding=1)
            found[f"vgg{name}-pre"] = x.clone()
            x = F.relu(x)
            found[f"vgg{name}"] = x
        x = F.max_pool2d(x, 2)
    return found


def squeezenet_by_hand(x: Tensor, state: State) -> dict[int, Tensor]:
    """What torchvision's `features[:n]` would give, by n - 1, the last index."""
    x = F.relu(convolve(x, state, "features.0", stride=2))
    found = {1: x}
    for key in range(2, 13):
        if key in (2, 5, 8):
            x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        else:
            name = f"features.{key}"
            x = F.relu(convolve(x, state, f"{name}.squeeze"))
            one = F.relu(convolve(x, state, f"{name}.expand1x1"))
            three = F.relu(convolve(x, state, f"{name}.expand3x3", padding=1))
            x = torch.cat([one, three], 1)
        found[key] = x
    return found


def features_of(names: str, *states: State) -> Features:
    return build_features(parse_features(names), [read_backbone(s) for s in states])


def images(side: int = 32, seed: int = 0) -> Tensor:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(seed))


def close(found: Tensor, expected: Tensor, tolerance: float = 1e-4) -> bool:
    error = (found - expected).abs().max() / expected.abs().max()
    return found.shape == expected.shape and bool(error < tolerance)


def test_vgg19_equals_the_chain_to_its_end():
    state = vgg_state(16)
    expected = vgg_by_hand(imagenet(images()), state)
    assert len(expected) == 32
    found = features_of("+".join(expected), state)(images())
    for (name, chain), ours in zip(expected.items(), found, strict=True):
        assert close(ours, chain), name
    assert found[-1].shape == (2, 512, 2, 2)
    assert bool((found[-1] >= 0).all())
    assert bool((found[-2] < 0).any())


@pytest.mark.parametrize("side", [17, 33, 48])
def test_squeezenet_equals_the_chain(side):
    state = squeeze_state()
    chain = squeezenet_by_hand(imagenet(images(side)), state)
    names = "squeeze+" + "+".join(f"squeeze{fire}" for fire in range(2, 10))
    found = features_of(names, state)(images(side))
    # The last layers of the slices of LPIPS.
    for ours, index in zip(found[:7], (1, 4, 7, 9, 10, 11, 12), strict=True):
        unit = chain[index] / chain[index].square().sum(1, keepdim=True).sqrt()
        assert close(ours, unit.nan_to_num())
    assert [x.shape[1] for x in found[:7]] == [64, 128, 256, 384, 384, 512, 512]
    for ours, (key, _) in zip(found[7:], FIRES, strict=True):
        assert close(ours, chain[int(key)])


def test_soft_lengths_are_short_where_a_picture_is_weak():
    """One where it is strong, next to nothing where it is flat; each by itself."""
    state = squeeze_state()
    pictures = images(48)
    pictures[..., :24] = 0.5 + 0.01 * (pictures[..., :24] - 0.5)
    raw = squeezenet_by_hand(imagenet(pictures), state)[1]
    ours = features_of("squeeze-soft", state)(pictures)[0]
    squared = raw.square().sum(1, keepdim=True)
    floor = 0.3 * squared.mean((2, 3), keepdim=True)
    assert close(ours, raw / (squared + floor).sqrt())
    alone = features_of("squeeze-soft", state)(pictures[:1])[0]
    assert close(alone, ours[:1])


@pytest.mark.parametrize("name", VGG_NAMES[:5])
def test_before_and_after_differ_by_the_activation(name):
    after, before, again = (
        features_of(names, vgg_state())(images())[0]
        for names in (f"vgg{name}", f"vgg{name}-pre", f"vgg{name}+vgg{name}-pre")
    )
    assert torch.equal(after, before.clamp(min=0))
    assert torch.equal(after, again)


def test_one_pass_gives_what_single_ones_do():
    names = "vgg31-pre+squeeze4+vgg12+vgg12-pre+squeeze"
    states = vgg_state(), squeeze_state()
    together = features_of(names, *states)(images())
    alone = [
        x for name in names.split("+") for x in features_of(name, *states)(images())
    ]
    assert all(torch.equal(a, b) for a, b in zip(together, alone, strict=True))


def test_only_what_is_needed_is_built():
    features = features_of("vgg12+squeeze2", vgg_state(), squeeze_state())
    assert len(list(features.parameters())) == 2 * 2 + 2 * (1 + 3)
    assert needed_layers("SqueezeNet 1.1", parse_features("vgg12")) == ()
    (network,) = features_of("vgg12", squeeze_state(), vgg_state()).networks
    assert len(list(network.parameters())) == 4


def test_weights_are_frozen_and_the_network_stays_in_evaluation():
    features = features_of("vgg12+squeeze2", vgg_state(), squeeze_state())
    assert not any(p.requires_grad for p in features.parameters())
    assert not any(m.training for m in features.train().modules())


def test_weights_are_copies():
    state = vgg_state(2)
    features = features_of("vgg12", state)
    before = features(images())[0]
    for tensor in state.values():
        tensor.zero_()
    assert torch.equal(features(images())[0], before)


@pytest.mark.parametrize(
    "name", ["vgg11", "vgg11-pre", "vgg22", "vgg22-pre", "vgg31", "squeeze", "squeeze4"]
)
def test_gradients_reach_the_images_and_are_those_of_the_value(name):
    features = features_of(name, vgg_state(), squeeze_state()).double()
    random = torch.Generator().manual_seed(3)
    start = torch.rand(1, 3, 21, 21, dtype=torch.float64, generator=random)
    target = [x.detach() for x in features(torch.flip(start, (2, 3)))]

    def loss(x: Tensor) -> Tensor:
        pairs = zip(features(x), target, strict=True)
        return torch.stack([(a - b).square().mean() for a, b in pairs]).sum()

    x = start.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(x), x)
    assert bool((gradient != 0).all())
    # Partly along the gradient, so that the derivative is no small difference of
    # large terms, and by a step so small that hardly an activation crosses zero.
    noise = torch.randn(x.shape, dtype=torch.float64, generator=random)
    direction = gradient / gradient.norm() + noise / noise.norm()
    numeric = (loss(start + 1e-7 * direction) - loss(start - 1e-7 * direction)) / 2e-7
    assert float(numeric) == pytest.approx(
        float((gradient * direction).sum()), rel=1e-4
    )


def test_flat_pictures_have_finite_gradients():
    state = {k: -v.abs() for k, v in squeeze_state().items()}  # nothing is active
    black = torch.ones(1, 3, 32, 32, requires_grad=True)
    found = features_of("squeeze", state)(black)
    torch.stack([x.square().sum() for x in found]).sum().backward()
    assert black.grad is not None
    assert bool(black.grad.isfinite().all())
    assert all(bool(x.isfinite().all()) for x in found)


def test_half_precision_is_close():
    names = "vgg22+squeeze"
    features = features_of(names, vgg_state(), squeeze_state())
    exact = features(images())
    with torch.autocast("cpu", torch.bfloat16):
        half = features(images().to(memory_format=torch.channels_last))
        from_half = features(images().bfloat16())
    assert half[0].dtype == torch.bfloat16
    assert {x.dtype for x in half[1:]} == {torch.float32}
    for one, two, three in zip(exact, half, from_half, strict=True):
        assert close(two.float(), one, 0.05)
        assert close(three.float(), one, 0.1)


def normalised_layout(state: State, matrix: Tensor, bias: Tensor) -> State:
    """The layout of the normalised VGG19: a 1×1 convolution first, then pads."""
    keys = (2, 5, 9, 12, 16, 19, 22, 25, 29, 32, 35, 38, 42, 45, 48, 51)
    new = {"0.weight": matrix.view(3, 3, 1, 1), "0.bias": bias}
    for key, old in zip(keys, CONVOLUTIONS, strict=True):
        for part in ("weight", "bias"):
            if f"features.{old}.{part}" in state:
                new[f"{key}.{part}"] = state[f"features.{old}.{part}"]
    return new


@pytest.mark.parametrize("convolutions", [1, 5, 16])
def test_the_normalised_layout_brings_its_preprocessing(convolutions):
    state = vgg_state(convolutions)
    random = torch.Generator().manual_seed(5)
    matrix = torch.randn(3, 3, generator=random) + 2 * torch.eye(3)
    bias = torch.randn(3, generator=random)
    seen = F.conv2d(images(), matrix.view(3, 3, 1, 1), bias)
    (*_, (name, expected)) = vgg_by_hand(seen, state).items()
    partial = normalised_layout(state, matrix, bias)
    assert close(features_of(name, partial)(images())[0], expected, 1e-3)


def test_caffe_networks_see_bgr_from_0_to_255():
    state = squeeze_state(1)
    bytes_ = images().flip(1) * 255 - torch.tensor([104.0, 117, 123]).view(3, 1, 1)
    expected = squeezenet_by_hand_first_fire(bytes_, state)
    backbone = read_backbone(state, caffe(104, 117, 123))
    (found,) = build_features(parse_features("squeeze2"), [backbone])(images())
    assert close(found, expected)


def squeezenet_by_hand_first_fire(x: Tensor, state: State) -> Tensor:
    full = squeeze_state() | state
    return squeezenet_by_hand(x, full)[3]


@pytest.mark.parametrize("make", [vgg_state, squeeze_state])
def test_layouts_are_known_with_and_without_prefix(make):
    plain = make(2, prefix="")
    prefixed = {f"features.{key}": value for key, value in plain.items()}
    classifier = {"classifier.6.weight": torch.zeros(1), "head.fc.bias": torch.ones(1)}
    one, two = read_backbone(plain), read_backbone(prefixed | classifier)
    assert one.network == two.network
    assert list(one.layers) == list(two.layers)
    assert one.preprocessing == IMAGENET


def test_half_precision_weights_become_float32():
    half = {key: value.half() for key, value in vgg_state(2).items()}
    weight, bias = read_backbone(half).layers["conv1_2"]
    assert weight.dtype == bias.dtype == torch.float32


def faulty(**changes: Tensor | None) -> State:
    state = vgg_state(5) | {k.replace("_", "."): v for k, v in changes.items()}
    return {key: value for key, value in state.items() if value is not None}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "no first convolution"),
        ({"network.head.weight": torch.zeros(64, 3, 9, 9)}, "no first convolution"),
        (faulty(features_2_bias=None), "bias of conv1_2 is missing, not 64"),
        (
            faulty(features_2_weight=torch.zeros(64, 64, 5, 5)),
            "weight of conv1_2 is 64×64×5×5, not 64×64×3×3",
        ),
        (
            faulty(features_5_weight=None, features_5_bias=None),
            "they lack conv2_1, but have conv2_2",
        ),
        # VGG16's third convolution of the third block is where VGG19 has a fourth.
        (faulty(features_17_weight=torch.zeros(1)), "layer 17, which VGG19 has not"),
        (
            faulty(features_2_bias=torch.full((64,), torch.nan)),
            "bias of conv1_2 holds something else than finite numbers",
        ),
        (
            faulty(features_2_bias=torch.zeros(64, dtype=torch.int64)),
            "bias of conv1_2 holds something else",
        ),
        (
            squeeze_state() | {"features.0.weight": torch.zeros(96, 3, 7, 7)},
            "weight of conv1 is 96×3×7×7",
        ),
        ({"0.weight": torch.zeros(3, 3, 1, 1)}, "loses colours"),
        (
            {"0.weight": torch.eye(3).view(3, 3, 1, 1), "1.weight": torch.zeros(1)},
            "layer 1",
        ),
    ],
)
def test_other_files_are_refused(state, message):
    with pytest.raises(WeightsError, match=message) as refusal:
        read_backbone(state)
    assert refusal.value.hint


@pytest.mark.parametrize(
    ("names", "states", "message"),
    [
        (
            "vgg54",
            [vgg_state(5)],
            "hold conv1_1…conv3_1 of VGG19; vgg54 needs conv5_4 of VGG19",
        ),
        ("vgg32-pre", [vgg_state(5)], "vgg32-pre needs conv3_2"),
        ("squeeze", [squeeze_state(3)], "conv1…fire4 of SqueezeNet 1.1; squeeze needs"),
        (
            "vgg22",
            [squeeze_state(1)],
            "conv1…fire2 of SqueezeNet 1.1; vgg22 needs conv2",
        ),
        (
            "vgg11+squeeze2",
            [vgg_state(1)],
            "hold conv1_1 of VGG19; squeeze2 needs fire2",
        ),
        ("vgg11", [], "hold nothing; vgg11"),
    ],
)
def test_layers_that_are_missing_are_named(names, states, message):
    with pytest.raises(WeightsError, match=message) as refusal:
        features_of(names, *states)
    assert "--features-file" in refusal.value.hint


def test_names():
    assert parse_features("vgg54") == (Tap("vgg54", "VGG19", "conv5_4"),)
    (tap,) = parse_features("vgg34-pre")
    assert (tap.layer, tap.activated, tap.unit) == ("conv3_4", False, False)
    taps = parse_features("vgg22+squeeze")
    assert len(taps) == 8
    assert all(tap.unit for tap in taps[1:])
    assert [tap.layer for tap in parse_features("squeeze9")] == ["fire9"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("vgg", "no features called 'vgg'"),
        ("vgg23", "called 'vgg23'"),
        ("vgg55", "called 'vgg55'"),
        ("VGG22", "called 'VGG22'"),
        ("squeeze1", "called 'squeeze1'"),
        ("squeeze-pre", "called 'squeeze-pre'"),
        ("mse", "called 'mse'"),
        ("", "called ''"),
        ("vgg22+", "called ''"),
        ("vgg22+vgg22", "vgg22 are named twice"),
    ],
)
def test_names_that_are_none(names, message):
    with pytest.raises(ConfigError, match=message) as refusal:
        parse_features(names)
    assert refusal.value.hint


ALL = [f"vgg{n}{end}" for n in VGG_NAMES for end in ("", "-pre")]
ALL += ["squeeze", *(f"squeeze{fire}" for fire in range(2, 10))]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(ALL), min_size=1, unique=True))
def test_every_list_of_names_is_read_in_its_order(parts):
    names = "+".join(parts)
    asked = [tap.asked for tap in parse_features(names)]
    assert list(dict.fromkeys(asked)) == parts


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="vgsquez12345-pre+", max_size=12))
def test_other_names_are_refused(names):
    parts = names.split("+")
    if set(parts) <= set(ALL) and len(set(parts)) == len(parts):
        assert parse_features(names)
    else:
        with pytest.raises(ConfigError):
            parse_features(names)


def test_drawn_weights_depend_on_the_seed_alone():
    short, long = (
        random_backbone("VGG19", parse_features(names), 7)
        for names in ("vgg12", "vgg31")
    )
    other = random_backbone("VGG19", parse_features("vgg12"), 8)
    assert list(short.layers) == ["conv1_1", "conv1_2"]
    for name, (weight, bias) in short.layers.items():
        assert torch.equal(weight, long.layers[name][0])
        assert not torch.equal(weight, other.layers[name][0])
        assert not bias.any()
    # He-normal: an activation's mean square neither grows nor shrinks.
    weight = long.layers["conv3_1"][0]
    assert np.isclose(float(weight.std()), (2 / (128 * 9)) ** 0.5, rtol=0.01)
