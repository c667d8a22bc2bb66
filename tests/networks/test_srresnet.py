"""The generator against the paper's, written out layer by layer."""

import pytest
import torch
from torch import nn

from conftest import TINY, tiny_state
from sr_cli.catalog import Architecture
from sr_cli.networks.srresnet import SRResNet


class PaperBlock(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n, n, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(n)
        self.act = nn.PReLU(n)
        self.conv2 = nn.Conv2d(n, n, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(n)

    def forward(self, x):
        return x + self.norm2(self.conv2(self.act(self.norm1(self.conv1(x)))))


class PaperStage(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n, 4 * n, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)
        self.act = nn.PReLU(n)

    def forward(self, x):
        return self.act(self.shuffle(self.conv(x)))


class Paper(nn.Module):
    """Figure 4 of Ledig et al., with nothing rewritten."""

    def __init__(self, blocks: int, n: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, n, 9, padding=4)
        self.head_act = nn.PReLU(n)
        self.blocks = nn.ModuleList(PaperBlock(n) for _ in range(blocks))
        self.merge = nn.Conv2d(n, n, 3, padding=1, bias=False)
        self.merge_norm = nn.BatchNorm2d(n)
        self.upsample = nn.ModuleList(PaperStage(n) for _ in range(2))
        self.tail = nn.Conv2d(n, 3, 9, padding=4)

    def forward(self, low):
        first = x = self.head_act(self.head(low))
        for block in self.blocks:
            x = block(x)
        x = first + self.merge_norm(self.merge(x))
        for stage in self.upsample:
            x = stage(x)
        return self.tail(x)


def drop_normalization(paper: Paper) -> Paper:
    for module in paper.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.Identity())
            elif name in ("conv1", "conv2", "merge"):
                child.bias = nn.Parameter(torch.zeros(child.out_channels))
    return paper


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("normalization", ["batch", "none"])
def test_the_network_is_the_papers(normalization, training):
    architecture = TINY[normalization]
    paper = Paper(architecture.blocks, architecture.channels)
    if normalization == "none":
        paper = drop_normalization(paper)
    state = {k: torch.from_numpy(v) for k, v in tiny_state(architecture).items()}
    ours = SRResNet(architecture)
    ours.load_state_dict(state)
    paper.load_state_dict(state)
    low = torch.rand(2, 3, 13, 11)
    with torch.no_grad():
        expected = paper.train(training)(low)
        found = ours.train(training)(low)
    assert found.shape == (2, 3, 52, 44)
    assert (found - expected).abs().max() <= 1e-5


def test_the_papers_size():
    """1.5 million parameters, counted by hand from figure 4."""
    network = SRResNet(Architecture())
    head = 9 * 9 * 3 * 64 + 64 + 64
    block = 2 * 3 * 3 * 64 * 64 + 2 * 2 * 64 + 64
    merge = 3 * 3 * 64 * 64 + 2 * 64
    stage = 3 * 3 * 64 * 256 + 256 + 64
    tail = 9 * 9 * 64 * 3 + 3
    expected = head + 16 * block + merge + 2 * stage + tail
    assert sum(p.numel() for p in network.parameters()) == expected == 1_548_547


def test_batch_statistics_are_learnt_and_the_slope_starts_at_a_quarter():
    network = SRResNet(TINY["batch"])
    before = network.blocks[0].norm1.running_mean.clone()
    network.train()(torch.rand(2, 3, 8, 8))
    assert not torch.equal(network.blocks[0].norm1.running_mean, before)
    assert torch.all(network.upsample[1].act.weight == 0.25)


def test_without_normalization_branches_begin_quiet():
    torch.manual_seed(0)
    network = SRResNet(Architecture(blocks=16, normalization="none"))
    first, second = network.blocks[0].conv1.weight, network.blocks[0].conv2.weight
    assert second.std() < 0.15 * first.std()
    with torch.no_grad():
        output = network(torch.rand(1, 3, 16, 16))
    assert 0.01 < output.std() < 2.0
