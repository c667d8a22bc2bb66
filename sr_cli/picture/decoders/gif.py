"""GIF, by Pillow, with the facts that programs hide in its extensions."""

from dataclasses import replace
from typing import IO

from sr_cli.picture.decoders import pillow
from sr_cli.picture.decoders.stored import Stored

_XMP = b"!\xff\x0bXMP DataXMP"
_PROFILE = b"!\xff\x0bICCRGBG1012"

# So that readers that take XMP for sub-blocks find its end (XMP part 3, 1.1.2).
_XMP_END = b"\1" + bytes(range(255, -1, -1))


def open_stored(stream: IO[bytes], page: int | None) -> Stored:
    """Read everything but the pixels.

    Raises:
        UnfitError: it is too large, or lacks the page.
        Exception: whatever Pillow trips over in damaged data.
    """
    plain = pillow.open_stored(stream, page, ("GIF",))
    at = stream.tell()
    stream.seek(0)
    data = stream.read()
    stream.seek(at)
    header = replace(plain.header, icc=_profile(data), xmp=_xmp(data))
    return replace(plain, header=header)


def _xmp(data: bytes) -> bytes | None:
    start = data.find(_XMP) + len(_XMP)
    end = data.find(_XMP_END, start)
    return data[start:end] if start >= len(_XMP) and end > start else None


def _profile(data: bytes) -> bytes | None:
    at = data.find(_PROFILE) + len(_PROFILE)
    if at < len(_PROFILE):
        return None
    found = bytearray()
    while at < len(data) and data[at]:
        found += data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]
    return bytes(found) or None
