"""What a picture, or a verdict on it, is compared with.

Pictures are (N, 3, H, W); every loss is a mean over the batch.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor


def charbonnier(output: Tensor, target: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Return the mean of sqrt(d² + ε²): l1, but smooth at zero."""
    return torch.sqrt((output - target).square() + epsilon**2).mean()


def psnr_loss(output: Tensor, target: Tensor, floor: float = 1e-5) -> Tensor:
    """Return by how many dB the pictures' PSNR is below that of an mse of `floor`.

    The mean over the pictures of 10·log10(1 + mse / floor), which is never negative.
    What benchmarks report is the mean of the pictures' PSNRs, in which one dB counts
    alike in an easy picture and in a hard one; mse all but forgets the easy ones.
    """
    errors = (output - target).square().mean(dim=(1, 2, 3))
    return (10.0 / math.log(10.0)) * torch.log1p(errors / floor).mean()


Distance = Callable[[Tensor, Tensor], Tensor]

DISTANCES: dict[str, Distance] = {
    "mse": F.mse_loss,
    "l1": F.l1_loss,
    "charbonnier": charbonnier,
    "psnr": psnr_loss,
}


FeatureDistance = Literal["mse", "l1", "relative"]


def relative(ours: Tensor, theirs: Tensor) -> Tensor:
    """Return the l1 distance as a share of the truth's own mean size.

    Maps of any size count alike then, and so do differently scaled weights of the
    same feature network.
    """
    return F.l1_loss(ours, theirs) / theirs.abs().mean().clamp(min=1e-6)


_FEATURE_DISTANCES: dict[FeatureDistance, Distance] = {
    "mse": F.mse_loss,
    "l1": F.l1_loss,
    "relative": relative,
}


def feature_distance(
    ours: Sequence[Tensor],
    theirs: Sequence[Tensor],
    kind: FeatureDistance,
    scale: float,
) -> Tensor:
    """Compare maps of features, each multiplied by `scale`; the mean over the maps.

    With one map and "mse" this is l_VGG/i,j of Ledig et al., section 2.2.1.
    """
    compare = _FEATURE_DISTANCES[kind]
    distances = [
        compare(own.float() * scale, other.float() * scale)
        for own, other in zip(ours, theirs, strict=True)
    ]
    return torch.stack(distances).mean()


def consistency(output: Tensor, target: Tensor, scale: int = 4) -> Tensor:
    """Return the l1 distance of the means of blocks of `scale` × `scale` pixels.

    And that of the means of whole pictures: what all pictures are off by, half a
    level for example, is little beside what blocks are, and moves their l1 hardly.
    """
    error = output - target
    blocks = F.avg_pool2d(error, scale).abs().mean()
    return blocks + error.mean((2, 3)).abs().mean()


def lattice(output: Tensor, target: Tensor, scale: int = 4, cells: int = 6) -> Tensor:
    """Return how far `output` repeats itself from one low-resolution pixel to the next.

    The error at each of the `scale` × `scale` places in a low-resolution pixel is
    averaged over windows of `cells` × `cells` of them, which detail doesn't survive
    and a lattice does; the l1 norm of what is left.  Pictures of fewer cells count
    as one window.
    """
    places = F.pixel_unshuffle(output - target, scale)
    height, width = (min(cells, side) for side in places.shape[2:])
    windows = F.avg_pool2d(places, (height, width), stride=max(1, cells // 2))
    return windows.abs().mean()


def total_variation(output: Tensor) -> Tensor:
    """Return the sum over each picture's pixels of the gradient's length.

    Ledig et al. (section 3.2) give the weight, 2e-8, and no formula; this is the sum
    of J. Johnson et al., "Perceptual losses for real-time style transfer" (2016), to
    whom they refer.
    """
    down = output[..., 1:, :-1] - output[..., :-1, :-1]
    right = output[..., :-1, 1:] - output[..., :-1, :-1]
    # The root's slope is infinite at 0, where flat pictures are.
    length = torch.sqrt(down.square() + right.square() + 1e-12)
    return length.sum() / len(output)


def standard_gan(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the discriminator and the generator minimise, from logits.

    -log D(real) - log(1 - D(fake)), and -log D(fake): Goodfellow et al. (2014) in the
    form of Ledig et al., sections 2.1 and 2.2.2.
    """
    to_tell = F.softplus(-real).mean() + F.softplus(fake).mean()
    return to_tell, F.softplus(-fake).mean()


def relativistic_gan(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """As `standard_gan`, but each side is judged against the other's mean.

    The relativistic average of A. Jolicoeur-Martineau (2018), as in ESRGAN (Wang et
    al. 2018, section 3.2).
    """
    real_over, fake_over = real - fake.mean(), fake - real.mean()
    to_tell = F.softplus(-real_over).mean() + F.softplus(fake_over).mean()
    to_fool = F.softplus(real_over).mean() + F.softplus(-fake_over).mean()
    return to_tell / 2, to_fool / 2


GAN_LOSSES = {"standard": standard_gan, "relativistic": relativistic_gan}
