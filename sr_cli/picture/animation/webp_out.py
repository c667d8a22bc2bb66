"""An animated WebP writer that takes frames as they come (WebP Container, RIFF).

libwebp has one too, which keeps all it has encoded in memory, drops the colours under
transparent pixels, and joins frames that look alike.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import IO

from sr_cli.picture.animation.changes import Box, box_around, different
from sr_cli.picture.animation.clock import Clock
from sr_cli.picture.animation.encoder import Rows, bare, still
from sr_cli.picture.header import Header

_PROFILE, _ALPHA, _EXIF, _XMP, _ANIMATION = 0x20, 0x10, 0x08, 0x04, 0x02
_PIXELS = frozenset({b"ALPH", b"VP8 ", b"VP8L"})
_NO_BLENDING = 0x02
_TRANSPARENT = bytes(4)


class WebpEncoder:
    """Puts the stills that srup's WebP encoder makes of the frames into one file.

    Args:
        stream: empty, and able to seek: how long it gets comes first.
        header: of every frame.
        quality: as in `encode`.
        loop: as in `Animation`.
    """

    def __init__(
        self, stream: IO[bytes], header: Header, quality: int | None, loop: int
    ) -> None:
        self._stream, self._header = stream, header
        self._quality, self._loop = quality, loop
        self._clock = Clock(1, 2**24 - 1)
        self._before: Rows | None = None
        self._trailing: list[tuple[bytes, bytes]] = []

    def write(self, rows: Rows, milliseconds: float) -> None:
        """Encode the next frame, as `FrameEncoder.write`."""
        if self._before is None:
            first = list(_chunks(still(rows, self._header, "webp", self._quality)))
            self._begin(dict(first))
            self._put_frame(Box(0, 0, *rows.shape[:2]), first, milliseconds)
        else:
            box = _even(box_around(different(self._before, rows)))
            part = rows[box.slices]
            chunks = _chunks(still(part, bare(part), "webp", self._quality))
            self._put_frame(box, chunks, milliseconds)
        self._before = rows

    def finish(self) -> None:
        """Write the end, as `FrameEncoder.finish`."""
        for kind, data in self._trailing:
            self._stream.write(_chunk(kind, data))
        length = self._stream.tell()
        self._stream.seek(4)
        self._stream.write(struct.pack("<I", length - 8))
        self._stream.seek(length)

    def _begin(self, facts: dict[bytes, bytes]) -> None:
        flags = _ANIMATION | _ALPHA * self._header.alpha
        for kind, flag in ((b"ICCP", _PROFILE), (b"EXIF", _EXIF), (b"XMP ", _XMP)):
            flags |= flag * (kind in facts)
        sides = self._header.width - 1, self._header.height - 1
        self._stream.write(b"RIFF\0\0\0\0WEBP")
        self._stream.write(_chunk(b"VP8X", struct.pack("<I", flags) + _24_bits(*sides)))
        if b"ICCP" in facts:
            self._stream.write(_chunk(b"ICCP", facts[b"ICCP"]))
        loop = struct.pack("<H", min(self._loop, 2**16 - 1))
        self._stream.write(_chunk(b"ANIM", _TRANSPARENT + loop))
        self._trailing = [(k, facts[k]) for k in (b"EXIF", b"XMP ") if k in facts]

    def _put_frame(
        self, box: Box, chunks: Iterable[tuple[bytes, bytes]], milliseconds: float
    ) -> None:
        fields = _24_bits(
            *(box.left // 2, box.top // 2),
            *(box.right - box.left - 1, box.bottom - box.top - 1),
            self._clock.ticks(milliseconds),
        )
        pixels = b"".join(_chunk(*chunk) for chunk in chunks if chunk[0] in _PIXELS)
        self._stream.write(_chunk(b"ANMF", fields + bytes([_NO_BLENDING]) + pixels))


def _even(box: Box) -> Box:
    """Widen a box to where a frame can begin."""
    return Box(box.top // 2 * 2, box.left // 2 * 2, box.bottom, box.right)


def _24_bits(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(3, "little") for number in numbers)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def _chunks(webp: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and data of every chunk."""
    at = len(b"RIFFsizeWEBP")
    while at < len(webp):
        kind, length = struct.unpack_from("<4sI", webp, at)
        yield kind, webp[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
