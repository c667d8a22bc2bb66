"""The boxes that files of the JPEG committee consist of (ISO/IEC 15444-1, annex I)."""

import struct
from collections.abc import Iterator


def box(kind: bytes, *data: bytes) -> bytes:
    """Serialise one box."""
    content = b"".join(data)
    if len(content) + 8 < 2**32:
        return struct.pack(">L4s", len(content) + 8, kind) + content
    return struct.pack(">L4sQ", 1, kind, len(content) + 16) + content


def boxes(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind of each box in a file, and all of the box.

    Raises:
        struct.error: it is damaged.
    """
    at = 0
    while at < len(file):
        size, kind = struct.unpack_from(">L4s", file, at)
        if size == 1:
            (size,) = struct.unpack_from(">Q", file, at + 8)
        size = size or len(file) - at
        yield kind, file[at : at + size]
        at += max(size, 8)
