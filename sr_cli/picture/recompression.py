"""What is left of pixels after a JPEG file."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def recompress(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Encode (H, W, 3) as JPEG of `quality` 1 to 100, and decode it again.

    Colours have half the resolution (4:2:0), as cameras and web sites save them.
    """
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality, subsampling="4:2:0")
    return np.asarray(Image.open(stream))
