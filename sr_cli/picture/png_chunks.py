"""The chunks that a PNG file consists of (PNG specification, section 5)."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_PIECE = 2**20
_MAX_CHUNKS = 2**20  # 3 s of work; of 8 kB each, they would be 8 GB


def put_chunk(stream: IO[bytes], kind: bytes, data: bytes) -> None:
    """Write one chunk of up to 2³¹ - 1 bytes."""
    stream.write(struct.pack(">I", len(data)))
    stream.write(kind)
    stream.write(data)
    stream.write(struct.pack(">I", zlib.crc32(data, zlib.crc32(kind))))


@dataclass(frozen=True, slots=True)
class Chunk:
    """One part of a PNG file."""

    kind: bytes
    at: int
    """Where its data is."""

    size: int
    sound: bool
    """Whether its checksum is right; also where none was asked for."""

    def data(self, stream: IO[bytes]) -> bytes:
        """Read what it holds."""
        stream.seek(self.at)
        return stream.read(self.size)


def chunks(stream: IO[bytes], *, unverified: frozenset[bytes]) -> Iterator[Chunk]:
    """Find every chunk up to and with IEND.

    Args:
        stream: a PNG file that can seek.
        unverified: the kinds whose checksums don't matter; they are not read.

    Raises:
        EOFError: the file ends before IEND does.
        ValueError: there are far too many.
    """
    at = len(SIGNATURE)
    kind = b""
    for _ in range(_MAX_CHUNKS):
        if kind == b"IEND":
            return
        stream.seek(at)
        head = stream.read(8)
        if len(head) < 8:
            raise _truncated()
        size, kind = struct.unpack(">I4s", head)
        if kind in unverified:
            stream.seek(at + 8 + size + 3)
            if not stream.read(1):
                raise _truncated()
            sound = True
        else:
            sound = _is_sound(stream, size, kind)
        yield Chunk(kind, at + 8, size, sound)
        at += 12 + size
    msg = "more chunks than there can be"
    raise ValueError(msg)


def _is_sound(stream: IO[bytes], left: int, kind: bytes) -> bool:
    checksum = zlib.crc32(kind)
    while left:
        piece = stream.read(min(left, _PIECE))
        if not piece:
            raise _truncated()
        checksum = zlib.crc32(piece, checksum)
        left -= len(piece)
    stated = stream.read(4)
    if len(stated) < 4:
        raise _truncated()
    return bool(checksum == struct.unpack(">I", stated)[0])


def _truncated() -> EOFError:
    return EOFError("truncated PNG")
