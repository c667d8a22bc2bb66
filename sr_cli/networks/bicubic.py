"""Enlargement by a fixed kernel as weighted sums of neighbours, without torch.

Enlarging `factor` times, output pixel factor·i + p lies at input position
i + (p + ½)/factor - ½, and reads the input pixels i-2 … i+2 with the weights of Keys'
cubic kernel at a = -½, along each axis.  So a 5×5 convolution with factor² outputs per
channel, and then PixelShuffle(factor), is bicubic enlargement.  With the picture's
edges mirrored, edge pixels repeated, it equals MATLAB's `imresize`, and so
`sr_cli.degrade.resize`, everywhere.  (R. Keys, "Cubic convolution interpolation for
digital image processing", 1981, equation 15.)

Linear enlargement has the same form with a triangle for a kernel.  It reads one pixel
beyond the edge at most, where mirroring repeats the edge: so it equals torch's bilinear
interpolation with `align_corners=False`, which some networks add to their output.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kernel = Literal["cubic", "linear"]

REACH = 2
"""How many input pixels to each side have a weight; linear's outermost are zero."""


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x <= 1.0, near, np.where(x < 2.0, far, 0.0))


def _triangle(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(1.0 - np.abs(x), 0.0)


def phase_weights(factor: int, kernel: Kernel = "cubic") -> NDArray[np.float64]:
    """Return the weights (factor, 5) of input pixels i-2 … i+2 in each output phase.

    Each row sums to one.  `factor` is at least 2.
    """
    offset = (np.arange(factor) + 0.5) / factor - 0.5
    weigh = _cubic if kernel == "cubic" else _triangle
    return weigh(offset[:, None] - np.arange(-REACH, REACH + 1))


def enlarging_kernel(factor: int, kernel: Kernel = "cubic") -> NDArray[np.float32]:
    """Return both axes' weights as kernels (factor², 5, 5), phases row by row."""
    weight = phase_weights(factor, kernel)
    side = weight.shape[1]
    product = weight[:, None, :, None] * weight[None, :, None, :]
    return product.reshape(factor**2, side, side).astype(np.float32)
