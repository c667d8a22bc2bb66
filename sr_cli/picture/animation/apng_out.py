"""An APNG writer that takes frames as they come: what changed, losslessly."""

import struct
from collections.abc import Iterator
from fractions import Fraction
from itertools import count
from math import ceil
from typing import IO

from sr_cli.picture.animation.changes import Box, box_around, different
from sr_cli.picture.animation.encoder import Rows, bare, still
from sr_cli.picture.header import Header
from sr_cli.picture.png_chunks import SIGNATURE, put_chunk

_MOST = 2**16 - 1
_KEEP, _REPLACE = 0, 0


class ApngEncoder:
    """Takes apart the stills that srup's PNG writer makes of the frames.

    Args:
        stream: empty.
        header: of every frame.
        frames: how many there will be.
        loop: as in `Animation`.
    """

    def __init__(
        self, stream: IO[bytes], header: Header, frames: int, loop: int
    ) -> None:
        self._stream, self._header = stream, header
        self._control = struct.pack(">II", frames, min(loop, 2**31 - 1))
        self._numbers = count()
        self._before: Rows | None = None
        self._trailing: list[tuple[bytes, bytes]] = []

    def write(self, rows: Rows, milliseconds: float) -> None:
        """Encode the next frame, as `FrameEncoder.write`."""
        if self._before is None:
            self._begin(rows, milliseconds)
        else:
            box = box_around(different(self._before, rows))
            part = rows[box.slices]
            self._put_control(box, milliseconds)
            for kind, data in _chunks(still(part, bare(part), "png", None)):
                if kind == b"IDAT":
                    self._put_numbered(b"fdAT", data)
        self._before = rows

    def finish(self) -> None:
        """Write the end, as `FrameEncoder.finish`."""
        for kind, data in self._trailing:
            put_chunk(self._stream, kind, data)

    def _begin(self, rows: Rows, milliseconds: float) -> None:
        """Write the first frame, which is the picture for those who know no APNG."""
        self._stream.write(SIGNATURE)
        seen_pixels = False
        for kind, data in _chunks(still(rows, self._header, "png", None)):
            if kind == b"IDAT" and not seen_pixels:
                seen_pixels = True
                put_chunk(self._stream, b"acTL", self._control)
                self._put_control(Box(0, 0, *rows.shape[:2]), milliseconds)
            if seen_pixels and kind != b"IDAT":
                self._trailing.append((kind, data))
            else:
                put_chunk(self._stream, kind, data)

    def _put_control(self, box: Box, milliseconds: float) -> None:
        size = box.right - box.left, box.bottom - box.top
        place = struct.pack(">IIII", *size, box.left, box.top)
        delay = struct.pack(">HHBB", *_delay(milliseconds), _KEEP, _REPLACE)
        self._put_numbered(b"fcTL", place + delay)

    def _put_numbered(self, kind: bytes, data: bytes) -> None:
        put_chunk(self._stream, kind, struct.pack(">I", next(self._numbers)) + data)


def _delay(milliseconds: float) -> tuple[int, int]:
    """Find the closest fraction of a second whose terms have 16 bits."""
    seconds = min(Fraction(milliseconds) / 1000, Fraction(_MOST))
    found = seconds.limit_denominator(_MOST // max(1, ceil(seconds)))
    return found.numerator, found.denominator


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and data of every chunk."""
    at = len(SIGNATURE)
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        yield kind, png[at + 8 : at + 8 + length]
        at += 12 + length
