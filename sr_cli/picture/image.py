"""Rows of pixels ─▶ what Pillow can encode."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sr_cli.picture.formats import Format


def to_image(rows: NDArray[np.uint8], row: Format) -> Image.Image:
    """Make (H, W, channels + alpha) an image of a mode that the format takes.

    Where it takes no alpha, what shows through becomes white.
    """
    im = Image.fromarray(rows[:, :, 0] if rows.shape[2] == 1 else rows)
    if not row.gray:
        im = im.convert("RGBA" if im.has_transparency_data else "RGB")
    if row.alpha or not im.has_transparency_data:
        return im
    opaque = im.convert(im.mode.removesuffix("A"))
    white = Image.new(opaque.mode, im.size, "white")
    white.paste(opaque, mask=im.getchannel("A"))
    return white
