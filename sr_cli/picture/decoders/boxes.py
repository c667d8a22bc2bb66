"""The boxes that JPEG 2000, JPEG XL, HEIF and AVIF files consist of (ISO 14496-12)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_MAX_BOXES = 100_000


@dataclass(frozen=True, slots=True)
class Box:
    """One part of a file."""

    kind: bytes
    start: int
    """Where its content begins."""

    end: int


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Yield the boxes between two places, up to the first that doesn't fit in.

    One that says nothing of its size reaches to the end.
    """
    end = len(data) if end is None else end
    for _ in range(_MAX_BOXES):
        if start + 8 > end:
            return
        size, kind = struct.unpack_from(">L4s", data, start)
        head = 8
        if size == 1 and start + 16 <= end:
            (size,) = struct.unpack_from(">Q", data, start + 8)
            head = 16
        elif size == 0:
            size = end - start
        if size < head or start + size > end:
            return
        yield Box(kind, start + head, start + size)
        start += size


def content(data: bytes, *path: bytes) -> bytes | None:
    """Return what the first box at a path of kinds holds."""
    start, end = 0, len(data)
    for kind in path:
        found = next((box for box in boxes(data, start, end) if box.kind == kind), None)
        if found is None:
            return None
        start, end = found.start, found.end
    return data[start:end]
