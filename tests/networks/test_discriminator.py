import pytest
import torch
from torch import nn

from sr_cli.networks.discriminator import (
    DenseDiscriminator,
    PatchDiscriminator,
    build_discriminator,
)


def test_it_is_the_papers():
    network = DenseDiscriminator(96)
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
    assert DenseDiscriminator(crop, channels=2)(pictures).shape == (2, 1)
    side = crop // 8
    assert PatchDiscriminator(channels=2)(pictures).shape == (2, 1, side, side)


@pytest.mark.parametrize("judge", ["dense", "patch"])
def test_it_learns_to_tell(judge):
    torch.manual_seed(0)
    network = build_discriminator(judge, 16, channels=4)
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
        network.settle()
    assert real.min() > fake.max()


@pytest.mark.parametrize("judge", ["dense", "patch"])
def test_its_first_verdicts_are_open(judge):
    torch.manual_seed(0)
    assert (
        build_discriminator(judge, 96, 64)(torch.rand(4, 3, 96, 96)).abs().max() < 1.0
    )


def spectral_norms(network):
    convolutions = [m for m in network.layers if isinstance(m, nn.Conv2d)]
    return [
        torch.linalg.matrix_norm(c.weight.detach().flatten(1), 2).item()
        for c in convolutions[1:-1]
    ]


def test_patches_are_judged_with_spectral_norms_of_one():
    """By torch's singular values: near after one update, nearer where it stands."""
    torch.manual_seed(0)
    network = PatchDiscriminator(channels=8)
    assert spectral_norms(network) == pytest.approx([1.0] * 6, abs=0.05)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3.0).add_(torch.randn_like(parameter), alpha=0.02)
    for _ in range(200):
        network.settle()
    assert spectral_norms(network) == pytest.approx([1.0] * 6, abs=0.01)


def test_what_settles_is_saved():
    torch.manual_seed(0)
    one, other = PatchDiscriminator(channels=4), PatchDiscriminator(channels=4)
    other.load_state_dict(one.state_dict())
    for network in (one, other):
        network.settle()
    pictures = torch.rand(1, 3, 16, 16)
    assert torch.equal(one(pictures), other(pictures))


def test_a_patch_sees_68_pixels():
    torch.manual_seed(0)
    network = PatchDiscriminator(channels=4)
    pictures = torch.rand(1, 3, 160, 160, requires_grad=True)
    (slope,) = torch.autograd.grad(network(pictures)[0, 0, 10, 10], pictures)
    (rows,) = slope.abs().amax((0, 1, 3)).nonzero(as_tuple=True)
    assert int(rows[-1] - rows[0]) + 1 == 68
