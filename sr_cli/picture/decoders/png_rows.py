"""The rows inside a PNG's compressed data (PNG specification, sections 9 and 10).

A row is stored as its difference to what is left of and above it.  Undoing that is
work for a compiled language, and Pillow has it for pixels of up to 4 bytes.  But each
byte depends only on bytes in the same place of other pixels, so pixels of 6 or 8 bytes
are two halves that don't know of each other.  A megapixel of 6 bytes takes 0.13 s so.
OpenImageIO takes 0.09, but reads nothing from memory, and gives a damaged file to
libpng as it is; Pillow itself makes 8 bits of 16.
"""

import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sr_cli.picture.decoders.inflater import Inflater

Bytes = NDArray[np.uint8]

_BLOCK_BYTES = 2**20
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def plain_rows(
    inflater: Inflater, height: int, row_bytes: int, pixel_bytes: int
) -> Iterator[Bytes]:
    """Yield rows (n, row_bytes) with their filters undone.

    Args:
        inflater: gives the filtered rows.
        height: how many of them.
        row_bytes: of a row, a multiple of `pixel_bytes`.
        pixel_bytes: of a pixel, at least 1.

    Raises:
        EOFError: the data ends too early.
        zlib.error, ValueError: the data is damaged.
    """
    at_once = max(1, _BLOCK_BYTES // (row_bytes + 1))
    above = np.empty((0, row_bytes + 1), np.uint8)
    for top in range(0, height, at_once):
        count = min(at_once, height - top)
        data = inflater.read(count * (row_bytes + 1))
        block = np.frombuffer(data, np.uint8).reshape(count, -1)
        rows = _unfiltered(np.concatenate([above, block]), pixel_bytes)[len(above) :]
        # The next block begins with the last row again, not filtered any more.
        above = np.concatenate([[np.uint8(0)], rows[-1]])[None]
        yield rows


def _unfiltered(lines: Bytes, pixel_bytes: int) -> Bytes:
    filters, body = lines[:, :1], lines[:, 1:]
    if pixel_bytes in _MODES:
        return _by_pillow(lines, pixel_bytes)
    half = pixel_bytes // 2
    pixels = body.reshape(len(lines), -1, 2, half)
    result = np.empty_like(pixels)
    for part in range(2):
        lane = pixels[:, :, part].reshape(len(lines), -1)
        plain = _by_pillow(np.concatenate([filters, lane], axis=1), half)
        result[:, :, part] = plain.reshape(len(lines), -1, half)
    return result.reshape(len(lines), -1)


def _by_pillow(lines: Bytes, pixel_bytes: int) -> Bytes:
    mode = _MODES[pixel_bytes]
    size = (lines.shape[1] - 1) // pixel_bytes, len(lines)
    # Level 0 is a copy, framed as Pillow's decoder expects it.
    data = zlib.compress(lines.data, 0)
    im = Image.frombytes(mode, size, data, "zip", mode, 0)
    return np.asarray(im).reshape(len(lines), -1)
