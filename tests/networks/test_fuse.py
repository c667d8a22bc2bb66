"""The fused list equals the trained network, and says what it is."""

import dataclasses

import numpy as np
import pytest
import torch

from conftest import TINY, tiny_state
from luma_networks import SMALL, low_pictures, state_of, trained
from sr_cli.catalog import Architecture
from sr_cli.engines import EngineChoice, open_engine
from sr_cli.errors import WeightsError
from sr_cli.networks.fuse import (
    Add,
    Conv,
    Enlarge,
    Keep,
    Recall,
    Shuffle,
    fuse,
    receptive_radius,
)
from sr_cli.networks.srresnet import SRResNet


@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("output_range", [(0.0, 1.0), (-1.0, 1.0)])
def test_fused_equals_trained(norm, output_range):
    architecture = dataclasses.replace(TINY[norm], output_range=output_range)
    state = tiny_state(architecture)
    trained = SRResNet(architecture)
    trained.load_state_dict({k: torch.from_numpy(v) for k, v in state.items()})
    low = np.random.default_rng(0).random((2, 3, 19, 26), dtype=np.float32)
    with torch.inference_mode():
        expected = trained.eval()(torch.from_numpy(low)).numpy()
    black, white = output_range
    engine = open_engine(
        fuse(state, architecture), EngineChoice("torch", "cpu", "float32")
    )
    np.testing.assert_allclose(
        engine(low), (expected - black) / (white - black), atol=1e-5
    )


@pytest.mark.parametrize("family", ["srcnn", "espcn"])
@pytest.mark.parametrize("output_range", [(0.0, 1.0), (-1.0, 1.0)])
@pytest.mark.parametrize("size", [(1, 1), (1, 6), (19, 26)])
def test_fused_luma_networks_equal_the_trained(family, output_range, size):
    architecture = dataclasses.replace(SMALL[family], output_range=output_range)
    network = trained(architecture)
    low = low_pictures(2, 3, *size)
    with torch.inference_mode():
        expected = network(torch.from_numpy(low)).numpy()
    black, white = output_range
    engine = open_engine(
        fuse(state_of(network), architecture), EngineChoice("torch", "cpu", "float32")
    )
    np.testing.assert_allclose(
        engine(low), (expected - black) / (white - black), atol=1e-5
    )


def test_the_papers_network_reaches_40_pixels_and_has_37_convolutions():
    architecture = Architecture(blocks=16, channels=4, normalization="batch")
    network = fuse(tiny_state(architecture), architecture)
    assert network.halo == 40
    assert sum(isinstance(layer, Conv) for layer in network.layers) == 37


@pytest.mark.parametrize("family", ["srresnet", "srcnn", "espcn"])
def test_halo_is_the_true_reach(family):
    architecture = Architecture(
        family=family, blocks=1, channels=4, normalization="none"
    )
    state = (
        tiny_state(architecture)
        if family == "srresnet"
        else state_of(trained(architecture))
    )
    network = fuse(state, architecture)
    engine = open_engine(network, EngineChoice("torch", "cpu", "float32"))
    low = np.zeros((1, 3, 41, 41), np.float32)
    lit = low.copy()
    lit[0, :, 20, 20] = 1.0
    changed = np.argwhere(np.abs(engine(lit) - engine(low)).max(axis=(0, 1)) > 0)
    reach = 20 - changed.min() / 4
    assert network.halo - 1 < reach <= network.halo


@pytest.mark.parametrize("family", ["srcnn", "espcn"])
def test_the_luma_networks_reach_4_pixels(family):
    assert fuse(state_of(trained(SMALL[family])), SMALL[family]).halo == 4


def conv(side: int) -> Conv:
    return Conv(np.zeros((3, 3, side, side), np.float32), np.zeros(3, np.float32))


def test_the_longest_branch_counts():
    long, short = [Shuffle(2), conv(9), conv(5)], [Enlarge(2), conv(3)]
    for one, two in ((long, short), (short, long)):
        layers = [Keep("a"), *one, Keep("b"), Recall("a"), *two, Add("b"), conv(3)]
        assert receptive_radius(layers) == 4  # (4 + 2 + 1) / 2, rounded up
    assert receptive_radius([*short, Keep("a"), Add("a")]) == 3  # 2 + 1 / 2
    assert receptive_radius([Keep("a"), *long, Recall("a"), conv(5)]) == 2


def test_missing_tensor_is_named():
    state = tiny_state(TINY["none"])
    del state["blocks.1.conv2.weight"]
    with pytest.raises(WeightsError, match=r"lack the tensor blocks\.1\.conv2"):
        fuse(state, TINY["none"])


def test_tensors_of_another_width_are_refused():
    state = tiny_state(TINY["none"])
    state["merge.weight"] = state["merge.weight"][:, :4]
    with pytest.raises(WeightsError, match="expects 4 channels and gets 8"):
        fuse(state, TINY["none"])


def test_a_luma_network_without_a_tensor_is_refused():
    state = state_of(trained(SMALL["espcn"]))
    del state["mapping.bias"]
    with pytest.raises(WeightsError, match=r"lack the tensor mapping\.bias"):
        fuse(state, SMALL["espcn"])


def widen(state: dict[str, np.ndarray], channels: int) -> None:
    """Give the last convolution another number of outputs."""
    for part in ("weight", "bias"):
        state[f"tail.{part}"] = np.resize(
            state[f"tail.{part}"], (channels, *state[f"tail.{part}"].shape[1:])
        )


@pytest.mark.parametrize(
    ("family", "channels", "message"),
    [
        ("srcnn", 2, "add 2 channels at 4x to 3 at 4x"),
        ("espcn", 32, "add 3 channels at 4x to 2 at 4x"),
        ("espcn", 8, "add 3 channels at 4x to 0 at 4x"),
        ("srcnn", 4, "add 4 channels at 4x to 3 at 4x"),
    ],
)
def test_branches_that_do_not_fit_are_refused(family, channels, message):
    state = state_of(trained(SMALL[family]))
    widen(state, channels)
    with pytest.raises(WeightsError, match=message):
        fuse(state, SMALL[family])


def test_weights_of_another_family_are_refused():
    with pytest.raises(WeightsError, match="add 16 channels"):
        fuse(state_of(trained(SMALL["espcn"])), SMALL["srcnn"])
    with pytest.raises(WeightsError, match="add 3 channels at 4x to 0"):
        fuse(state_of(trained(SMALL["srcnn"])), SMALL["espcn"])
    with pytest.raises(WeightsError, match=r"lack the tensor head_act\.weight"):
        fuse(state_of(trained(SMALL["srcnn"])), TINY["none"])


def test_colour_instead_of_luma_is_refused():
    state = state_of(trained(SMALL["espcn"]))
    state["head.weight"] = state["head.weight"].repeat(3, axis=1)
    with pytest.raises(WeightsError, match="expects 3 channels and gets 1"):
        fuse(state, SMALL["espcn"])
