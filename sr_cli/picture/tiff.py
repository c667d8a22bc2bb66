"""A TIFF writer that takes rows as they come: deflate, EXIF, over 4 GB if need be.

Pillow's compressed TIFFs go through libtiff, where it can write neither the EXIF
directories nor a BigTIFF, and need the picture whole.  The libraries that take rows
drop EXIF (libvips, tifffile) or most of it (OpenImageIO).
"""

import struct
from io import BytesIO
from itertools import accumulate
from typing import IO

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from PIL import ExifTags, Image, TiffTags
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from sr_cli.picture.header import Header

Tag = ExifTags.Base

_STRIP_BYTES = 2**18
_LEVEL = 2
_CLASSIC_MAX_BYTES = 2**32 - 1
"""Beyond it offsets need 64 bits."""

_CLASSIC = b"II*\0" + struct.pack("<L", 8)
_BIG = b"II+\0\x08\0\0\0" + struct.pack("<Q", 16)

_DEFLATE = 8
_HORIZONTAL_DIFFERENCES = 2
_UNASSOCIATED_ALPHA = 2
_INCH = 2


class TiffEncoder:
    """Writes one page of losslessly compressed strips.

    Args:
        stream: empty, and able to seek: the directory comes first, but is known last.
        header: of the picture.
        exif: its EXIF.
    """

    def __init__(
        self, stream: IO[bytes], header: Header, exif: Image.Exif | None
    ) -> None:
        self._stream, self._header, self._exif = stream, header, exif
        self.rows_at_once = max(1, _STRIP_BYTES // (header.width * header.samples))
        self._sizes: list[int] = []
        strips = -(-header.height // self.rows_at_once)
        # A BigTIFF's directory is the longer one.
        self._reserved = len(_serialised(self._directory([0] * strips, big=True)))
        stream.write(bytes(self._reserved))

    def write(self, block: NDArray[np.uint8]) -> None:
        """Compress the next strip, as `Encoder.write`."""
        differences = block.copy()
        differences[:, 1:] -= block[:, :-1]
        strip = isal_zlib.compress(differences.data, _LEVEL)
        self._stream.write(strip)
        self._sizes.append(len(strip))

    def finish(self) -> None:
        """Write the directory, as `Encoder.finish`."""
        big = self._reserved + sum(self._sizes) > _CLASSIC_MAX_BYTES
        ifd = self._directory(self._sizes, big=big)
        # Pillow counts offsets from the end of the directory.
        gap = self._reserved - len(_serialised(ifd))
        ifd[Tag.StripOffsets] = tuple(accumulate(self._sizes[:-1], initial=gap))
        self._stream.seek(0)
        self._stream.write(_serialised(ifd))

    def _directory(self, sizes: list[int], *, big: bool) -> ImageFileDirectory_v2:
        header, exif = self._header, self._exif
        ifd = ImageFileDirectory_v2(_BIG if big else _CLASSIC)
        if exif is not None:
            for tag, value in exif.items():
                nested = tag in TiffTags.TAGS_V2_GROUPS
                ifd[tag] = exif.get_ifd(tag) if nested else value
        ifd[Tag.ImageWidth] = header.width
        ifd[Tag.ImageLength] = header.height
        ifd[Tag.BitsPerSample] = (8,) * header.samples
        ifd[Tag.Compression] = _DEFLATE
        ifd[Tag.PhotometricInterpretation] = 2 if header.channels == 3 else 1
        ifd[Tag.SamplesPerPixel] = header.samples
        ifd[Tag.RowsPerStrip] = self.rows_at_once
        ifd[Tag.PlanarConfiguration] = 1
        ifd[Tag.Predictor] = _HORIZONTAL_DIFFERENCES
        if header.alpha:
            ifd[Tag.ExtraSamples] = _UNASSOCIATED_ALPHA
        if header.dpi is not None:
            ifd[Tag.XResolution], ifd[Tag.YResolution] = header.dpi
            ifd[Tag.ResolutionUnit] = _INCH
        if header.icc is not None:
            ifd[Tag.InterColorProfile] = header.icc
        ifd[Tag.StripByteCounts] = tuple(sizes)
        ifd.tagtype[Tag.StripOffsets] = TiffTags.LONG8 if big else TiffTags.LONG
        ifd[Tag.StripOffsets] = (0,) * len(sizes)
        return ifd


def _serialised(ifd: ImageFileDirectory_v2) -> bytes:
    stream = BytesIO()
    ifd.save(stream)
    return stream.getvalue()
