"""Icons and cursors: one picture in several sizes (as Windows documents them)."""

import struct
from io import BytesIO
from typing import IO

from sr_cli.picture.decoders import pillow, png
from sr_cli.picture.decoders.pages import index_of
from sr_cli.picture.decoders.stored import Stored
from sr_cli.picture.png_chunks import SIGNATURE

_ENTRY = 16


def open_stored(stream: IO[bytes], page: int | None) -> Stored:
    """Read the largest picture, or the one asked for in the file's order.

    Raises:
        UnfitError: there is no such page.
        Exception: whatever a decoder trips over in damaged data.
    """
    stream.seek(0)
    (count,) = struct.unpack("<4xH", stream.read(6))
    entries = [stream.read(_ENTRY) for _ in range(count)]
    if not entries or len(entries[-1]) < _ENTRY:
        msg = "truncated: there are no pictures in it"
        raise ValueError(msg)
    asked = entries[index_of(page, count)]
    entry = max(entries, key=_rank) if page is None else asked
    size, at = struct.unpack_from("<8xLL", entry)
    stream.seek(at)
    data = stream.read(size)
    if len(data) < size:
        msg = "truncated icon"
        raise EOFError(msg)
    if data.startswith(SIGNATURE):
        return png.open_stored(BytesIO(data), None)
    alone = struct.pack("<HHH", 0, 1, 1) + entry[:12] + struct.pack("<L", 22)
    return pillow.open_stored(BytesIO(alone + data), None, ("ICO",))


def _rank(entry: bytes) -> tuple[int, int]:
    """Return how many pixels an entry says, 0 being 256, and bits per pixel."""
    width, height, bits = struct.unpack_from("<BB4xH", entry)
    return (width or 256) * (height or 256), bits
