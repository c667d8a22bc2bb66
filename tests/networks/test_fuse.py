"""The fused list equals the trained network, and says what it is."""

import dataclasses

import numpy as np
import pytest
import torch

from conftest import TINY, tiny_state
from sr_cli.catalog import Architecture
from sr_cli.engines import EngineChoice, open_engine
from sr_cli.errors import WeightsError
from sr_cli.networks.fuse import Conv, fuse
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


def test_the_papers_network_reaches_40_pixels_and_has_37_convolutions():
    architecture = Architecture(blocks=16, channels=4, normalization="batch")
    network = fuse(tiny_state(architecture), architecture)
    assert network.halo == 40
    assert sum(isinstance(layer, Conv) for layer in network.layers) == 37


def test_halo_is_the_true_reach():
    architecture = Architecture(blocks=1, channels=4, normalization="none")
    network = fuse(tiny_state(architecture), architecture)
    engine = open_engine(network, EngineChoice("torch", "cpu", "float32"))
    low = np.zeros((1, 3, 41, 41), np.float32)
    lit = low.copy()
    lit[0, :, 20, 20] = 1.0
    changed = np.argwhere(np.abs(engine(lit) - engine(low)).max(axis=(0, 1)) > 0)
    reach = 20 - changed.min() / 4
    assert network.halo - 1 < reach <= network.halo


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
