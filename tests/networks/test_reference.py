"""The network in numpy against the trained one in torch."""

import numpy as np
import pytest
import torch

from conftest import TINY, tiny_state
from luma_networks import SMALL, low_pictures, state_of, trained
from sr_cli.degrade import resize
from sr_cli.networks import reference
from sr_cli.networks.fuse import Conv, Enlarge, Network, Sigmoid, Tanh, fuse
from sr_cli.networks.srresnet import SRResNet


@pytest.mark.parametrize("kind", TINY)
@pytest.mark.parametrize("size", [(1, 1), (7, 11)])
def test_srresnet_is_what_was_trained(kind, size):
    state = tiny_state(TINY[kind])
    network = SRResNet(TINY[kind]).eval()
    network.load_state_dict({k: torch.from_numpy(v) for k, v in state.items()})
    low = low_pictures(1, 3, *size)
    with torch.inference_mode():
        expected = network(torch.from_numpy(low))[0].numpy()
    found = reference.compute(fuse(state, TINY[kind]), low[0])
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("family", SMALL)
def test_a_network_of_luma_is_what_was_trained(family):
    network, low = trained(SMALL[family]), low_pictures(1, 3, 7, 11)
    with torch.inference_mode():
        expected = network(torch.from_numpy(low))[0].numpy()
    fused = fuse(state_of(network), SMALL[family])
    np.testing.assert_allclose(reference.compute(fused, low[0]), expected, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (13, 8)])
def test_enlargement_is_matlabs(size):
    low = low_pictures(1, 3, *size)[0]
    found = reference.compute(Network((Enlarge(3),), 3), low).transpose(1, 2, 0)
    expected = resize(low.transpose(1, 2, 0), 3 * size[0], 3 * size[1])
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_linear_enlargement_is_torchs():
    low = low_pictures(1, 3, 5, 4)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(low), scale_factor=4, mode="bilinear", align_corners=False
    )
    found = reference.compute(Network((Enlarge(4, "linear"),), 4), low[0])
    np.testing.assert_allclose(found, expected[0].numpy(), atol=1e-6)


def test_a_sigmoid_of_twice_is_a_tanh_from_0_to_1():
    low = low_pictures(1, 3, 5, 4)[0] * 4 - 2
    double = Conv(2 * np.eye(3, dtype=np.float32)[:, :, None, None], np.zeros(3, "f4"))
    found = reference.compute(Network((double, Sigmoid()), 1), low)
    expected = reference.compute(Network((Tanh(),), 1), low) / 2 + 0.5
    np.testing.assert_allclose(found, expected, atol=1e-12)
