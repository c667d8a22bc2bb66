"""What SRCNN and ESPCN share: luma, and the bicubic picture that they correct.

Their papers give the network luma (Y) alone and enlarge Cb and Cr bicubically, as
eyes hardly see the difference.  Adding one number to red, green and blue adds it to
luma and leaves Cb and Cr as they are.  So what both papers do is to enlarge the RGB
picture bicubically and add to all three channels by how much luma should differ.
That this difference is what the network predicts is ours: the papers' networks
predict luma itself, and first have to learn to hand on what they are given.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sr_cli.networks.bicubic import enlarging_kernel
from sr_cli.networks.fuse import LUMA

_QUIET = 1e-3
"""Standard deviation of the last convolution's first weights, as in Dong et al.:
training begins at bicubic enlargement."""

_TANH_GAIN = 20.0


def luma(rgb: Tensor) -> Tensor:
    """Return the luma (N, 1, h, w) of `rgb` (N, 3, h, w), in its units."""
    red, green, blue = rgb[:, 0:1], rgb[:, 1:2], rgb[:, 2:3]
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue


def _mirrored(x: Tensor) -> Tensor:
    """Pad by two pixels as MATLAB does: 1 0 | 0 1 2 …

    Edges are repeated once first, so that one pixel is enough to start from.
    """
    x = F.pad(x, (1, 1, 1, 1), mode="replicate")
    x = torch.cat([x[:, :, 2:3], x, x[:, :, -3:-2]], dim=2)
    return torch.cat([x[:, :, :, 2:3], x, x[:, :, :, -3:-2]], dim=3)


def enlarge(x: Tensor, kernel: Tensor) -> Tensor:
    """Enlarge x (N, C, h, w) bicubically to (N, C, f·h, f·w), in its precision.

    `kernel` is (f², 5, 5): see `sr_cli.networks.bicubic`.
    """
    channels = x.shape[1]
    weight = kernel.repeat(channels, 1, 1).unsqueeze(1)
    phases = F.conv2d(_mirrored(x), weight, groups=channels)
    return F.pixel_shuffle(phases, round(kernel.shape[0] ** 0.5))


class Enlarge(nn.Module):
    """Bicubic enlargement in float32, also under autocast: it is most of the picture.

    (N, C, h, w) to (N, C, factor·h, factor·w); nothing to learn, nothing to save.
    """

    kernel: Tensor

    def __init__(self, factor: int) -> None:
        super().__init__()
        kernel = torch.from_numpy(enlarging_kernel(factor))
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge x."""
        with torch.autocast(x.device.type, enabled=False):
            return enlarge(x.float(), self.kernel.float())


def corrected(
    enlarged: Tensor, residual: Tensor, output_range: tuple[float, float]
) -> Tensor:
    """Add the luma `residual` (N, 1, H, W) to `enlarged` (N, 3, H, W).

    Both in units of [0, 1]; the result is in `output_range`.
    """
    black, white = output_range
    result: Tensor = enlarged + residual
    return result if (black, white) == (0.0, 1.0) else black + (white - black) * result


def initialize(
    head: nn.Conv2d,
    mapping: nn.Conv2d,
    tail: nn.Conv2d,
    activation: Literal["relu", "tanh"],
) -> None:
    """Give the three convolutions their first weights, and biases of zero.

    He's or Glorot's sizes for what `activation` follows, and next to nothing for the
    last.  The first filters sum to zero, for a correction depends on detail and not on
    how bright a place is: so it is learnt in half the updates, and without it Adam's
    first updates at 1e-3, all of one sign, silence every ReLU of SRCNN for good.

    Detail is a few hundredths of the range from black to white, where tanh is as good
    as a straight line, and a network of straight lines sharpens and no more: 7,000
    updates ended 0.3 dB below 800 that began with first filters 20 times as large.
    """
    for convolution in (head, mapping):
        if activation == "relu":
            nn.init.kaiming_normal_(convolution.weight)
        else:
            gain = nn.init.calculate_gain("tanh")
            nn.init.xavier_normal_(convolution.weight, gain)
    nn.init.normal_(tail.weight, std=_QUIET)
    with torch.no_grad():
        head.weight -= head.weight.mean(dim=(1, 2, 3), keepdim=True)
        if activation == "tanh":
            head.weight *= _TANH_GAIN
    for convolution in (head, mapping, tail):
        assert convolution.bias is not None
        nn.init.zeros_(convolution.bias)
