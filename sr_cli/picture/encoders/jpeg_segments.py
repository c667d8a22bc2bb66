"""The facts in a JPEG file, each in segments of up to 64 KB (ITU-T T.81, B.1.1.4)."""

import struct
from collections.abc import Iterator

from sr_cli.picture import xmp
from sr_cli.picture.encoders import photoshop
from sr_cli.picture.metadata import Metadata

_APP0, _APP1, _APP2, _APP13 = 0xE0, 0xE1, 0xE2, 0xED
_MAX_BYTES = 65_533

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_MORE_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_RESOURCES = b"Photoshop 3.0\0"
_ICC = b"ICC_PROFILE\0"
_PER_INCH = 1
_MAX_PER_INCH = 2**16 - 1


def segment(marker: int, data: bytes) -> bytes:
    """Serialise one segment."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def exif(block: bytes) -> bytes:
    """Serialise EXIF."""
    return segment(_APP1, block)


def jfif(dpi: tuple[float, float] | None) -> bytes:
    """Serialise what a file begins with; CMYK has it, too, for the resolution."""
    unit, across, down = 0, 1, 1
    if dpi is not None:
        unit = _PER_INCH
        across, down = (min(max(round(value), 1), _MAX_PER_INCH) for value in dpi)
    fields = (b"JFIF", 1, 1, unit, across, down, 0, 0)
    return segment(_APP0, struct.pack(">5sBBBHHBB", *fields))


def others(metadata: Metadata) -> Iterator[bytes]:
    """Yield the segments of all facts but these."""
    if metadata.xmp is not None:
        yield segment(_APP1, _XMP + metadata.xmp)
        yield from _more_xmp(metadata.more_xmp)
    if metadata.iptc is not None:
        yield segment(_APP13, _RESOURCES + photoshop.resources(metadata.iptc))
    if metadata.icc is not None:
        pieces = list(_pieces(metadata.icc, _MAX_BYTES - len(_ICC) - 2))
        for number, (_, piece) in enumerate(pieces, 1):
            yield segment(_APP2, _ICC + bytes([number, len(pieces)]) + piece)


def _more_xmp(rest: bytes) -> Iterator[bytes]:
    """Yield the second part of a packet (XMP specification, part 3, 1.1.3.1)."""
    name = _MORE_XMP + xmp.digest(rest).encode()
    for at, piece in _pieces(rest, _MAX_BYTES - len(name) - 8):
        yield segment(_APP1, name + struct.pack(">LL", len(rest), at) + piece)


def _pieces(data: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    for at in range(0, len(data), size):
        yield at, data[at : at + size]
