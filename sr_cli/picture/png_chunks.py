"""The chunks that a PNG file consists of (PNG specification, section 5)."""

import struct
import zlib
from collections.abc import Iterator
from typing import IO

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_PIECE = 2**20


def put_chunk(stream: IO[bytes], kind: bytes, data: bytes) -> None:
    """Write one chunk of up to 2³¹ - 1 bytes."""
    stream.write(struct.pack(">I", len(data)))
    stream.write(kind)
    stream.write(data)
    stream.write(struct.pack(">I", zlib.crc32(data, zlib.crc32(kind))))


def chunk_kinds(stream: IO[bytes], *, verify: bool = False) -> Iterator[bytes]:
    """Yield the kind of every chunk up to and with IEND.

    Args:
        stream: a whole PNG file that can seek.
        verify: whether to check the checksums, for which everything is read.

    Raises:
        EOFError: the file ends before IEND does.
        ValueError: a checksum is wrong.
    """
    stream.seek(len(SIGNATURE))
    kind = b""
    while kind != b"IEND":
        head = stream.read(8)
        if len(head) < 8:
            raise _truncated()
        length, kind = struct.unpack(">I4s", head)
        if verify:
            _verify(stream, length, kind)
        else:
            stream.seek(length + 3, 1)
            if not stream.read(1):
                raise _truncated()
        yield kind


def _verify(stream: IO[bytes], length: int, kind: bytes) -> None:
    checksum = zlib.crc32(kind)
    while length:
        piece = stream.read(min(length, _PIECE))
        if not piece:
            raise _truncated()
        checksum = zlib.crc32(piece, checksum)
        length -= len(piece)
    stated = stream.read(4)
    if len(stated) < 4:
        raise _truncated()
    if checksum != struct.unpack(">I", stated)[0]:
        msg = f"wrong checksum in the PNG chunk {kind!r}"
        raise ValueError(msg)


def _truncated() -> EOFError:
    return EOFError("truncated PNG")
