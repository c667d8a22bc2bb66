"""A PNG writer that takes rows as they come.

Pillow encodes a picture that is in memory whole; the libraries that take rows
(libvips, OpenImageIO) drop most of the EXIF data.

Every row is stored as its difference to the row above, compressed by ISA-L.  On
pictures upscaled 4 times that takes 6 to 17 ms and 0.4 to 1.7 MB per megapixel;
Pillow, which tries all five filters, takes 90 to 100 ms at compression level 1 for as
many bytes, give or take 3 %.  Choosing the better of two filters for every row would
save 1 to 3 % and cost 10 ms.
"""

import struct
import zlib
from typing import IO

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from PIL import Image

from sr_cli.picture.header import Header
from sr_cli.picture.png_chunks import SIGNATURE, put_chunk

_LEVEL = 2
_BLOCK_BYTES = 2**20

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # samples per pixel ─▶ as IHDR counts
_UP = 2
_METRES_PER_INCH = 0.0254
_PER_METRE = 1


class PngEncoder:
    """Writes 8 bits per sample, not interlaced."""

    def __init__(
        self, stream: IO[bytes], header: Header, exif: Image.Exif | None
    ) -> None:
        """Write everything that comes before the pixels."""
        row_bytes = header.width * header.samples
        self.rows_at_once = max(1, _BLOCK_BYTES // row_bytes)
        self._stream = stream
        self._above = np.zeros(row_bytes, np.uint8)
        self._deflate = isal_zlib.compressobj(_LEVEL)
        stream.write(SIGNATURE)
        kind = _COLOUR_TYPES[header.samples]
        size = (header.width, header.height)
        put_chunk(stream, b"IHDR", struct.pack(">IIBBBBB", *size, 8, kind, 0, 0, 0))
        if header.icc is not None:
            profile = b"ICC Profile\0\0" + zlib.compress(header.icc)
            put_chunk(stream, b"iCCP", profile)
        if header.dpi is not None:
            across, down = (round(value / _METRES_PER_INCH) for value in header.dpi)
            put_chunk(stream, b"pHYs", struct.pack(">IIB", across, down, _PER_METRE))
        if exif is not None:
            put_chunk(stream, b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))

    def write(self, block: NDArray[np.uint8]) -> None:
        """Compress the next rows, as `Encoder.write`."""
        rows = block.reshape(len(block), -1)
        filtered = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
        filtered[:, 0] = _UP
        np.subtract(rows[0], self._above, out=filtered[0, 1:])
        np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
        self._above = rows[-1].copy()
        self._put_pixels(self._deflate.compress(filtered.data))

    def finish(self) -> None:
        """Write the end, as `Encoder.finish`."""
        self._put_pixels(self._deflate.flush())
        put_chunk(self._stream, b"IEND", b"")

    def _put_pixels(self, data: bytes) -> None:
        if data:
            put_chunk(self._stream, b"IDAT", data)
