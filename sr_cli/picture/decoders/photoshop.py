"""Photoshop's image resources, which is where IPTC is found in JPEG and TIFF."""

import struct
from collections.abc import Iterator

_SIGNATURES = (b"8BIM", b"PHUT", b"AgHg", b"DCSR", b"MeSa")
IPTC, ICC, EXIF, XMP = 0x0404, 0x040F, 0x0422, 0x0424


def resources(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the bytes of every resource up to the first damaged one."""
    at = 0
    while data[at : at + 4] in _SIGNATURES and at + 7 <= len(data):
        (number,) = struct.unpack_from(">H", data, at + 4)
        at += 6 + (1 + data[at + 6] + 1) // 2 * 2  # a name, padded to even
        if at + 4 > len(data):
            return
        (size,) = struct.unpack_from(">L", data, at)
        if at + 4 + size > len(data):
            return
        yield number, data[at + 4 : at + 4 + size]
        at += 4 + size + size % 2


def iptc_of(data: bytes) -> bytes | None:
    """Return the IPTC records in image resources, or the data if it is just those."""
    if data.startswith(b"\x1c"):
        return data
    found = dict(reversed(list(resources(data))))
    return found.get(IPTC) or None
