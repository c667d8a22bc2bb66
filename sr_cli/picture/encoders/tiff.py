"""A TIFF writer that takes rows as they come: deflate, EXIF, over 4 GB if need be.

Pillow's compressed TIFFs go through libtiff, where it can write neither the EXIF
directories nor a BigTIFF, and need the picture whole.  The libraries that take rows
drop EXIF (libvips, tifffile) or most of it (OpenImageIO).
"""

import struct
from io import BytesIO
from itertools import accumulate
from typing import IO

from isal import isal_zlib
from PIL import ExifTags, Image, TiffTags
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from sr_cli.picture.header import Header, Samples
from sr_cli.picture.metadata import Metadata

Tag = ExifTags.Base
Directory = ExifTags.IFD

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
_MEANINGS = {1: 1, 3: 2, 4: 5}  # channels ─▶ dark to light, RGB or CMYK
_CMYK_INKS = 1
_XMP, _IPTC, _INKS = 700, 33723, 332

# What EXIF in other files says of their pixels would be believed here.
_STORAGE = frozenset(
    {
        *range(254, 260),
        *(262, 263, 264, 265, 266, 273, 277, 278, 279, 280, 281, 284),
        *range(288, 294),
        *(297, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 330, 332, 333, 334),
        *(336, 338, 339, 340, 341, 342, 343, 344, 345, 346, 347, 351, 400, 433, 434),
        *range(512, 522),
        *range(529, 533),
        *(_XMP, _IPTC, 34377, 34675, 37724),
        *range(50706, 50784),  # DNG
    }
)


class TiffEncoder:
    """Writes one page of losslessly compressed strips.

    There is no thumbnail: where EXIF has one, a TIFF has its second page.

    Args:
        stream: empty, and able to seek: the directory comes first, but is known last.
        header: of the rows.
        metadata: what else the file says.
    """

    def __init__(self, stream: IO[bytes], header: Header, metadata: Metadata) -> None:
        self._stream, self._header, self._metadata = stream, header, metadata
        self._dtype = header.dtype.newbyteorder("<")
        self.rows_at_once = max(1, _STRIP_BYTES // header.row_bytes)
        self._sizes: list[int] = []
        strips = -(-header.height // self.rows_at_once)
        # A BigTIFF's directory is the longer one.
        self._reserved = len(_serialised(self._directory([0] * strips, big=True)))
        stream.write(bytes(self._reserved))

    def write(self, block: Samples) -> None:
        """Compress the next strip, as `Encoder.write`."""
        differences = block.astype(self._dtype, order="C")
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
        header, metadata = self._header, self._metadata
        ifd = ImageFileDirectory_v2(_BIG if big else _CLASSIC)
        if metadata.exif is not None:
            _put_exif(ifd, metadata.exif)
        ifd[Tag.ImageWidth] = header.width
        ifd[Tag.ImageLength] = header.height
        ifd[Tag.BitsPerSample] = (header.depth,) * header.samples
        ifd[Tag.Compression] = _DEFLATE
        ifd[Tag.PhotometricInterpretation] = _MEANINGS[header.channels]
        ifd[Tag.SamplesPerPixel] = header.samples
        ifd[Tag.RowsPerStrip] = self.rows_at_once
        ifd[Tag.PlanarConfiguration] = 1
        ifd[Tag.Predictor] = _HORIZONTAL_DIFFERENCES
        if header.channels == 4:
            ifd[_INKS] = _CMYK_INKS
        if header.alpha:
            ifd[Tag.ExtraSamples] = _UNASSOCIATED_ALPHA
        if metadata.dpi is not None:
            ifd[Tag.XResolution], ifd[Tag.YResolution] = metadata.dpi
            ifd[Tag.ResolutionUnit] = _INCH
        facts = {
            Tag.InterColorProfile: metadata.icc,
            _XMP: metadata.xmp,
            _IPTC: metadata.iptc,
        }
        for tag, data in facts.items():
            if data is not None:
                ifd.tagtype[tag] = TiffTags.UNDEFINED if tag != _XMP else TiffTags.BYTE
                ifd[tag] = data
        ifd[Tag.StripByteCounts] = tuple(sizes)
        ifd.tagtype[Tag.StripOffsets] = TiffTags.LONG8 if big else TiffTags.LONG
        ifd[Tag.StripOffsets] = (0,) * len(sizes)
        return ifd


def _put_exif(ifd: ImageFileDirectory_v2, block: bytes) -> None:
    """Let EXIF's directories be the file's own."""
    exif = Image.Exif()
    exif.load(block)
    for tag, value in exif.items():
        if tag not in _STORAGE and tag not in TiffTags.TAGS_V2_GROUPS:
            ifd[tag] = value
    for pointer in (Directory.Exif, Directory.GPSInfo):
        nested = exif.get_ifd(pointer)
        # Pillow keeps this one as an offset into `block`, where it won't stay.
        if Directory.Interop in nested:
            nested[Directory.Interop] = exif.get_ifd(Directory.Interop)
        if nested:
            ifd[pointer] = nested


def _serialised(ifd: ImageFileDirectory_v2) -> bytes:
    stream = BytesIO()
    ifd.save(stream)
    return stream.getvalue()
