"""APNG file ─▶ patches (PNG specification, third edition)."""

import itertools
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from io import BytesIO
from typing import IO

from sr_cli.picture.animation.canvas import Disposal, Patch
from sr_cli.picture.animation.film import Patches
from sr_cli.picture.png_chunks import SIGNATURE, put_chunk

_DISPOSALS = (Disposal.KEEP, Disposal.CLEAR, Disposal.RESTORE)
_BLEND_OVER = 1

# What the pixels of every frame need.
_SHARED = frozenset({b"PLTE", b"tRNS"})


def find(stream: IO[bytes], name: str) -> Patches | None:
    """Look for an animation in a PNG file, which ends before the pixels begin.

    What is damaged before that, is damaged as a still picture too.
    """
    width, height = 0, 0
    with suppress(EOFError, ValueError, struct.error):
        for kind, data in _chunks(stream):
            if kind == b"IHDR":
                width, height = struct.unpack_from(">II", data)
            elif kind == b"acTL":
                count, loop = struct.unpack(">II", data)
                each = partial(_patches, stream, count)
                return Patches(name, height, width, count, loop, each)
            elif kind == b"IDAT":
                break
    return None


def _patches(stream: IO[bytes], count: int) -> Iterator[Patch]:
    """Yield one frame after the other.

    Raises:
        EOFError: the file ends too soon.
        ValueError, struct.error, IndexError: it is damaged.
    """
    head, shared = b"", list[tuple[bytes, bytes]]()
    control, pixels = b"", list[bytes]()
    numbers, found = itertools.count(), 0
    for kind, data in _chunks(stream):
        if kind == b"IHDR":
            head = data
        elif kind in _SHARED:
            shared.append((kind, data))
        elif kind == b"fcTL":
            if control:
                yield _patch(head, shared, control, pixels)
            _require(data[:4] == struct.pack(">I", next(numbers)))
            control, pixels = data, []
            found += 1
        elif kind == b"IDAT" and control:  # if not, a picture outside the animation
            pixels.append(data)
        elif kind == b"fdAT":
            _require(data[:4] == struct.pack(">I", next(numbers)))
            pixels.append(data[4:])
    _require(found == count > 0)
    yield _patch(head, shared, control, pixels)


def _patch(
    head: bytes, shared: list[tuple[bytes, bytes]], control: bytes, pixels: list[bytes]
) -> Patch:
    width, height, left, top, delay, unit, disposal, blend = struct.unpack_from(
        ">IIIIHHBB", control, 4
    )
    whole_width, whole_height = struct.unpack_from(">II", head)
    _require(left + width <= whole_width and top + height <= whole_height)
    with BytesIO() as still:
        still.write(SIGNATURE)
        put_chunk(still, b"IHDR", struct.pack(">II", width, height) + head[8:])
        for kind, data in shared:
            put_chunk(still, kind, data)
        put_chunk(still, b"IDAT", b"".join(pixels))
        put_chunk(still, b"IEND", b"")
        return Patch(
            still=still.getvalue(),
            top=top,
            left=left,
            over=blend == _BLEND_OVER,
            disposal=_DISPOSALS[disposal],
            milliseconds=delay * 1000 / (unit or 100),
        )


def _chunks(stream: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and data of every chunk, checked, up to IEND."""
    size = stream.seek(0, 2)
    stream.seek(len(SIGNATURE))
    kind = b""
    while kind != b"IEND":
        head = stream.read(8)
        length = int.from_bytes(head[:4], "big")
        if len(head) < 8 or length + 4 > size - stream.tell():
            msg = "truncated PNG"
            raise EOFError(msg)
        kind, data = head[4:], stream.read(length)
        checksum = zlib.crc32(data, zlib.crc32(kind))
        _require(stream.read(4) == struct.pack(">I", checksum))
        yield kind, data


def _require(sound: bool) -> None:
    if not sound:
        msg = "damaged APNG"
        raise ValueError(msg)
