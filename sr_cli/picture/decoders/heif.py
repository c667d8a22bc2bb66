"""HEIC and AVIF, which share their container (ISO 23008-12)."""

import struct
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import IO, Any

import numpy as np

from sr_cli.picture.decoders import cicp, pillow
from sr_cli.picture.decoders.boxes import boxes
from sr_cli.picture.decoders.pages import first_note, index_of
from sr_cli.picture.decoders.samples import full_range, unpremultiplied
from sr_cli.picture.decoders.stored import Decoding, Facts, Stored, gathered
from sr_cli.picture.header import Header
from sr_cli.picture.limits import check_bomb, check_pixels
from sr_cli.picture.refusals import UnfitError

_COST = 16  # bytes per pixel, of 12 bits

# Mode without depth ─▶ channels, alpha
_MODES = {
    "L": (1, False),
    "I": (1, False),
    "LA": (1, True),
    "La": (1, True),
    "RGB": (3, False),
    "RGBA": (3, True),
    "RGBa": (3, True),
}


def open_avif(stream: IO[bytes], page: int | None) -> Stored:
    """Read everything but the pixels of an AVIF file.

    Pillow decodes 8 bits per channel, imagecodecs more.  Pillow reports how the file
    says that it is turned, instead of EXIF, where the two differ.

    Raises:
        UnfitError: it is too large, or lacks the page.
        Exception: whatever Pillow trips over in damaged data.
    """
    stream.seek(0)
    data = stream.read()
    for height, width in _sizes(data):
        check_pixels(height, width)
        check_bomb(height, width, stream, _COST)
    plain = pillow.open_stored(stream, page, ("AVIF",))
    header = plain.header
    if header.icc is None:
        header = replace(header, notes=header.notes + _colours_note(data))
    bits = _bits(data)
    if bits <= 8:
        return replace(plain, header=header)
    header = replace(header, depth=16)
    bands = partial(_deep_avif, data, (page or 1) - 1, header, bits)
    return replace(plain, header=header, bands=bands)


def _sizes(data: bytes) -> Iterator[tuple[int, int]]:
    for kind, body in _properties(data):
        if kind == b"ispe" and len(body) >= 12:
            yield int.from_bytes(body[8:12], "big"), int.from_bytes(body[4:8], "big")


def _bits(data: bytes) -> int:
    for kind, body in _properties(data):
        if kind == b"av1C" and len(body) >= 3:
            high, twelve = body[2] & 0x40, body[2] & 0x20
            return (12 if twelve else 10) if high else 8
    return 8


def _colours_note(data: bytes) -> tuple[str, ...]:
    for kind, body in _properties(data):
        if kind == b"colr" and body[:4] == b"nclx" and len(body) >= 8:
            return cicp.note(*struct.unpack_from(">HH", body, 4))
    return ()


def _properties(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the properties that the items of the file share."""
    meta = next((box for box in boxes(data) if box.kind == b"meta"), None)
    if meta is None:
        return
    for outer in boxes(data, meta.start + 4, meta.end):  # after version and flags
        if outer.kind != b"iprp":
            continue
        for inner in boxes(data, outer.start, outer.end):
            if inner.kind == b"ipco":
                for box in boxes(data, inner.start, inner.end):
                    yield box.kind, data[box.start : box.end]


def _deep_avif(data: bytes, index: int, header: Header, bits: int) -> Decoding:
    import imagecodecs

    found = imagecodecs.avif_decode(data, index)
    if found.dtype != np.uint16 or found.max(initial=0) >= 2**bits:
        msg = "another picture than the header tells of"
        raise ValueError(msg)
    found = found.reshape(header.height, header.width, -1)
    # A gray picture comes with three equal channels, or with one.
    if found.shape[2] != header.samples:
        msg = "another picture than the header tells of"
        raise ValueError(msg)
    yield full_range(found, bits)


def open_heic(stream: IO[bytes], page: int | None) -> Stored:
    """Read everything but the pixels of a HEIC file.

    libheif turns the pixels as the file says; what EXIF says of it is a copy.

    Raises:
        UnfitError: pillow-heif is missing, or it is too large, or lacks the page.
        Exception: whatever pillow-heif trips over in damaged data.
    """
    try:
        import pillow_heif
    except ImportError as error:
        reason = "reading HEIC takes a library that is not installed"
        raise UnfitError(reason, "Run: pip install 'srup[heic]'") from error
    stream.seek(0)
    data = stream.read()
    for height, width in _sizes(data):
        check_pixels(height, width)
    file = pillow_heif.open_heif(
        BytesIO(data), convert_hdr_to_8bit=False, hdr_to_16bit=False
    )
    index = index_of(page, len(file))
    image = file[file.primary_index if page is None else index]
    width, height = image.size
    check_pixels(height, width)
    check_bomb(height, width, stream, _COST)
    mode = image.mode.partition(";")[0]
    channels, alpha = _MODES[mode]
    info: dict[str, Any] = image.info
    bits = int(info.get("bit_depth", 8))
    notes = first_note(page, len(file), "pictures")
    if not info.get("icc_profile"):
        notes += _colours_note(data)
    found = _facts(info, notes)
    header = found.header(
        height, width, channels, alpha=alpha, depth=16 if bits > 8 else 8
    )
    premultiplied = mode.endswith("a")
    return Stored(header, partial(_heic, image, header, bits, premultiplied))


def _facts(info: dict[str, Any], notes: tuple[str, ...]) -> Facts:
    found = Facts(icc=info.get("icc_profile"), xmp=info.get("xmp"), notes=notes)
    return gathered(found, info.get("exif"), upright=True)


def _heic(image: Any, header: Header, bits: int, premultiplied: bool) -> Decoding:
    found = np.asarray(image).reshape(header.height, header.width, -1)
    if found.dtype != header.dtype or found.shape[2] != header.samples:
        msg = "another picture than the header tells of"
        raise ValueError(msg)
    seen = full_range(found, bits)
    if premultiplied:
        colours = unpremultiplied(seen[:, :, :-1], seen[:, :, -1])
        seen = np.concatenate([colours, seen[:, :, -1:]], axis=2)
    yield seen
