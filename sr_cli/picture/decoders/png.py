"""PNG: every kind of pixel, exactly as it is stored."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import IO

import numpy as np
from numpy.typing import NDArray

from sr_cli.picture.decoders import cicp, pillow, png_texts
from sr_cli.picture.decoders.inflater import Inflater
from sr_cli.picture.decoders.pages import first_note, index_of
from sr_cli.picture.decoders.png_rows import plain_rows
from sr_cli.picture.decoders.samples import full_range, unpacked
from sr_cli.picture.decoders.stored import Decoding, Facts, Stored, gathered
from sr_cli.picture.header import Depth, Samples
from sr_cli.picture.limits import check_pixels
from sr_cli.picture.png_chunks import Chunk, chunks

_GRAY, _RGB, _PALETTE, _GRAY_ALPHA, _RGB_ALPHA = 0, 2, 3, 4, 6

# Colour type ─▶ samples per pixel, and how many bits each may have
_CHANNELS = {_GRAY: 1, _RGB: 3, _PALETTE: 1, _GRAY_ALPHA: 2, _RGB_ALPHA: 4}
_DEPTHS = {
    _GRAY: (1, 2, 4, 8, 16),
    _RGB: (8, 16),
    _PALETTE: (1, 2, 4, 8),
    _GRAY_ALPHA: (8, 16),
    _RGB_ALPHA: (8, 16),
}

# Pixels have a checksum of their own, inside; these may be large.
_UNVERIFIED = frozenset({b"IDAT", b"fdAT"})
_PIECE = 2**18

# Adam7 (section 8.2): first column and row, and the steps between them
_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)

_METRES_PER_INCH = 0.0254
_SRGB_GAMMA = 45_455
_GAMMA_TOLERANCE = 1_000
# White, red, green and blue (section 11.3.2.1), in 100,000ths as all in that chunk
_SRGB_PRIMARIES = (31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)
_PRIMARIES_TOLERANCE = 1_000


@dataclass(frozen=True, slots=True)
class _Kind:
    """How pixels are stored."""

    width: int
    height: int
    bits: int
    colour: int
    interlaced: bool
    palette: NDArray[np.uint8] | None
    transparent: tuple[int, ...] | None
    """The colour that is not seen, in the numbers of the file."""

    @property
    def per_pixel(self) -> int:
        return _CHANNELS[self.colour]

    @property
    def channels(self) -> int:
        return 1 if self.colour in (_GRAY, _GRAY_ALPHA) else 3

    @property
    def alpha(self) -> bool:
        if self.palette is not None:
            return len(self.palette[0]) == 4
        return self.transparent is not None or self.colour in (_GRAY_ALPHA, _RGB_ALPHA)

    @property
    def depth(self) -> Depth:
        return 16 if self.bits == 16 else 8

    def row_bytes(self, width: int) -> int:
        return -(-width * self.per_pixel * self.bits // 8)

    @property
    def pixel_bytes(self) -> int:
        return max(1, self.per_pixel * self.bits // 8)


def open_stored(stream: IO[bytes], page: int | None) -> Stored:
    """Read everything but the pixels.

    Raises:
        UnfitError: it is too large, or there is no such page.
        EOFError, ValueError, struct.error: the file is damaged.
    """
    found = list(chunks(stream, unverified=_UNVERIFIED))
    kind = _kind(stream, found)
    check_pixels(kind.height, kind.width)
    frames = _frames(stream, found)
    if index_of(page, frames) > 0:
        return pillow.open_stored(stream, page, ("PNG",))
    facts = _facts(stream, found)
    facts = replace(facts, notes=first_note(page, frames) + facts.notes)
    data = [(chunk.at, chunk.size) for chunk in found if chunk.kind == b"IDAT"]

    def bands() -> Decoding:
        inflater = Inflater(_pieces(stream, data))
        numbers = _deinterlaced if kind.interlaced else _in_order
        for block in numbers(inflater, kind):
            yield _seen(block, kind)
        inflater.finish()

    header = facts.header(
        kind.height, kind.width, kind.channels, alpha=kind.alpha, depth=kind.depth
    )
    lean = None if kind.interlaced else bands
    return Stored(header, bands, facts.orientation, lean)


def _kind(stream: IO[bytes], found: list[Chunk]) -> _Kind:
    first = found[0]
    if first.kind != b"IHDR" or first.size != 13 or not first.sound:
        msg = "damaged PNG header"
        raise ValueError(msg)
    fields = struct.unpack(">IIBBBBB", first.data(stream))
    width, height, bits, colour, compression, filters, interlace = fields
    known = bits in _DEPTHS.get(colour, ()) and interlace in (0, 1)
    if not known or compression or filters:
        msg = "unknown kind of PNG"
        raise ValueError(msg)
    palette, transparent = None, None
    alpha = _first(stream, found, b"tRNS") or b""
    if colour == _PALETTE:
        palette = _palette(_first(stream, found, b"PLTE"), alpha)
    elif colour in (_GRAY, _RGB) and len(alpha) == 2 * _CHANNELS[colour]:
        transparent = struct.unpack(f">{_CHANNELS[colour]}H", alpha)
    return _Kind(width, height, bits, colour, bool(interlace), palette, transparent)


def _palette(colours: bytes | None, alpha: bytes) -> NDArray[np.uint8]:
    if not colours or len(colours) % 3 or len(colours) > 3 * 256:
        msg = "missing or damaged palette"
        raise ValueError(msg)
    # Numbers beyond its end are an error that Pillow and browsers show as black.
    table = np.frombuffer(colours.ljust(3 * 256, b"\0"), np.uint8).reshape(256, 3)
    if not alpha:
        return table
    opacity = np.frombuffer(alpha[:256].ljust(256, b"\xff"), np.uint8)
    return np.concatenate([table, opacity[:, None]], axis=1)


def _first(stream: IO[bytes], found: list[Chunk], kind: bytes) -> bytes | None:
    for chunk in found:
        if chunk.kind == kind:
            if not chunk.sound:
                msg = f"wrong checksum in the PNG chunk {kind!r}"
                raise ValueError(msg)
            return chunk.data(stream)
    return None


def _frames(stream: IO[bytes], found: list[Chunk]) -> int:
    kinds = [chunk.kind for chunk in found]
    animation = next((chunk for chunk in found if chunk.kind == b"acTL"), None)
    if animation is None or not animation.sound or animation.size != 8:
        return 1
    count = int.from_bytes(animation.data(stream)[:4], "big")
    before = kinds[: kinds.index(b"IDAT")] if b"IDAT" in kinds else kinds
    return max(1, count + (b"fcTL" not in before))


def _pieces(stream: IO[bytes], spans: list[tuple[int, int]]) -> Iterator[bytes]:
    for at, size in spans:
        for start in range(at, at + size, _PIECE):
            stream.seek(start)
            yield stream.read(min(_PIECE, at + size - start))


def _in_order(inflater: Inflater, kind: _Kind) -> Iterator[Samples]:
    """Yield the numbers (n, W, per pixel) of the file."""
    row_bytes = kind.row_bytes(kind.width)
    for rows in plain_rows(inflater, kind.height, row_bytes, kind.pixel_bytes):
        yield _numbers(rows, kind, kind.width)


def _deinterlaced(inflater: Inflater, kind: _Kind) -> Iterator[Samples]:
    shape = kind.height, kind.width, kind.per_pixel
    whole = np.empty(shape, f"uint{kind.depth}")
    for left, top, across, down in _PASSES:
        place = whole[top::down, left::across]
        height, width, _ = place.shape
        if not place.size:
            continue
        row_bytes = kind.row_bytes(width)
        at = 0
        for rows in plain_rows(inflater, height, row_bytes, kind.pixel_bytes):
            place[at : at + len(rows)] = _numbers(rows, kind, width)
            at += len(rows)
    yield whole


def _numbers(rows: NDArray[np.uint8], kind: _Kind, width: int) -> Samples:
    numbers = unpacked(rows, kind.bits, width * kind.per_pixel)
    return numbers.reshape(len(rows), width, kind.per_pixel)


def _seen(numbers: Samples, kind: _Kind) -> Samples:
    """Turn the numbers of the file into colours, and alpha if there is any."""
    if kind.palette is not None:
        return kind.palette[numbers[:, :, 0]]
    colours = full_range(numbers, kind.bits)
    if kind.transparent is None:
        return colours
    hidden = (numbers == np.array(kind.transparent)).all(axis=2, keepdims=True)
    white = np.iinfo(colours.dtype).max
    alpha = np.where(hidden, 0, white).astype(colours.dtype)
    return np.concatenate([colours, alpha], axis=2)


def _facts(stream: IO[bytes], found: list[Chunk]) -> Facts:
    sound: dict[bytes, bytes] = {}
    for chunk in found:
        if chunk.kind in _FACTS and chunk.sound:
            sound.setdefault(chunk.kind, chunk.data(stream))
    texts = png_texts.read(stream, found)
    icc, notes = _profile(sound.get(b"iCCP"))
    if any(not chunk.sound and chunk.kind not in _CRITICAL for chunk in found):
        notes += ("Damaged parts beside the pixels were left out",)
    facts = Facts(
        icc=icc,
        xmp=texts.xmp,
        iptc=texts.iptc,
        text=texts.pairs,
        dpi=_dpi(sound.get(b"pHYs")),
        notes=notes + texts.notes + _colours_note(sound),
    )
    return gathered(facts, sound.get(b"eXIf") or texts.exif)


_FACTS = frozenset({b"eXIf", b"pHYs", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP"})
_CRITICAL = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})


def _profile(data: bytes | None) -> tuple[bytes | None, tuple[str, ...]]:
    if data is None:
        return None, ()
    name, _, rest = data.partition(b"\0")
    try:
        # After the method, which is always 0.
        return png_texts.inflated(rest[1:]) if name and rest else None, ()
    except (zlib.error, ValueError):
        return None, ("The colour profile is damaged and was left out",)


def _dpi(data: bytes | None) -> tuple[float, float] | None:
    if data is None or len(data) != 9 or data[8] != 1:  # not in metres: a ratio
        return None
    across, down = struct.unpack(">II", data[:8])
    return across * _METRES_PER_INCH, down * _METRES_PER_INCH


def _colours_note(sound: dict[bytes, bytes]) -> tuple[str, ...]:
    named = sound.get(b"cICP", b"")
    if len(named) == 4 and b"iCCP" not in sound:
        return cicp.note(named[0], named[1])
    if b"sRGB" in sound or b"iCCP" in sound:
        return ()
    return _primaries_note(sound.get(b"cHRM", b"")) + _gamma_note(
        sound.get(b"gAMA", b"")
    )


def _primaries_note(data: bytes) -> tuple[str, ...]:
    if len(data) != 32:
        return ()
    pairs = zip(struct.unpack(">8I", data), _SRGB_PRIMARIES, strict=True)
    if all(abs(said - usual) <= _PRIMARIES_TOLERANCE for said, usual in pairs):
        return ()
    return ("The picture names other primaries than sRGB's, which were left out",)


def _gamma_note(data: bytes) -> tuple[str, ...]:
    if len(data) != 4:
        return ()
    (gamma,) = struct.unpack(">I", data)
    if not gamma or abs(gamma - _SRGB_GAMMA) <= _GAMMA_TOLERANCE:
        return ()
    power = 100_000 / gamma
    return (f"The picture asks for a gamma of {power:.2f}, which was left out",)
