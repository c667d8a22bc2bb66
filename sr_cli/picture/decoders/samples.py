"""Packed bits ─▶ samples of 8 or 16 bits."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from sr_cli.picture.header import Samples

Bytes = NDArray[np.uint8]


def unpacked(rows: Bytes, bits: int, count: int, order: str = ">") -> Samples:
    """Return the numbers that rows consist of, as they are.

    Args:
        rows: (n, bytes); each row starts at a whole byte.
        bits: of a number, up to 16.
        count: of numbers in a row.
        order: of a 16-bit number's bytes, `<` or `>`.

    Returns:
        (n, count), uint8 up to 8 bits and uint16 above.
    """
    if bits == 8:
        return rows[:, :count]
    if bits == 16:
        pairs = np.ascontiguousarray(rows[:, : 2 * count])
        return pairs.view(f"{order}u2").astype(np.uint16, copy=False)
    if bits in (1, 2, 4):
        shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
        numbers = (rows[:, :, None] >> shifts) & np.uint8(2**bits - 1)
        return numbers.reshape(len(rows), -1)[:, :count]
    each = np.unpackbits(rows, axis=1)[:, : bits * count].reshape(len(rows), count, -1)
    numbers = np.zeros(each.shape[:2], np.uint8 if bits < 8 else np.uint16)
    for place in range(bits):  # a product with weights took 8 times the memory
        numbers <<= 1
        numbers |= each[:, :, place]
    return numbers


def full_range(numbers: Samples, bits: int) -> Samples:
    """Spread numbers of so many bits evenly over 8 bits, or 16 if there are more."""
    if bits in (8, 16):
        return numbers
    return _table(bits)[numbers]


@cache
def _table(bits: int) -> Samples:
    white, peak = (255 if bits < 8 else 65_535), 2**bits - 1
    spread: Samples = (np.arange(2**bits) * white + peak // 2) // peak
    return spread.astype(np.uint8 if bits < 8 else np.uint16)


def unpremultiplied(colours: Samples, alpha: Samples) -> Samples:
    """Divide colours (…, C) by their alpha (…); what is transparent becomes black."""
    white = np.iinfo(colours.dtype).max
    opacity = np.maximum(alpha, 1)[..., None].astype(np.uint64)
    whole = (colours.astype(np.uint64) * white + opacity // 2) // opacity
    return np.where(alpha[..., None] > 0, whole.clip(max=white), 0).astype(
        colours.dtype
    )
