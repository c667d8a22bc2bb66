"""JPEG XL, by OpenImageIO."""

import struct
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import numpy as np

from sr_cli.picture import refusals
from sr_cli.picture.decoders import jpegxl_header
from sr_cli.picture.decoders.boxes import boxes
from sr_cli.picture.decoders.jpegxl_header import CODESTREAM, JxlHeader
from sr_cli.picture.decoders.pages import index_of
from sr_cli.picture.decoders.samples import full_range, unpremultiplied
from sr_cli.picture.decoders.stored import Decoding, Facts, Stored, gathered
from sr_cli.picture.header import Samples
from sr_cli.picture.limits import check_bomb, check_pixels
from sr_cli.picture.refusals import UnfitError

_COST = 32  # bytes per pixel: floats, some of them twice
_SHORTEST = 128  # bytes
_MAX_METADATA = 2**26  # bytes
# ITU-T H.273: primaries, of which gray has none, and curve
_SRGB = ((0, 13), (1, 13))


@dataclass(frozen=True, slots=True)
class _Decoded:
    pixels: Samples
    icc: bytes | None


def open_stored(stream: IO[bytes], page: int | None) -> Stored:
    """Decode the picture: what its colours mean is known only then.

    Raises:
        UnfitError: it is too large, of an unusual kind, or lacks the page.
        ValueError: the file is damaged.
    """
    index_of(page, 1)
    stream.seek(0)
    data = stream.read()
    head = jpegxl_header.read(data)
    check_pixels(head.height, head.width)
    check_bomb(head.height, head.width, stream, _COST)
    if head.floats or head.bits > 16:
        raise refusals.no_range("floating-point numbers")
    if head.animated:
        raise refusals.unusual("an animated JPEG XL")
    if head.black or head.extra > 1:
        raise refusals.unusual("a JPEG XL of CMYK or of spare channels")
    decoded = _decode(data, head)
    pixels = decoded.pixels
    alpha = head.alpha
    found = gathered(
        Facts(icc=decoded.icc, xmp=_metadata(data, b"xml ")),
        _exif(_metadata(data, b"Exif")),
        upright=True,
    )
    header = found.header(
        head.height,
        head.width,
        pixels.shape[2] - alpha,
        alpha=alpha,
        depth=16 if head.bits > 8 else 8,
    )
    return Stored(header, partial(_bands, pixels))


def _bands(pixels: Samples) -> Decoding:
    yield pixels


def _decode(data: bytes, head: JxlHeader) -> _Decoded:
    # OpenImageIO's Python interface reads files only.
    with TemporaryDirectory(prefix="srup-") as folder:
        path = Path(folder) / "picture.jxl"
        path.write_bytes(data + _padding(data))
        return _decode_file(path, head)


def _padding(data: bytes) -> bytes:
    """Return what makes a file long enough for OpenImageIO to look at."""
    if len(data) >= _SHORTEST:
        return b""
    if data.startswith(CODESTREAM):
        return bytes(_SHORTEST)
    return struct.pack(">L4s", 8 + _SHORTEST, b"free") + bytes(_SHORTEST)


def _decode_file(path: Path, head: JxlHeader) -> _Decoded:
    from OpenImageIO import ImageInput, geterror, is_imageio_format_name

    if not is_imageio_format_name("jpegxl"):
        reason = "the OpenImageIO that is installed reads no JPEG XL"
        raise UnfitError(reason, "Run: pip install --upgrade OpenImageIO")
    file = ImageInput.open(str(path))
    if file is None:
        raise ValueError(geterror())
    try:
        spec = file.spec()
        colours = spec.nchannels - head.extra
        fits = (spec.height, spec.width) == (head.height, head.width)
        kind = "uint16" if head.bits > 8 else "uint8"
        if not fits or colours not in (1, 3) or str(spec.format) != kind:
            msg = "another picture than the header tells of"
            raise ValueError(msg)
        found = file.read_image(0, 0, 0, spec.nchannels, kind)
        reason = file.geterror()
        if found is None or reason:
            raise ValueError(reason)
        cicp = spec.getattribute("CICP")
        icc = spec.getattribute("ICCProfile")
    finally:
        file.close()
    pixels = np.asarray(found, kind).reshape(head.height, head.width, -1)
    if head.alpha and head.premultiplied:
        seen = unpremultiplied(pixels[:, :, :-1], pixels[:, :, -1])
        pixels = np.concatenate([seen, pixels[:, :, -1:]], axis=2)
    elif not head.alpha:
        pixels = pixels[:, :, :colours]
    if 8 < head.bits < 16:  # spread over 16 bits, but not always evenly
        peak = 2**head.bits - 1
        pixels = full_range((pixels * np.uint32(peak) + 32_767) // 65_535, head.bits)
    plain = cicp is not None and tuple(cicp)[:2] in _SRGB
    return _Decoded(pixels, None if plain or icc is None else bytes(icc))


def _metadata(data: bytes, kind: bytes) -> bytes | None:
    if data.startswith(CODESTREAM):
        return None
    for box in boxes(data):
        found = data[box.start : box.end]
        if box.kind == kind:
            return found
        if box.kind == b"brob" and found[:4] == kind:
            return _unpacked(found[4:])
    return None


def _unpacked(packed: bytes) -> bytes | None:
    import imagecodecs

    try:
        return bytes(imagecodecs.brotli_decode(packed, out=_MAX_METADATA))
    except (RuntimeError, ValueError):
        return None


def _exif(box: bytes | None) -> bytes | None:
    """Skip to where EXIF begins, which the box says first."""
    if box is None or len(box) < 4:
        return None
    (skipped,) = struct.unpack_from(">L", box)
    return box[4 + skipped :] or None
