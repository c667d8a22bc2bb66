"""JPEG 2000: by Pillow, or by imagecodecs where Pillow would drop bits."""

import struct
from dataclasses import dataclass, replace
from functools import partial
from typing import IO

import numpy as np

from sr_cli.picture import refusals
from sr_cli.picture.decoders import photoshop, pillow
from sr_cli.picture.decoders.boxes import boxes, content
from sr_cli.picture.decoders.pages import index_of
from sr_cli.picture.decoders.samples import full_range
from sr_cli.picture.decoders.stored import Decoding, Facts, Stored, gathered
from sr_cli.picture.limits import check_bomb, check_pixels

CODESTREAM = b"\xff\x4f\xff\x51"

_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EXIF = b"JpgTiffExif->JP2"
_IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")

_CMYK = 12
_YCC = (1, 3, 4, 18)
_RESTRICTED, _ANY = 2, 3  # kinds of ICC profiles

# Components ─▶ channels, alpha
_SHAPES = {1: (1, False), 2: (1, True), 3: (3, False), 4: (3, True)}


@dataclass(frozen=True, slots=True)
class _Size:
    """What the codestream begins with (ISO 15444-1, A.5.1)."""

    height: int
    width: int
    components: int
    bits: int
    signed: bool
    subsampled: bool


def open_stored(stream: IO[bytes], page: int | None) -> Stored:
    """Read everything but the pixels.

    Raises:
        UnfitError: it is too large, of an unusual kind, or lacks the page.
        Exception: whatever Pillow trips over in damaged data.
    """
    index_of(page, 1)
    stream.seek(0)
    data = stream.read()
    size = _size(data)
    check_pixels(size.height, size.width)
    check_bomb(size.height, size.width, stream, 8 * size.components)
    colours = _colours(data)
    found = _facts(data)
    if size.bits <= 8:
        plain = pillow.open_stored(stream, page, ("JPEG2000",))
        found = replace(found, dpi=found.dpi or plain.header.dpi)
        return _with_facts(plain, found)
    if size.signed:
        raise refusals.no_range("signed or 32-bit integers")
    deep = size.subsampled or size.bits > 16 or size.components not in _SHAPES
    if deep or colours in _YCC or content(data, b"jp2h", b"pclr") is not None:
        raise refusals.unusual("a JPEG 2000 of an unusual kind")
    channels, alpha = _SHAPES[size.components]
    if colours == _CMYK and size.components == 4:
        channels, alpha = 4, False
    header = found.header(size.height, size.width, channels, alpha=alpha, depth=16)
    bands = partial(_bands, data, size)
    return Stored(header, bands, found.orientation)


def _size(data: bytes) -> _Size:
    at = data.find(CODESTREAM)
    if at < 0:
        msg = "truncated: no codestream"
        raise ValueError(msg)
    fields = struct.unpack_from(">HH8LH", data, at + 4)
    _, _, right, bottom, left, top, *_, components = fields
    each = list(struct.iter_unpack(">BBB", data[at + 42 : at + 42 + 3 * components]))
    if not components or len(each) < components:
        msg = "truncated codestream"
        raise ValueError(msg)
    return _Size(
        height=bottom - top,
        width=right - left,
        components=components,
        bits=max((depth & 0x7F) + 1 for depth, _, _ in each),
        signed=any(depth & 0x80 for depth, _, _ in each),
        subsampled=any((across, down) != (1, 1) for _, across, down in each),
    )


def _colours(data: bytes) -> int | None:
    said = content(data, b"jp2h", b"colr") or b""
    if said[:1] == b"\1" and len(said) >= 7:
        return int.from_bytes(said[3:7], "big")
    return None


def _facts(data: bytes) -> Facts:
    parts: dict[bytes, bytes] = {}
    if not data.startswith(CODESTREAM):
        for box in boxes(data):
            if box.kind == b"uuid":
                identity = data[box.start : box.start + 16]
                parts.setdefault(identity, data[box.start + 16 : box.end])
    iptc = parts.get(_IPTC)
    found = Facts(
        icc=_profile(data),
        xmp=parts.get(_XMP),
        iptc=photoshop.iptc_of(iptc) if iptc else None,
    )
    return gathered(found, parts.get(_EXIF))


def _profile(data: bytes) -> bytes | None:
    head = next((box for box in boxes(data) if box.kind == b"jp2h"), None)
    if head is None:
        return None
    for box in boxes(data, head.start, head.end):
        kinds = (_RESTRICTED, _ANY)
        if box.kind == b"colr" and data[box.start] in kinds and box.end > box.start + 3:
            return data[box.start + 3 : box.end]
    return None


def _with_facts(plain: Stored, found: Facts) -> Stored:
    shape = plain.header
    header = found.header(
        shape.height, shape.width, shape.channels, alpha=shape.alpha, depth=shape.depth
    )
    header = replace(header, notes=shape.notes + header.notes)
    return replace(plain, header=header, orientation=found.orientation)


def _bands(data: bytes, size: _Size) -> Decoding:
    import imagecodecs

    found = imagecodecs.jpeg2k_decode(data)
    if found.dtype != np.uint16 or found.max(initial=0) >= 2**size.bits:
        msg = "another picture than the header tells of"
        raise ValueError(msg)
    yield full_range(found.reshape(size.height, size.width, -1), size.bits)
