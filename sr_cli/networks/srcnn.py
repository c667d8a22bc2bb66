"""SRCNN (Dong et al., arXiv 1501.00092): three convolutions on the enlarged picture.

The paper's 9-5-5 network with 64 and 32 filters and ReLU.  It works at high
resolution, on the bicubic enlargement: each of its few weights is used 16 times as
often as one of ESPCN's.  Borders are padded with zeros, where the paper leaves them
out.  It predicts the residual of luma, not luma: see `sr_cli.networks.luma`.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from sr_cli.catalog import Architecture
from sr_cli.networks.luma import Enlarge, corrected, initialize, luma


class SRCNN(nn.Module):
    """Map low-resolution RGB (N, 3, h, w) in [0, 1] to (N, 3, 4h, 4w).

    The output is in the architecture's `output_range`, not clipped.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        channels = architecture.channels
        self.architecture = architecture
        self.enlarge = Enlarge(architecture.scale)
        self.head = nn.Conv2d(1, channels, 9, padding=4)
        self.mapping = nn.Conv2d(channels, channels // 2, 5, padding=2)
        self.tail = nn.Conv2d(channels // 2, 1, 5, padding=2)
        initialize(self.head, self.mapping, self.tail, "relu")

    def forward(self, low: Tensor) -> Tensor:
        """Upscale `low` (N, 3, h, w) in [0, 1]."""
        enlarged = self.enlarge(low)
        x = F.relu(self.head(luma(enlarged)))
        x = F.relu(self.mapping(x))
        return corrected(enlarged, self.tail(x), self.architecture.output_range)
