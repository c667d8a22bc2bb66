import pytest
import torch
from torch import nn

from sr_cli.networks.discriminator import Discriminator


def test_it_is_the_papers():
    network = Discriminator(96)
    convolutions = [m for m in network.features if isinstance(m, nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [64, 64, 128, 128, 256, 256] + [
        512
    ] * 2
    assert [c.stride[0] for c in convolutions] == [1, 2] * 4
    assert {c.kernel_size for c in convolutions} == {(3, 3)}
    slopes = [m for m in network.modules() if isinstance(m, nn.LeakyReLU)]
    assert {m.negative_slope for m in slopes} == {0.2}
    assert sum(isinstance(m, nn.BatchNorm2d) for m in network.features) == 7
    dense = [m for m in network.verdict if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in dense] == [
        (512 * 6 * 6, 1024),
        (1024, 1),
    ]


@pytest.mark.parametrize("crop", [16, 32, 36, 100])
def test_any_crop_gets_a_verdict(crop):
    pictures = torch.rand(2, 3, crop, crop) * 2 - 1
    assert Discriminator(crop, channels=2)(pictures).shape == (2, 1)
    side = -(-crop // 16)
    patches = Discriminator(crop, channels=2, head="patch")(pictures)
    assert patches.shape == (2, 1, side, side)


@pytest.mark.parametrize("head", ["dense", "patch"])
def test_it_learns_to_tell(head):
    torch.manual_seed(0)
    network = Discriminator(16, channels=4, head=head)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    smooth = torch.nn.functional.interpolate(torch.randn(8, 3, 4, 4), scale_factor=4)
    for _ in range(40):
        rough = torch.randn(8, 3, 16, 16)
        real, fake = network(rough), network(smooth)
        loss = (
            nn.functional.softplus(-real).mean() + nn.functional.softplus(fake).mean()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert real.min() > fake.max()


def test_its_first_verdicts_are_open():
    torch.manual_seed(0)
    assert Discriminator(96)(torch.rand(4, 3, 96, 96)).abs().max() < 1.0
