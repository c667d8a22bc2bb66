"""Low-resolution pictures as one program or another makes them.

The literature's come from MATLAB.  A network trained on those is measured wrongly on
others, and the other way round: cubic interpolation that doesn't widen its kernel
loses 0.7 to 1.3 dB to aliasing even on the bicubic row.
"""

from typing import get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sr_cli.bench.protocol import Reduction
from sr_cli.degradations.resampling import resample
from sr_cli.degrade import downscale, resize, to_uint8

REDUCTIONS: tuple[Reduction, ...] = get_args(Reduction)


def reduce(
    high: NDArray[np.uint8], scale: int, reduction: Reduction = "matlab"
) -> NDArray[np.uint8]:
    """Return (scale·h, scale·w, C), C = 1 or 3, as (h, w, C), by way of `reduction`."""
    if reduction == "matlab":
        return downscale(high, scale)
    height, width = high.shape[0] // scale, high.shape[1] // scale
    if reduction == "lanczos":
        return to_uint8(resize(high, height, width, "lanczos"))
    if reduction == "pillow":
        size, cubic = (width, height), Image.Resampling.BICUBIC
        planes = [Image.fromarray(plane) for plane in np.moveaxis(high, 2, 0)]
        return np.stack([np.asarray(plane.resize(size, cubic)) for plane in planes], 2)
    values = high.astype(np.float32)
    if reduction == "area":
        return to_uint8(resample(values, height, width, "area"))
    return to_uint8(resample(values, height, width, "cubic"))
