"""What SRCNN and ESPCN share: bicubic colour, and a network on luma alone."""

import dataclasses

import numpy as np
import pytest
import torch

from luma_networks import SMALL, low_pictures, trained, without_residual
from sr_cli.catalog import Architecture
from sr_cli.degrade import resize
from sr_cli.networks.build import build
from sr_cli.networks.luma import luma
from sr_cli.networks.srresnet import SRResNet

FAMILIES = ["srcnn", "espcn"]


def bicubic(low: np.ndarray) -> np.ndarray:
    """Enlarge (N, 3, h, w) four times."""
    height, width = low.shape[2:]
    return np.stack(
        [
            resize(picture.transpose(1, 2, 0), 4 * height, 4 * width).transpose(2, 0, 1)
            for picture in low
        ]
    )


def chroma(rgb: np.ndarray) -> np.ndarray:
    """Cb and Cr of BT.601, (N, 2, h, w)."""
    weights = [[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
    return np.einsum("nchw,dc->ndhw", rgb, np.array(weights))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (9, 14)])
def test_without_a_residual_it_is_bicubic(family, size):
    low = low_pictures(2, 3, *size)
    with torch.no_grad():
        found = without_residual(SMALL[family])(torch.from_numpy(low)).numpy()
    np.testing.assert_allclose(found, bicubic(low), atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_colour_is_bicubic_and_luma_is_not(family):
    low = low_pictures(2, 3, 9, 14)
    with torch.no_grad():
        found = trained(SMALL[family])(torch.from_numpy(low)).numpy()
    plain = bicubic(low)
    np.testing.assert_allclose(chroma(found), chroma(plain), atol=1e-5)
    assert np.abs(found - plain).mean() > 0.01


@pytest.mark.parametrize("family", FAMILIES)
def test_the_network_sees_nothing_but_luma(family):
    low = torch.from_numpy(low_pictures(1, 3, 8, 8))
    network = trained(SMALL[family])
    gray = luma(low).expand(-1, 3, -1, -1)
    with torch.no_grad():
        residual = network(low) - network.enlarge(low)
        of_gray = network(gray) - network.enlarge(gray)
    assert (residual - of_gray).abs().max() <= 1e-5


@pytest.mark.parametrize("family", FAMILIES)
def test_output_range_is_where_black_and_white_are(family):
    low = torch.from_numpy(low_pictures(1, 3, 6, 5))
    signed = dataclasses.replace(SMALL[family], output_range=(-1.0, 1.0))
    with torch.no_grad():
        unit_output = trained(SMALL[family])(low)
        signed_output = trained(signed)(low)
    assert (signed_output - (2.0 * unit_output - 1.0)).abs().max() <= 1e-6


@pytest.mark.parametrize("family", FAMILIES)
def test_training_begins_at_bicubic_and_moves_every_weight(family):
    torch.manual_seed(0)
    network = build(Architecture(family=family))
    low = torch.from_numpy(low_pictures(1, 3, 16, 16))
    output = network(low)
    assert (output - network.enlarge(low)).abs().mean() < 0.01
    (output - torch.rand_like(output)).square().mean().backward()
    assert all(p.grad.abs().max() > 0.0 for p in network.parameters())


@pytest.mark.parametrize("family", FAMILIES)
def test_the_first_filters_do_not_see_how_bright_a_place_is(family):
    network = build(Architecture(family=family))
    even = torch.full((1, 1, 20, 20), 0.7)
    with torch.no_grad():
        inside = network.head(even)[:, :, 4:-4, 4:-4]
    assert inside.abs().max() <= 1e-5


@pytest.mark.parametrize("family", FAMILIES)
def test_autocast_leaves_the_picture_in_float32(family):
    low = torch.from_numpy(low_pictures(1, 3, 8, 8))
    network = without_residual(SMALL[family])
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found = network(low)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), bicubic(low.numpy()), atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_only_what_is_learnt_is_saved(family):
    names = {
        f"{n}.{p}" for n in ("head", "mapping", "tail") for p in ("weight", "bias")
    }
    assert set(build(SMALL[family]).state_dict()) == names


def test_a_family_decides_the_class():
    assert isinstance(build(Architecture(blocks=1, channels=4)), SRResNet)
    assert {type(build(SMALL[family])).__name__.lower() for family in FAMILIES} == set(
        FAMILIES
    )
