"""Rows of pixels ─▶ what a format, or Pillow, can take."""

from dataclasses import replace

import numpy as np
from PIL import Image

from sr_cli.picture.formats import Format
from sr_cli.picture.header import Header, Samples

_MODES = {
    (1, False): "L",
    (1, True): "LA",
    (3, False): "RGB",
    (3, True): "RGBA",
    (4, False): "CMYK",
}


def fitted_header(header: Header, row: Format) -> Header:
    """Return what of the channels a format can hold; depth and CMYK must fit.

    Raises:
        ValueError: they don't.
    """
    if header.depth > row.depth or (header.channels == 4 and not row.cmyk):
        msg = f"{row.name} takes no {header.depth}-bit {header.channels} channels"
        raise ValueError(msg)
    alpha = header.alpha and row.alpha
    gray_as_rgb = header.channels == 1 and not row.holds_gray(alpha=alpha)
    return replace(header, channels=3 if gray_as_rgb else header.channels, alpha=alpha)


def fitted(rows: Samples, given: Header, wanted: Header) -> Samples:
    """Turn rows of one header into rows of another, as `fitted_header` makes it.

    Where there is no alpha any more, what shows through becomes white.
    """
    if given.alpha and not wanted.alpha:
        rows = on_white(rows)
    if given.channels == wanted.channels:
        return rows
    gray = np.broadcast_to(rows[:, :, :1], (*rows.shape[:2], 3))
    return np.concatenate([gray, rows[:, :, 1:]], axis=2)


def on_white(rows: Samples) -> Samples:
    """Lay (n, W, C + 1) on white: (n, W, C) of the same type, rounded."""
    white = int(np.iinfo(rows.dtype).max)
    wide = np.uint16 if white == 255 else np.uint32
    colours, alpha = rows[:, :, :-1], rows[:, :, -1:]
    total = np.multiply(colours, alpha, dtype=wide)
    # Both are at most white², so white fits beside them, and half of it for rounding.
    total += np.multiply(white - alpha, white, dtype=wide)
    total += wide(white // 2)
    total //= wide(white)
    return total.astype(rows.dtype)


def to_image(rows: Samples, header: Header) -> Image.Image:
    """Make (n, W, samples) of 8 bits an image for Pillow."""
    mode = _MODES[header.channels, header.alpha]
    height, width = rows.shape[:2]
    data = np.ascontiguousarray(rows)
    return Image.frombuffer(mode, (width, height), data, "raw", mode, 0, 1)
