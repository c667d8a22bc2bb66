"""Strips and tiles of TIFF files ─▶ the numbers in them.

libtiff never sees the file: it trusts directories too much, and in Pillow it writes to
stderr what it finds wrong.  Here its structure is checked in Python, and a codec gets
compressed bytes and the size of what may come out.
"""

import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sr_cli.picture import refusals
from sr_cli.picture.decoders.inflater import Inflater
from sr_cli.picture.decoders.samples import unpacked
from sr_cli.picture.decoders.tiff_layout import (
    DEFLATE,
    JPEG,
    LZMA,
    LZW,
    NONE,
    OLD_DEFLATE,
    YCBCR,
    ZSTD,
    Layout,
)
from sr_cli.picture.header import Samples
from sr_cli.picture.limits import patient_pillow

Bytes = NDArray[np.uint8]

_RLE, _FAX3, _FAX4, _PACKBITS = 2, 3, 4, 32_773
_FAXES = {
    _RLE: "ccittrle_decode",
    _FAX3: "ccittfax3_decode",
    _FAX4: "ccittfax4_decode",
}

_BLOCK_BYTES = 2**20
_LZMA_MEMORY = 2**27  # bytes; its strongest preset takes half

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))

_MODES = {1: "L", 3: "RGB", 4: "CMYK"}
_START, _END = b"\xff\xd8", b"\xff\xd9"


def readable(layout: Layout) -> None:
    """Refuse compressions that srup doesn't know.

    Raises:
        UnfitError: it is one of these.
    """
    known = layout.compression in {*_UNPACK, *_FAXES, JPEG, NONE}
    if layout.compression in _FAXES:
        known = (layout.bits, layout.per_pixel) == (1, 1)
    if layout.compression == JPEG:
        together = 1 if layout.planes > 1 else layout.per_pixel
        known = layout.bits == 8 and together in _MODES
    if not known:
        raise refusals.unusual(
            f"a TIFF of an unusual kind (compression {layout.compression})"
        )


@dataclass(frozen=True, slots=True)
class Codec:
    """How strips and tiles were encoded."""

    layout: Layout
    """One that is `readable`."""

    order: str
    """Of bytes, `<` or `>`."""

    tables: bytes
    """What the JPEGs of the file have in common."""

    fax_options: int
    """The tag T4Options."""

    @property
    def samples(self) -> int:
        """Of a pixel, in one strip or tile."""
        return 1 if self.layout.planes > 1 else self.layout.per_pixel

    @property
    def row_bytes(self) -> int:
        """Of a row, unpacked."""
        return -(-self.layout.columns * self.samples * self.layout.bits // 8)


def numbers_of_strip(data: bytes, codec: Codec, rows: int) -> Iterator[Samples]:
    """Decode one strip as `numbers` does, a few rows at a time where that is easy."""
    layout = codec.layout
    deflated = layout.compression in (DEFLATE, OLD_DEFLATE)
    if not deflated or layout.photometric == YCBCR:
        yield numbers(data, codec, rows)
        return
    if layout.reversed_bits:
        data = data.translate(_REVERSED)
    inflater = Inflater(iter([data]))
    at_once = max(1, _BLOCK_BYTES // codec.row_bytes)
    for top in range(0, rows, at_once):
        count = min(at_once, rows - top)
        plain = inflater.read(count * codec.row_bytes)
        yield _numbers(np.frombuffer(plain, np.uint8), codec, count)


def numbers(data: bytes, codec: Codec, rows: int) -> Samples:
    """Decode one strip or tile.

    Args:
        data: as in the file.
        codec: of the file.
        rows: how many of them there are.

    Returns:
        (rows, columns, samples): the numbers of the file, uint8 or uint16.

    Raises:
        Exception: whatever a decoder trips over in damaged data.
    """
    layout = codec.layout
    if layout.compression == JPEG:  # libtiff doesn't turn its bits around either
        return _from_jpeg(data, codec, rows)
    if layout.reversed_bits:
        data = data.translate(_REVERSED)
    if layout.compression in _FAXES:
        return _from_fax(data, codec, rows)
    if layout.photometric == YCBCR:
        return _from_shared_colour(data, layout, rows)
    return _numbers(_bytes(data, layout, rows * codec.row_bytes), codec, rows)


def _numbers(plain: Bytes, codec: Codec, rows: int) -> Samples:
    layout = codec.layout
    count = layout.columns * codec.samples
    packed = plain.reshape(rows, codec.row_bytes)
    found = unpacked(packed, layout.bits, count, codec.order)
    found = found.reshape(rows, layout.columns, codec.samples)
    if layout.differences:
        return np.cumsum(found, axis=1, dtype=found.dtype)
    return found


def _bytes(data: bytes, layout: Layout, size: int) -> Bytes:
    if layout.compression != NONE:
        data = _UNPACK[layout.compression](data, size)
    if len(data) < size:
        msg = "truncated strip or tile"
        raise ValueError(msg)
    return np.frombuffer(data, np.uint8, size)


def _inflated(data: bytes, size: int) -> bytes:
    return zlib.decompressobj().decompress(data, size)


def _from_lzma(data: bytes, size: int) -> bytes:
    unpack = lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)
    return unpack.decompress(data, size)


def _from_lzw(data: bytes, size: int) -> bytes:
    import imagecodecs  # takes 60 ms, which most files spare

    return bytes(imagecodecs.lzw_decode(data, out=size))


def _from_packbits(data: bytes, size: int) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.packbits_decode(data, out=size))


def _from_zstd(data: bytes, size: int) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.zstd_decode(data, out=size))


_UNPACK: dict[int, Callable[[bytes, int], bytes]] = {
    DEFLATE: _inflated,
    OLD_DEFLATE: _inflated,
    LZMA: _from_lzma,
    LZW: _from_lzw,
    _PACKBITS: _from_packbits,
    ZSTD: _from_zstd,
}


def _from_fax(data: bytes, codec: Codec, rows: int) -> Bytes:
    import imagecodecs

    layout = codec.layout
    decode = getattr(imagecodecs, _FAXES[layout.compression], None)
    if decode is None:
        reason = "reading its fax compression takes a newer library"
        raise refusals.UnfitError(reason, "Run: pip install --upgrade imagecodecs")
    options = {"t4options": codec.fax_options} if layout.compression == _FAX3 else {}
    found = decode(data, rows, layout.columns, **options)
    return np.asarray(found, np.uint8).reshape(rows, layout.columns, 1)


def _from_shared_colour(data: bytes, layout: Layout, rows: int) -> Bytes:
    """Spread out blocks of pixels that share their two colour samples."""
    across, down = layout.subsampling
    wide, high = -(-layout.columns // across), -(-rows // down)
    share = across * down
    size = wide * high * (share + 2)
    blocks = _bytes(data, layout, size).reshape(high, wide, share + 2)
    if layout.differences:
        raise refusals.unusual("a TIFF of an unusual kind (predictor)")
    squares = blocks[:, :, :share].reshape(high, wide, down, across)
    luma = squares.swapaxes(1, 2).reshape(high * down, wide * across, 1)
    colour = blocks[:, :, share:].repeat(down, axis=0).repeat(across, axis=1)
    return np.concatenate([luma, colour], axis=2)[:rows, : layout.columns]


def _from_jpeg(data: bytes, codec: Codec, rows: int) -> Bytes:
    layout, samples = codec.layout, codec.samples
    # What the directory says of the colours decides; so Adobe's marker goes in.
    transform = 1 if layout.photometric == YCBCR else 0
    adobe = struct.pack(">HH5sHHHB", 0xFFEE, 14, b"Adobe", 100, 0, 0, transform)
    common = codec.tables.removeprefix(_START).removesuffix(_END)
    if not data.startswith(_START):
        msg = "no JPEG in a strip or tile"
        raise ValueError(msg)
    stream = BytesIO(_START + adobe + common + data[2:])
    with patient_pillow():
        im = Image.open(stream, formats=("JPEG",))
        fits = im.width == layout.columns and rows <= im.height < layout.rows + 16
        if not fits or im.mode != _MODES[samples]:
            msg = "a strip or tile holds another JPEG than it should"
            raise ValueError(msg)
        found: Bytes = np.asarray(im)[:rows]
    if samples == 4:  # Pillow takes it for Adobe's CMYK, where 255 is no ink
        found = 255 - found
    return found.reshape(rows, layout.columns, samples)
