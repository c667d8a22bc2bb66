"""The discriminator of Ledig et al. (arXiv 1609.04802), figure 4."""

from typing import Literal

import torch
from torch import Tensor, nn

Head = Literal["dense", "patch"]

_SLOPE = 0.2
# Each row: output channels in those of the first convolution, and its stride.
_CONVOLUTIONS = ((1, 1), (1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1), (8, 2))


class Discriminator(nn.Module):
    """Map pictures (N, 3, crop, crop) in [-1, 1] to logits: above 0 for real.

    Eight 3×3 convolutions of 64 to 512 channels, every second one halving the side;
    LeakyReLU, and BatchNorm on all but the first.  "dense" ends as in the paper, in
    layers of 1,024 and of 1 unit, one logit (N, 1) a picture.  "patch" ends in the
    same layers at every place of the last map, logits (N, 1, h, w): it judges
    texture alone, and takes any size.
    """

    def __init__(self, crop: int, channels: int = 64, head: Head = "dense") -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before, side = 3, crop
        for number, (width, stride) in enumerate(_CONVOLUTIONS):
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
        units = 16 * channels
        if head == "dense":
            self.verdict = nn.Sequential(
                nn.Flatten(),
                nn.Linear(before * side**2, units),
                nn.LeakyReLU(_SLOPE, inplace=True),
                nn.Linear(units, 1),
            )
        else:
            self.verdict = nn.Sequential(
                nn.Conv2d(before, units, 1),
                nn.LeakyReLU(_SLOPE, inplace=True),
                nn.Conv2d(units, 1, 1),
            )
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight, _SLOPE)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        with torch.no_grad():  # first verdicts near "can't say"
            last = self.verdict[-1]
            assert isinstance(last, (nn.Linear, nn.Conv2d))
            last.weight.mul_(0.1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Judge `pictures`."""
        logits: Tensor = self.verdict(self.features(pictures))
        return logits
