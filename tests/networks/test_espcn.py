"""ESPCN against the paper's, written out on luma."""

import dataclasses

import pytest
import torch
from torch import nn

from luma_networks import SMALL, low_pictures, trained
from sr_cli.catalog import Architecture
from sr_cli.networks.espcn import ESPCN
from sr_cli.networks.luma import luma


def paper(channels: int, scale: int) -> nn.Sequential:
    """Figure 1 of Shi et al., with padding."""
    return nn.Sequential(
        nn.Conv2d(1, channels, 5, padding="same"),
        nn.Tanh(),
        nn.Conv2d(channels, channels // 2, 3, padding="same"),
        nn.Tanh(),
        nn.Conv2d(channels // 2, scale * scale, 3, padding="same"),
        nn.PixelShuffle(scale),
    )


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_network_is_the_papers_on_the_small_luma(scale):
    ours = trained(dataclasses.replace(SMALL["espcn"], scale=scale))
    theirs = paper(8, scale)
    weights = list(ours.state_dict().values())
    theirs.load_state_dict(dict(zip(theirs.state_dict(), weights, strict=True)))
    low = torch.from_numpy(low_pictures(2, 3, 7, 9))
    with torch.no_grad():
        expected = ours.enlarge(low) + theirs(luma(low))
        found = ours(low)
    assert found.shape == (2, 3, 7 * scale, 9 * scale)
    assert (found - expected).abs().max() <= 1e-6


def test_the_papers_size():
    """24,752 parameters of 5-3-3 with 64 and 32 filters, counted by hand."""
    network = ESPCN(Architecture(family="espcn"))
    expected = 5 * 5 * 64 + 64 + 3 * 3 * 64 * 32 + 32 + 3 * 3 * 32 * 16 + 16
    assert sum(p.numel() for p in network.parameters()) == expected == 24_752


def test_its_first_units_are_no_straight_lines():
    """Detail of ±0.05 must bend tanh, or all that is learnt is to sharpen."""
    torch.manual_seed(0)
    network = ESPCN(Architecture(family="espcn"))
    detail = 0.5 + 0.05 * torch.randn(1, 1, 32, 32)
    before = network.head(detail)
    bent = (before - torch.tanh(before)).abs().mean() / before.abs().mean()
    assert 0.1 < bent < 0.8
