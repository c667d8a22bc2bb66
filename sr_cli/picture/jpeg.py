"""A JPEG writer that takes rows as they come.

Pillow encodes a picture that is in memory whole.  But JPEG has restart markers
(ITU-T T.81, E.1.4), before each of which everything starts afresh: so bands of the
picture can be encoded one by one, and their scans joined with the markers between
them.  The pixels are the same as if encoded at once.
"""

import struct
from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sr_cli.picture.formats import Format
from sr_cli.picture.header import Header
from sr_cli.picture.image import to_image

# Blocks are 8 × 8, as colour is not subsampled, and 2¹⁶ - 1 of them may lie between
# two markers: 8 rows of them in the widest picture.
_BLOCK_ROWS = 8

_START = 2
_FRAME = 0xC0
_SCAN = 0xDA
_END = b"\xff\xd9"


class JpegEncoder:
    """Writes a baseline JPEG with a restart marker every 64 rows.

    Args:
        stream: takes the bytes.
        header: its height goes into the file.
        row: JPEG's.
        options: how to encode.
        facts: what else the file says; Pillow's options as well.
    """

    rows_at_once = 8 * _BLOCK_ROWS

    def __init__(
        self,
        stream: IO[bytes],
        header: Header,
        row: Format,
        options: Mapping[str, Any],
        facts: Mapping[str, Any],
    ) -> None:
        self._stream = stream
        self._height = header.height
        self._row = row
        self._options, self._facts = options, facts
        self._bands = 0

    def write(self, block: NDArray[np.uint8]) -> None:
        """Encode the next rows, as `Encoder.write`."""
        band = BytesIO()
        facts = {} if self._bands else self._facts
        to_image(block, self._row).save(
            band,
            self._row.name,
            restart_marker_rows=_BLOCK_ROWS,
            **self._options,
            **facts,
        )
        head, scan = _split(band.getvalue(), self._height)
        if self._bands:
            marker = 0xD0 + (self._bands - 1) % 8
            self._stream.write(bytes([0xFF, marker]))
        else:
            self._stream.write(head)
        self._stream.write(scan)
        self._bands += 1

    def finish(self) -> None:
        """Write the end, as `Encoder.finish`."""
        self._stream.write(_END)


def _split(band: bytes, height: int) -> tuple[bytes, bytes]:
    """Return what comes before the scan, with another height in it, and the scan."""
    head = bytearray(band)
    at = _START
    while True:
        _, marker, length = struct.unpack_from(">BBH", band, at)
        if marker == _FRAME:
            struct.pack_into(">H", head, at + 5, height)
        at += 2 + length
        if marker == _SCAN:
            return bytes(head[:at]), band[at:].removesuffix(_END)
