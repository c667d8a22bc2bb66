"""Judges of pictures: the paper's, and one of texture.

Both map pictures (N, 3, h, w) in [-1, 1] to logits, above 0 for real.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Judge = Literal["dense", "patch"]

_SLOPE = 0.2
# Each row: output channels in those of the first convolution, and its stride.
_DENSE = ((1, 1), (1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1), (8, 2))
_PATCH = ((1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1))
_POWER_ITERATIONS = 10  # at first; then one an update, as the weights move little


def _start(network: nn.Module, share: float) -> None:
    """Draw He-normal weights; first verdicts near "can't say": `share` of the last's.

    He et al., arXiv 1502.01852.
    """
    layers = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight, _SLOPE)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    with torch.no_grad():
        layers[-1].weight.mul_(share)


class DenseDiscriminator(nn.Module):
    """The discriminator of Ledig et al. (arXiv 1609.04802), figure 4.

    Eight 3×3 convolutions of 64 to 512 channels, every second one halving the side;
    LeakyReLU, and BatchNorm on all but the first; then layers of 1,024 and of 1 unit.
    One logit (N, 1) a picture, whose sides are all `crop`.
    """

    def __init__(self, crop: int, channels: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before, side = 3, crop
        for number, (width, stride) in enumerate(_DENSE):
            after = width * channels
            layers.append(
                nn.Conv2d(before, after, 3, stride, padding=1, bias=number == 0)
            )
            if number > 0:
                # It only ever judges batches, so it keeps no running statistics.
                layers.append(nn.BatchNorm2d(after, track_running_stats=False))
            layers.append(nn.LeakyReLU(_SLOPE, inplace=True))
            before, side = after, -(-side // stride)
        self.features = nn.Sequential(*layers)
        self.verdict = nn.Sequential(
            nn.Flatten(),
            nn.Linear(before * side**2, 16 * channels),
            nn.LeakyReLU(_SLOPE, inplace=True),
            nn.Linear(16 * channels, 1),
        )
        _start(self, 0.1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Judge `pictures`."""
        logits: Tensor = self.verdict(self.features(pictures))
        return logits

    def settle(self) -> None:
        """Nothing is to be done after an update."""


class PatchDiscriminator(nn.Module):
    """Judges texture alone, at every place of a picture of any size.

    Eight convolutions, three of which (4×4) halve the side, and LeakyReLU: logits
    (N, 1, h/8, w/8), each of which sees 68×68 pixels.  There is no BatchNorm, which
    takes away what real and fake batches differ by at first sight, the strength of
    their detail.  Instead the six inner convolutions have spectral norm 1 (as
    matrices O × I·k·k: Miyato et al., arXiv 1802.05957).  Weights are put back to it
    after every update, by `settle`, and not by a reparametrisation, so that judging
    changes nothing and threads can share the network.
    """

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        layers = [nn.Conv2d(3, channels, 3, 1, 1), nn.LeakyReLU(_SLOPE, inplace=True)]
        before = channels
        for width, stride in _PATCH:
            after = width * channels
            layers += [
                nn.Conv2d(before, after, 2 + stride, stride, 1),
                nn.LeakyReLU(_SLOPE, inplace=True),
            ]
            before = after
        layers.append(nn.Conv2d(before, 1, 3, 1, 1))
        self.layers = nn.Sequential(*layers)
        _start(self, 0.3)
        for number, weight in enumerate(self._inner()):
            left = F.normalize(torch.randn(len(weight)), dim=0)
            self.register_buffer(f"left{number}", left)
        for _ in range(_POWER_ITERATIONS):
            self.settle()

    def _inner(self) -> list[Tensor]:
        convolutions = [m for m in self.layers if isinstance(m, nn.Conv2d)]
        return [convolution.weight for convolution in convolutions[1:-1]]

    def forward(self, pictures: Tensor) -> Tensor:
        """Judge `pictures`."""
        logits: Tensor = self.layers(pictures)
        return logits

    @torch.no_grad()
    def settle(self) -> None:
        """Bring the inner convolutions back to spectral norm 1 after an update.

        One step of the power iteration, whose left singular vectors are kept.
        """
        for number, weight in enumerate(self._inner()):
            left = self.get_buffer(f"left{number}")
            matrix = weight.flatten(1)
            right = F.normalize(matrix.T @ left, dim=0)
            image = matrix @ right
            norm = image.norm()
            left.copy_(image / norm)
            weight.div_(norm)


Discriminator = DenseDiscriminator | PatchDiscriminator


def build_discriminator(judge: Judge, crop: int, channels: int) -> Discriminator:
    """Return the discriminator `judge` with its first weights, for sides of `crop`."""
    if judge == "dense":
        return DenseDiscriminator(crop, channels)
    return PatchDiscriminator(channels)
