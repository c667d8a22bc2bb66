"""Portable bitmaps, graymaps, pixmaps and PAM (Netpbm), P1 to P7."""

import re
from dataclasses import dataclass
from functools import partial
from typing import IO

import numpy as np

from sr_cli.picture import refusals
from sr_cli.picture.decoders.pages import index_of
from sr_cli.picture.decoders.samples import unpacked
from sr_cli.picture.decoders.stored import Decoding, Facts, Stored
from sr_cli.picture.header import Depth, Samples
from sr_cli.picture.limits import check_pixels

_MAX_HEADER = 2**16
_BLOCK_BYTES = 2**20

_COMMENT = re.compile(rb"#[^\n]*\n")
_NUMBER = re.compile(rb"(?:\s|#[^\n]*\n)*(\d{1,10})")
_PAM_CHANNELS = {1: (1, False), 2: (1, True), 3: (3, False), 4: (3, True)}


@dataclass(frozen=True, slots=True)
class _Kind:
    height: int
    width: int
    per_pixel: int
    peak: int
    """The number that means white."""

    at: int
    """Where the pixels are."""

    words: bool
    """Whether numbers are written out."""

    bitmap: bool
    """Whether 1 is black."""

    @property
    def packed(self) -> bool:
        """Whether a pixel is a bit."""
        return self.bitmap and not self.words

    @property
    def depth(self) -> Depth:
        return 16 if self.peak > 255 else 8

    @property
    def row_bytes(self) -> int:
        if self.packed:
            return -(-self.width // 8)
        return self.width * self.per_pixel * self.depth // 8


def open_stored(stream: IO[bytes], page: int | None) -> Stored:
    """Read everything but the pixels.

    Raises:
        UnfitError: it is too large or of floats, or lacks the page.
        ValueError: the file is damaged.
    """
    index_of(page, 1)
    stream.seek(0)
    head = stream.read(_MAX_HEADER)
    if head[:2] in (b"PF", b"Pf"):
        raise refusals.no_range("floating-point numbers")
    kind = _pam(head) if head[:2] == b"P7" else _pnm(head)
    check_pixels(kind.height, kind.width)
    if not 1 <= kind.peak < 2**16 or kind.per_pixel not in _PAM_CHANNELS:
        msg = "impossible samples"
        raise ValueError(msg)
    channels, alpha = _PAM_CHANNELS[kind.per_pixel]
    header = Facts().header(
        kind.height, kind.width, channels, alpha=alpha, depth=kind.depth
    )
    if kind.words:
        return Stored(header, partial(_from_words, stream, kind))
    bands = partial(_from_bytes, stream, kind)
    return Stored(header, bands, lean_bands=bands)


def _pnm(head: bytes) -> _Kind:
    number = head[1] - ord("0")
    bitmap = number in (1, 4)
    found = []
    at = 2
    for _ in range(2 if bitmap else 3):
        match = _NUMBER.match(head, at)
        if match is None:
            msg = "truncated header"
            raise ValueError(msg)
        found.append(int(match[1]))
        at = match.end()
    width, height = found[:2]
    per_pixel = 3 if number in (3, 6) else 1
    peak = 1 if bitmap else found[2]
    # One white space follows.
    return _Kind(height, width, per_pixel, peak, at + 1, number < 4, bitmap)


def _pam(head: bytes) -> _Kind:
    text, mark, _ = head.partition(b"ENDHDR\n")
    if not mark:
        msg = "truncated header"
        raise ValueError(msg)
    fields = dict(
        line.split(None, 1)
        for line in _COMMENT.sub(b"", text + b"\n").splitlines()[1:]
        if len(line.split(None, 1)) == 2
    )
    width, height, per_pixel, peak = (
        int(fields.get(name, b"0"))
        for name in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL")
    )
    return _Kind(height, width, per_pixel, peak, len(text) + len(mark), False, False)


def _from_bytes(stream: IO[bytes], kind: _Kind) -> Decoding:
    at_once = max(1, _BLOCK_BYTES // kind.row_bytes)
    at = kind.at
    for top in range(0, kind.height, at_once):
        rows = min(at_once, kind.height - top)
        stream.seek(at)
        data = stream.read(rows * kind.row_bytes)
        if len(data) < rows * kind.row_bytes:
            msg = "truncated pixels"
            raise EOFError(msg)
        at += len(data)
        packed = np.frombuffer(data, np.uint8).reshape(rows, kind.row_bytes)
        bits = 1 if kind.packed else kind.depth
        numbers = unpacked(packed, bits, kind.width * kind.per_pixel)
        yield _spread(numbers, kind).reshape(rows, kind.width, kind.per_pixel)


def _from_words(stream: IO[bytes], kind: _Kind) -> Decoding:
    stream.seek(kind.at)
    text = _COMMENT.sub(b"\n", stream.read())
    count = kind.height * kind.width * kind.per_pixel
    if kind.bitmap:  # whose digits may touch one another
        text = b" ".join(re.findall(rb"[01]", text))
    words = text.split(None, count)[:count]
    numbers = np.array([int(word) for word in words], np.int64)
    if len(numbers) < count:
        msg = "truncated pixels"
        raise EOFError(msg)
    shape = kind.height, kind.width, kind.per_pixel
    yield _spread(numbers.reshape(shape), kind)


def _spread(numbers: Samples, kind: _Kind) -> Samples:
    """Stretch 0 to the peak over the whole range."""
    if kind.bitmap:
        numbers = 1 - numbers
    if numbers.max(initial=0) > kind.peak or numbers.min(initial=0) < 0:
        msg = "a number is out of range"
        raise ValueError(msg)
    white = 255 if kind.depth == 8 else 65_535
    if kind.peak == white:
        return numbers.astype(f"uint{kind.depth}", copy=False)
    table = (np.arange(kind.peak + 1) * white + kind.peak // 2) // kind.peak
    return table.astype(f"uint{kind.depth}")[numbers]
