import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio

from sr_cli.train.losses import (
    DISTANCES,
    consistency,
    feature_distance,
    lattice,
    relativistic_gan,
    standard_gan,
    total_variation,
)


def test_pixel_losses_by_their_formulas():
    torch.manual_seed(0)
    a, b = torch.rand(2, 2, 3, 8, 8)
    assert DISTANCES["mse"](a, b) == pytest.approx(((a - b) ** 2).mean().item())
    assert DISTANCES["l1"](a, b) == pytest.approx((a - b).abs().mean().item())
    root = torch.sqrt((a - b) ** 2 + 1e-6).mean().item()
    assert DISTANCES["charbonnier"](a, b) == pytest.approx(root)


def test_a_decibel_counts_alike_in_every_picture():
    """The loss is what the mean of scikit-image's PSNRs lacks to 50 dB."""
    torch.manual_seed(0)
    truth = torch.rand(3, 3, 16, 16)
    noise = torch.randn(3, 3, 16, 16)
    easy_and_hard = truth + noise * torch.tensor([0.1, 0.03, 0.01])[:, None, None, None]
    psnrs = [
        peak_signal_noise_ratio(a.numpy(), b.numpy(), data_range=1.0)
        for a, b in zip(truth, easy_and_hard, strict=True)
    ]
    found = DISTANCES["psnr"](easy_and_hard, truth).item()
    # 1e-5 is added to every picture's mse, of which the least is 1e-4 here.
    assert 50.0 - np.mean(psnrs) == pytest.approx(found, abs=0.2)
    assert found > 50.0 - np.mean(psnrs)
    assert DISTANCES["psnr"](truth, truth) == 0.0


def test_the_papers_scale_of_features():
    """1/12.75 on the maps is 0.006 on their loss (section 3.2)."""
    torch.manual_seed(0)
    ours, theirs = torch.rand(2, 1, 8, 4, 4)
    found = feature_distance([ours], [theirs], "mse", 1 / 12.75)
    assert found == pytest.approx(0.00615 * F.mse_loss(ours, theirs).item(), rel=1e-3)


def test_several_maps_count_alike():
    one, other = [torch.zeros(1, 2, 3, 3)] * 2, [torch.ones(1, 2, 3, 3)] * 2
    other[1] = other[1] * 3
    assert feature_distance(one, other, "l1", 1.0) == pytest.approx(2.0)


def test_relative_distances_forget_the_scale():
    torch.manual_seed(0)
    ours, theirs = torch.rand(2, 1, 8, 4, 4)
    found = feature_distance([ours], [theirs], "relative", 1.0)
    expected = (ours - theirs).abs().mean() / theirs.abs().mean()
    assert found.item() == pytest.approx(expected.item())
    for scale in (1e-3, 50.0):
        again = feature_distance([ours * scale], [theirs * scale], "relative", 1.0)
        assert again.item() == pytest.approx(found.item(), rel=1e-5)


@given(st.floats(-20.0, 20.0), st.floats(-20.0, 20.0))
def test_gan_losses_are_the_textbooks(real, fake):
    logits = torch.tensor([real], dtype=torch.float64), torch.tensor([fake]).double()
    told, fooled = standard_gan(*logits)
    of_real, of_fake = (torch.sigmoid(x) for x in logits)
    assert told.item() == pytest.approx(
        -(of_real.log() + (1 - of_fake).log()).item(), abs=1e-6
    )
    assert fooled.item() == pytest.approx(-of_fake.log().item(), abs=1e-6)


def test_a_relativistic_judge_compares():
    real, fake = torch.tensor([3.0, 5.0]), torch.tensor([1.0, 1.0])
    told, fooled = relativistic_gan(real, fake)
    assert told < math.log(2.0) < fooled
    for shift in (-7.0, 30.0):
        again = relativistic_gan(real + shift, fake + shift)
        assert torch.allclose(torch.stack(again), torch.stack((told, fooled)))
    swapped = relativistic_gan(fake, real)
    assert torch.allclose(torch.stack(swapped), torch.stack((fooled, told)))


def test_consistency_sees_colours_and_not_detail():
    torch.manual_seed(0)
    target = torch.rand(2, 3, 16, 16)
    detail = torch.rand(2, 3, 16, 16)
    detail -= F.avg_pool2d(detail, 4).repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert consistency(target + detail, target).item() == pytest.approx(0.0, abs=1e-6)
    shifted = consistency(target + detail - 0.02, target).item()
    assert shifted == pytest.approx(2 * 0.02, rel=1e-4)  # blocks', and the whole's
    # Blocks that are off to both sides are only off as blocks.
    waves = torch.where(torch.arange(16) // 4 % 2 == 0, 0.02, -0.02)
    assert consistency(target + waves, target).item() == pytest.approx(0.02, rel=1e-4)


def test_total_variation():
    flat = torch.full((2, 3, 5, 5), 0.3, requires_grad=True)
    assert total_variation(flat).item() == pytest.approx(0.0, abs=1e-3)
    (gradient,) = torch.autograd.grad(total_variation(flat), flat)
    assert gradient.isfinite().all()
    ramp = torch.arange(5.0).expand(1, 1, 5, 5)  # slope 1 to the right
    assert total_variation(ramp).item() == pytest.approx(16.0)
    both = ramp + 2.0 * ramp.mT
    assert total_variation(both).item() == pytest.approx(16.0 * 5**0.5)
    twice = total_variation(both.expand(2, 1, 5, 5))
    assert twice.item() == pytest.approx(16.0 * 5**0.5)


def test_a_lattice_is_seen_and_detail_is_not():
    """Dots of equal strength, in the rhythm of low-resolution pixels or at random."""
    torch.manual_seed(0)
    target = torch.rand(1, 3, 96, 96)
    dots = torch.zeros(1, 1, 96, 96)
    dots[..., 1::4, 2::4] = 0.1
    shuffled = dots.flatten()[torch.randperm(96 * 96)].view_as(dots)
    regular = lattice(target + dots, target).item()
    assert regular == pytest.approx(0.1 / 16)
    # 36 of them in a window of 576 pixels: what is left is their scatter and mean.
    assert lattice(target + dots - dots.mean(), target).item() > 1.5 * (
        lattice(target + shuffled - dots.mean(), target).item()
    )
    assert lattice(target, target) == 0.0


@pytest.mark.parametrize("side", [4, 16, 24, 36])
def test_small_pictures_have_lattices_too(side):
    target = torch.zeros(1, 3, side, side)
    output = target.clone()
    output[..., ::4, ::4] = 0.8
    assert lattice(output, target).item() == pytest.approx(0.8 / 16)
