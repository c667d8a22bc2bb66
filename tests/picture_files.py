"""Files made from nothing but the specifications, to compare what is read of them."""

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # samples per pixel ─▶ as IHDR counts
PALETTE = 3

# Adam7: first column and row, and the steps between them
PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


def saved(im: Image.Image | np.ndarray, kind: str, **options: object) -> bytes:
    """Encode with Pillow."""
    im = im if isinstance(im, Image.Image) else Image.fromarray(im)
    stream = io.BytesIO()
    im.save(stream, kind, **options)
    return stream.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """Make a part of a PNG file."""
    crc = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def png(
    numbers: np.ndarray,
    bits: int,
    *,
    colour: int | None = None,
    filters: Sequence[int] = (0,),
    interlaced: bool = False,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """Write numbers (H, W, samples), below 2 to the power of `bits`, as they are.

    Args:
        numbers: of the pixels.
        bits: of a number.
        colour: the colour type, if it doesn't follow from the samples.
        filters: by turns those of the rows, 0 to 4.
        interlaced: by Adam7.
        before: chunks in front of the pixels.
        after: chunks behind them.
    """
    height, width, samples = numbers.shape
    colour = COLOUR_TYPES[samples] if colour is None else colour
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    parts = [numbers]
    if interlaced:
        parts = [numbers[y::down, x::across] for x, y, across, down in PASSES]
    step = max(1, samples * bits // 8)
    rows = b"".join(_filtered(_packed(part, bits), step, filters) for part in parts)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + before
        + chunk(b"IDAT", zlib.compress(rows))
        + after
        + chunk(b"IEND", b"")
    )


def _packed(numbers: np.ndarray, bits: int) -> np.ndarray:
    if not numbers.size:
        return np.empty((0, 0), np.uint8)
    rows = numbers.reshape(len(numbers), -1)
    if bits == 16:
        return np.ascontiguousarray(rows.astype(">u2")).view(np.uint8)
    places = (rows[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(places.reshape(len(rows), -1).astype(np.uint8), axis=1)


def _filtered(rows: np.ndarray, step: int, filters: Sequence[int]) -> bytes:
    found = []
    above = np.zeros(rows.shape[1], np.int64)
    for index, row in enumerate(rows.astype(np.int64)):
        kind = filters[index % len(filters)]
        left, corner = (
            np.concatenate([np.zeros(step, np.int64), line])[: len(line)]
            for line in (row, above)
        )
        guess = {
            0: 0 * row,
            1: left,
            2: above,
            3: (left + above) // 2,
            4: _paeth(left, above, corner),
        }[kind]
        found.append(bytes([kind]) + (row - guess).astype(np.uint8).tobytes())
        above = row
    return b"".join(found)


def _paeth(left: np.ndarray, above: np.ndarray, corner: np.ndarray) -> np.ndarray:
    guess = left + above - corner
    to_left, to_above, to_corner = (
        np.abs(guess - place) for place in (left, above, corner)
    )
    nearest = np.where(to_above <= to_corner, above, corner)
    return np.where((to_left <= to_above) & (to_left <= to_corner), left, nearest)


def tiff(array: np.ndarray, **options: object) -> bytes:
    """Encode with tifffile, which comes with scikit-image."""
    import tifffile

    stream = io.BytesIO()
    options.setdefault("photometric", "rgb" if array.ndim == 3 else "minisblack")
    tifffile.imwrite(stream, array, **options)
    return stream.getvalue()


def plain_tiff(
    tags: dict[int, tuple[int, Sequence[int]]], data: bytes, order: str = "<"
) -> bytes:
    """Write a TIFF of one strip: tags with their type (3 or 4) and numbers."""
    tags = dict(sorted({**tags, 273: (4, [8]), 279: (4, [len(data)])}.items()))
    size = {1: 1, 3: 2, 4: 4}
    letter = {1: "B", 3: "H", 4: "L"}
    at = 8 + len(data) + len(data) % 2
    values = at + 2 + 12 * len(tags) + 4
    entries, behind = b"", b""
    for tag, (kind, numbers) in tags.items():
        value = struct.pack(f"{order}{len(numbers)}{letter[kind]}", *numbers)
        if len(numbers) * size[kind] > 4:
            place = struct.pack(f"{order}L", values + len(behind))
            behind += value + b"\0" * (len(value) % 2)
        else:
            place = value.ljust(4, b"\0")
        entries += struct.pack(f"{order}HHL", tag, kind, len(numbers)) + place
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}L", at)
    count = struct.pack(f"{order}H", len(tags))
    padding = b"\0" * (len(data) % 2)
    return head + data + padding + count + entries + bytes(4) + behind


def full_range(numbers: np.ndarray, bits: int) -> np.ndarray:
    """Spread numbers over 8 bits, or over 16 if they have more than 8."""
    white = 255 if bits <= 8 else 65_535
    spread = np.rint(numbers * (white / (2**bits - 1)))
    return spread.astype(np.uint8 if bits <= 8 else np.uint16)
