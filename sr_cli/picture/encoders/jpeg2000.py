"""JPEG 2000, losslessly: OpenJPEG's codestream in a file that holds all facts.

Pillow has no 16-bit colours, and no library writes the boxes for what a picture says.
"""

import os
import struct
from collections.abc import Iterator

from sr_cli.picture.encoders.boxes import box
from sr_cli.picture.encoders.exif import PREFIX
from sr_cli.picture.encoders.whole import Options
from sr_cli.picture.header import Header, Samples
from sr_cli.picture.metadata import Metadata

_SIGNATURE = box(b"jP  ", b"\r\n\x87\n")
_TYPE = box(b"ftyp", b"jp2 ", bytes(4), b"jp2 ")

_WAVELETS = 7
_ENUMERATED, _PROFILE = 1, 2
_GRAY, _SRGB = 17, 16
_COLOUR, _OPACITY = 0, 1
_WHOLE = 0

# By these exiv2 and ExifTool find them.
_EXIF = b"JpgTiffExif->JP2"
_IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


def encode(
    rows: Samples, header: Header, metadata: Metadata, _options: Options
) -> bytes:
    """Make a file of (H, W, samples)."""
    import imagecodecs

    samples = rows[:, :, 0] if rows.shape[2] == 1 else rows
    codestream = imagecodecs.jpeg2k_encode(
        samples, level=0, codecformat="j2k", reversible=True, numthreads=os.cpu_count()
    )
    return b"".join(
        (
            *(_SIGNATURE, _TYPE, box(b"jp2h", *_header(header, metadata))),
            *_facts(metadata),
            box(b"jp2c", bytes(codestream)),
        )
    )


def _header(header: Header, metadata: Metadata) -> Iterator[bytes]:
    size = struct.pack(">LL", header.height, header.width)
    kinds = (header.samples, header.depth - 1, _WAVELETS, 0, 0)
    yield box(b"ihdr", size, struct.pack(">HBBBB", *kinds))
    if metadata.icc is not None:
        yield box(b"colr", bytes([_PROFILE, 0, 0]), metadata.icc)
    else:
        space = _GRAY if header.channels == 1 else _SRGB
        yield box(b"colr", bytes([_ENUMERATED, 0, 0]), struct.pack(">L", space))
    if header.alpha:
        count = header.channels
        uses = [(index, _COLOUR, index + 1) for index in range(count)]
        uses.append((count, _OPACITY, _WHOLE))
        fields = (struct.pack(">HHH", *use) for use in uses)
        yield box(b"cdef", struct.pack(">H", len(uses)), *fields)
    if metadata.dpi is not None:
        across, down = map(_per_metre, metadata.dpi)
        fractions = struct.pack(">HHHH", *down[:2], *across[:2])
        exponents = struct.pack(">BB", down[2], across[2])
        yield box(b"res ", box(b"resc", fractions, exponents))


def _per_metre(dpi: float) -> tuple[int, int, int]:
    """Return a numerator, a denominator and a power of 10."""
    exponent = 4
    while dpi < 2**15 / 10 and exponent > 0:
        dpi, exponent = dpi * 10, exponent - 1
    return min(round(dpi), 2**16 - 1), 254, exponent


def _facts(metadata: Metadata) -> Iterator[bytes]:
    if metadata.exif is not None:
        yield box(b"uuid", _EXIF, metadata.exif.removeprefix(PREFIX))
    if metadata.xmp is not None:
        yield box(b"uuid", _XMP, metadata.xmp)
    if metadata.iptc is not None:
        yield box(b"uuid", _IPTC, metadata.iptc)
