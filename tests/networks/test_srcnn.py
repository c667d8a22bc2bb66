"""SRCNN against the paper's, written out on luma."""

import torch
from torch import nn

from luma_networks import SMALL, low_pictures, trained
from sr_cli.catalog import Architecture
from sr_cli.networks.luma import luma
from sr_cli.networks.srcnn import SRCNN


def paper(channels: int) -> nn.Sequential:
    """Equations 1 to 3 of Dong et al., with padding."""
    return nn.Sequential(
        nn.Conv2d(1, channels, 9, padding="same"),
        nn.ReLU(),
        nn.Conv2d(channels, channels // 2, 5, padding="same"),
        nn.ReLU(),
        nn.Conv2d(channels // 2, 1, 5, padding="same"),
    )


def test_the_network_is_the_papers_on_the_enlarged_luma():
    ours = trained(SMALL["srcnn"])
    theirs = paper(8)
    weights = list(ours.state_dict().values())
    theirs.load_state_dict(dict(zip(theirs.state_dict(), weights, strict=True)))
    low = torch.from_numpy(low_pictures(2, 3, 7, 9))
    with torch.no_grad():
        enlarged = ours.enlarge(low)
        expected = enlarged + theirs(luma(enlarged))
        found = ours(low)
    assert found.shape == (2, 3, 28, 36)
    assert (found - expected).abs().max() <= 1e-6


def test_the_papers_size():
    """57,281 parameters of 9-5-5 with 64 and 32 filters, counted by hand."""
    network = SRCNN(Architecture(family="srcnn"))
    expected = 9 * 9 * 64 + 64 + 5 * 5 * 64 * 32 + 32 + 5 * 5 * 32 + 1
    assert sum(p.numel() for p in network.parameters()) == expected == 57_281
