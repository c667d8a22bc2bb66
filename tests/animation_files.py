"""Animated files made by hand, and what they should look like."""

import io
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
End = Literal["keep", "clear", "restore"]


@dataclass(frozen=True, eq=False)
class Patch:
    """A frame as a file stores it."""

    pixels: Bytes
    """(h, w, 4)."""
    left: int = 0
    top: int = 0
    end: End = "keep"
    over: bool = True
    delay: int = 10
    """Hundredths of a second."""


def composed(patches: Iterable[Patch], height: int, width: int) -> list[Bytes]:
    """Draw patches by the letter of the APNG specification: (height, width, 4) each."""
    canvas = np.zeros((height, width, 4))
    seen = []
    for patch in patches:
        before = canvas.copy()
        for y, row in enumerate(patch.pixels.astype(float), patch.top):
            for x, pixel in enumerate(row, patch.left):
                if y < height and x < width:
                    below = canvas[y, x]
                    canvas[y, x] = _over(below, pixel) if patch.over else pixel
        seen.append(canvas.astype(np.uint8))
        rows, columns = patch.pixels.shape[:2]
        box = np.s_[patch.top : patch.top + rows, patch.left : patch.left + columns]
        if patch.end == "clear":
            canvas[box] = 0
        elif patch.end == "restore":
            canvas = before
    return seen


def _over(
    below: NDArray[np.float64], above: NDArray[np.float64]
) -> NDArray[np.float64]:
    opacity, rest = above[3] / 255, (1 - above[3] / 255) * below[3] / 255
    if opacity == 0:
        return below
    colours = (above[:3] * opacity + below[:3] * rest) / (opacity + rest)
    # 1e-9 for what floats make of a half.
    return np.floor(np.append(colours, 255 * (opacity + rest)) + 0.5 + 1e-9)


def png_chunk(kind: bytes, data: bytes = b"") -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum


def apng(
    patches: Sequence[Patch],
    height: int,
    width: int,
    *,
    plays: int = 0,
    default: Bytes | None = None,
    delays: Sequence[tuple[int, int]] = (),
) -> bytes:
    """Make an APNG with alpha; `default` is a picture outside the animation."""
    numbers = count()

    def numbered(kind: bytes, data: bytes) -> bytes:
        return png_chunk(kind, struct.pack(">I", next(numbers)) + data)

    parts = [
        b"\x89PNG\r\n\x1a\n",
        png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)),
        png_chunk(b"acTL", struct.pack(">II", len(patches), plays)),
    ]
    if default is not None:
        parts.append(png_chunk(b"IDAT", deflated(default)))
    for index, patch in enumerate(patches):
        rows, columns = patch.pixels.shape[:2]
        delay = delays[index] if delays else (patch.delay, 100)
        fields = (columns, rows, patch.left, patch.top, *delay)
        ends = ("keep", "clear", "restore").index(patch.end), int(patch.over)
        parts.append(numbered(b"fcTL", struct.pack(">IIIIHHBB", *fields, *ends)))
        data = deflated(patch.pixels)
        if index or default is not None:
            cut = len(data) // 2
            parts += [numbered(b"fdAT", data[:cut]), numbered(b"fdAT", data[cut:])]
        else:
            parts.append(png_chunk(b"IDAT", data))
    return b"".join([*parts, png_chunk(b"IEND")])


def deflated(pixels: Bytes) -> bytes:
    """Compress rows of a PNG, unfiltered."""
    rows = pixels.reshape(len(pixels), -1)
    return zlib.compress(np.insert(rows, 0, 0, axis=1).tobytes())


@dataclass(frozen=True, eq=False)
class Indexed:
    """An image of a GIF."""

    indices: Bytes
    """(h, w), each below 4."""
    left: int = 0
    top: int = 0
    disposal: int = 0
    delay: int = 10
    transparent: int | None = None
    palette: Bytes | None = None
    """Its own, (4, 3)."""
    interlaced: bool = False

    def patch(self, palette: Bytes) -> Patch:
        """What is to be seen of it."""
        colours = palette if self.palette is None else self.palette
        alpha = np.where(self.indices == self.transparent, 0, 255).astype(np.uint8)
        pixels = np.dstack([colours[self.indices], alpha])
        ends: dict[int, End] = {2: "clear", 3: "restore", 4: "restore"}
        end = ends.get(self.disposal, "keep")
        return Patch(pixels, self.left, self.top, end, delay=self.delay)


@dataclass(frozen=True, eq=False)
class Gif:
    """A GIF of images with four colours."""

    height: int
    width: int
    palette: Bytes
    images: list[Indexed]
    repeats: int | None = None
    extensions: list[bytes] = field(default_factory=list)

    def patches(self) -> list[Patch]:
        """What is to be seen of each image."""
        return [image.patch(self.palette) for image in self.images]

    def encoded(self, end: bytes = b";") -> bytes:
        """The file."""
        parts = [b"GIF89a", struct.pack("<HHBBB", self.width, self.height, 0x81, 3, 0)]
        parts.append(self.palette.tobytes())
        if self.repeats is not None:
            loop = b"\x0bNETSCAPE2.0\3\1" + struct.pack("<H", self.repeats) + b"\0"
            parts.append(b"!\xff" + loop)
        parts += self.extensions
        for image in self.images:
            flags = image.disposal << 2 | (image.transparent is not None)
            control = struct.pack("<BHB", flags, image.delay, image.transparent or 0)
            rows, columns = image.indices.shape
            place = struct.pack("<HHHH", image.left, image.top, columns, rows)
            local = b"" if image.palette is None else image.palette.tobytes()
            kind = bool(local) << 7 | image.interlaced << 6 | bool(local)
            parts += [b"!\xf9\4" + control + b"\0", b"," + place + bytes([kind]), local]
            indices = image.indices
            if image.interlaced:
                order = [*range(0, rows, 8), *range(4, rows, 8)]
                order += [*range(2, rows, 4), *range(1, rows, 2)]
                indices = indices[order]
            parts.append(_lzw(indices))
        return b"".join(parts) + end


def _lzw(indices: Bytes) -> bytes:
    """Pack indices below 4, uncompressed: the table is cleared every two codes."""
    codes, clear, end = [], 4, 5
    for at, index in enumerate(indices.ravel().tolist()):
        codes += [clear, index] if at % 2 == 0 else [index]
    bits = "".join(f"{code:03b}"[::-1] for code in [*codes, end])
    bits += "0" * (-len(bits) % 8)
    data = bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))
    blocks = [data[at : at + 255] for at in range(0, len(data), 255)]
    return b"\2" + b"".join(bytes([len(b)]) + b for b in blocks) + b"\0"


def webp(patches: Sequence[Patch], height: int, width: int, *, loop: int = 0) -> bytes:
    """Make a lossless animated WebP with alpha; patches lie at even places."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)

    def triple(*values: int) -> bytes:
        return b"".join(value.to_bytes(3, "little") for value in values)

    parts = [chunk(b"VP8X", b"\x12\0\0\0" + triple(width - 1, height - 1))]
    parts.append(chunk(b"ANIM", bytes(4) + struct.pack("<H", loop)))
    for patch in patches:
        stream = io.BytesIO()
        Image.fromarray(patch.pixels).save(stream, "WEBP", lossless=True, exact=True)
        rows, columns = patch.pixels.shape[:2]
        place = triple(patch.left // 2, patch.top // 2, columns - 1, rows - 1)
        flags = bytes([2 * (not patch.over) | (patch.end == "clear")])
        head = place + triple(10 * patch.delay) + flags
        parts.append(chunk(b"ANMF", head + stream.getvalue()[12:]))
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body
