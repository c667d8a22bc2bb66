"""A JPEG writer that takes rows as they come.

Pillow encodes a picture that is in memory whole.  But JPEG has restart markers
(ITU-T T.81, E.1.4), before each of which everything starts afresh: so bands of the
picture can be encoded one by one, and their scans joined with the markers between
them.  The pixels are the same as if encoded at once.
"""

import struct
from collections.abc import Mapping
from io import BytesIO
from typing import IO

from sr_cli.picture.encoders import jpeg_segments
from sr_cli.picture.encoders.thumbnail import ExifPlace, Thumbnail
from sr_cli.picture.formats import Option
from sr_cli.picture.header import Header, Samples
from sr_cli.picture.image import to_image
from sr_cli.picture.metadata import Metadata

# Blocks are 8 × 8, as colour is not subsampled, and 2¹⁶ - 1 of them may lie between
# two markers: 8 rows of them in the widest picture.
_BLOCK_ROWS = 8

_START = b"\xff\xd8"
_JFIF = 0xE0
_FRAME = 0xC0
_SCAN = 0xDA
_END = b"\xff\xd9"


class JpegEncoder:
    """Writes a baseline JPEG with a restart marker every 64 rows.

    CMYK has Adobe's marker and is stored as its contrary, as all programs expect it.

    Args:
        stream: able to seek, for a thumbnail.
        header: of the rows.
        metadata: what else the file says.
        options: how to encode, as Pillow calls it.
    """

    rows_at_once = 8 * _BLOCK_ROWS

    def __init__(
        self,
        stream: IO[bytes],
        header: Header,
        metadata: Metadata,
        options: Mapping[str, Option],
    ) -> None:
        self._stream, self._header, self._options = stream, header, options
        self._bands = 0
        stream.write(_START + jpeg_segments.jfif(metadata.dpi))
        self._exif = None
        if metadata.exif is not None:
            thumbnail = Thumbnail(header) if metadata.thumbnail else None
            self._exif = ExifPlace(stream, metadata.exif, thumbnail, self._put_exif)
        stream.writelines(jpeg_segments.others(metadata))

    def write(self, block: Samples) -> None:
        """Encode the next rows, as `Encoder.write`."""
        band = BytesIO()
        im = to_image(block, self._header)
        im.save(band, "JPEG", restart_marker_rows=_BLOCK_ROWS, **self._options)
        head, scan = _split(band.getvalue(), self._header.height)
        if self._bands:
            marker = 0xD0 + (self._bands - 1) % 8
            self._stream.write(bytes([0xFF, marker]))
        else:
            self._stream.write(head)
        self._stream.write(scan)
        self._bands += 1
        if self._exif is not None:
            self._exif.add(block)

    def finish(self) -> None:
        """Write the end, as `Encoder.finish`."""
        self._stream.write(_END)
        if self._exif is not None:
            self._exif.finish()

    def _put_exif(self, block: bytes) -> None:
        self._stream.write(jpeg_segments.exif(block))


def _split(band: bytes, height: int) -> tuple[bytes, bytes]:
    """Return the tables and the scan of a band.

    The tables are without the start and JFIF's segment, and with another height.
    """
    head = bytearray()
    at = len(_START)
    while True:
        _, marker, length = struct.unpack_from(">BBH", band, at)
        segment = bytearray(band[at : at + 2 + length])
        if marker == _FRAME:
            struct.pack_into(">H", segment, 5, height)
        if marker != _JFIF:
            head += segment
        at += 2 + length
        if marker == _SCAN:
            return bytes(head), band[at:].removesuffix(_END)
