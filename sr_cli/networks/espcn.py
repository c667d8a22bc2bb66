"""ESPCN (Shi et al., arXiv 1609.05158): convolutions on the small picture alone.

The paper's 5-3-3 network with 64 and 32 filters and tanh; the last convolution makes
the 16 pixels that stand in the place of each one, and PixelShuffle puts them there.
All work is done at low resolution, so it is many times faster than SRCNN.  Borders
are padded with zeros.  It predicts the residual of luma, not luma: see
`sr_cli.networks.luma`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sr_cli.catalog import Architecture
from sr_cli.networks.luma import Enlarge, corrected, initialize, luma


class ESPCN(nn.Module):
    """Map low-resolution RGB (N, 3, h, w) in [0, 1] to (N, 3, 4h, 4w).

    The output is in the architecture's `output_range`, not clipped.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        channels, scale = architecture.channels, architecture.scale
        self.architecture = architecture
        self.enlarge = Enlarge(scale)
        self.head = nn.Conv2d(1, channels, 5, padding=2)
        self.mapping = nn.Conv2d(channels, channels // 2, 3, padding=1)
        self.tail = nn.Conv2d(channels // 2, scale**2, 3, padding=1)
        initialize(self.head, self.mapping, self.tail, "tanh")

    def forward(self, low: Tensor) -> Tensor:
        """Upscale `low` (N, 3, h, w) in [0, 1]."""
        x = torch.tanh(self.head(luma(low)))
        x = torch.tanh(self.mapping(x))
        residual = F.pixel_shuffle(self.tail(x), self.architecture.scale)
        return corrected(self.enlarge(low), residual, self.architecture.output_range)
