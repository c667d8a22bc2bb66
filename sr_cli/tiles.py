"""How a large picture is cut into windows and put together again: pure geometry.

A convolution network knows nothing beyond its halo, so a window's inside is exact
and only a margin of the halo's width differs from the untiled result.  `exact`
overlaps windows by two halos and cuts in the middle: the untiled numbers, at a
price.  Otherwise windows overlap less, their outermost pixels, which the network
computed against a border that isn't there, are dropped, and the rest is faded.

Rows come in from the top and go out to the bottom: whatever the picture's height, no
more is held than the windows that are being worked on and one row of their results.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import ceil, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr_cli.errors import ConfigError

Array = NDArray[Any]
"""(h, w, C), of any type of number."""

DEFAULT_OVERLAP = 20
"""Measured on Set14 with srresnet in bfloat16, where rounding alone costs about as
much: against the untiled result at least 60.2 dB on every picture with tiles as small
as 64 (overlap 16: 59.9; 32: 60.9)."""
DEFAULT_AREA = 2**18
"""Input pixels of a window, unless the engine knows better."""
_ROW_OF_WINDOWS = 3 * 2**20
"""Input pixels of a row of windows, whose results are held at once: 144 MiB as 8-bit
RGB at 4x.  A 4,000-pixel picture gets windows 786 high, a 12,000-pixel one 262."""
_LEAST_SIDE = 256
_LEAST_TILE = 32
_CHOICES = 64  # of a window's height
_MULTIPLE = 8  # of window sides, which vector code likes


@dataclass(frozen=True, slots=True)
class Tiling:
    """How to cut, as asked for; None leaves it to srup."""

    tile: int | None = None
    """Largest side of a window, in input pixels."""
    overlap: int | None = None
    """Input pixels that neighbouring windows share, at least."""
    exact: bool = False
    """Give the numbers of the untiled result."""

    def least_tile(self, halo: int) -> int:
        """The smallest tile that is worth its overlap."""
        if self.exact:
            return 4 * halo  # below this, most of each window would be margin
        overlap = DEFAULT_OVERLAP if self.overlap is None else self.overlap
        return max(2 * overlap, _LEAST_TILE)

    def plan(
        self,
        height: int,
        width: int,
        halo: int,
        area: int = DEFAULT_AREA,
        at_once: int = 1,
    ) -> "Plan":
        """Cut a picture of `height` × `width` for a network with this `halo`.

        Without a `tile`, windows have `area` pixels at most, or 256×256 if that is
        more, and as many as `at_once` are worked on side by side.

        Raises:
            ConfigError: the overlap leaves no room in the tile.
        """
        overlap = DEFAULT_OVERLAP if self.overlap is None else self.overlap
        fade = overlap // 4 * 2
        if self.exact:
            overlap, fade = 2 * halo, 0
        if self.tile is None:
            tall, wide = _sides(height, width, area, at_once, overlap)
        else:
            tall = wide = self.tile
            if self.exact:
                tall = wide = max(self.tile, self.least_tile(halo))
            if wide < 2 * overlap and max(height, width) > wide:
                raise ConfigError(
                    f"An overlap of {overlap} pixels doesn't fit into tiles of {wide}",
                    "Make the tile at least twice the overlap",
                )
        return Plan(
            spans(height, tall, overlap, fade), spans(width, wide, overlap, fade)
        )


def _sides(
    height: int, width: int, area: int, at_once: int, overlap: int
) -> tuple[int, int]:
    """Choose the largest height and width of a window of at most `area` pixels.

    Of all heights whose row of results is small enough to hold, take the one with
    which `at_once` workers have done the whole picture first.
    """
    least = max(_LEAST_SIDE, 4 * overlap)
    area = max(area, least * least)
    if height * width <= area:
        return height, width
    tallest = min(max(_ROW_OF_WINDOWS // width, least), area // min(width, least))
    fewest = ceil(height / tallest)
    best, least_work = (tallest, least), float("inf")
    for rows in range(fewest, max(fewest, height // least) + 1)[:_CHOICES]:
        tall = min(ceil((height + (rows - 1) * overlap) / rows), tallest)
        wide = min(max(area // tall, least), width)
        counts, sizes = zip(
            _count_and_size(height, tall, overlap),
            _count_and_size(width, wide, overlap),
            strict=True,
        )
        turns = ceil(prod(counts) / at_once)
        work = turns * at_once * prod(sizes)
        if work < least_work:
            best, least_work = (tall, wide), work
    return best


def _count_and_size(length: int, tile: int, overlap: int) -> tuple[int, int]:
    """How many windows an axis needs, and how long they are, at most `tile`."""
    if length <= tile:
        return 1, length
    count = ceil((length - overlap) / (tile - overlap))
    size = ceil((length + (count - 1) * overlap) / count)
    return count, min(ceil(size / _MULTIPLE) * _MULTIPLE, tile)


@dataclass(frozen=True, slots=True)
class Span:
    """One axis of a window, in input pixels: what is read, and what is kept."""

    start: int
    stop: int
    first: int
    """From here to `last` the window counts; outside it is dropped."""
    last: int
    fade_in: int
    """Pixels after `first` over which the weight rises from 0 to 1."""
    fade_out: int

    def kept(self, scale: int) -> slice:
        """Where in a window's result the part is that counts."""
        return slice(
            (self.first - self.start) * scale, (self.last - self.start) * scale
        )

    def lasting(self, scale: int) -> slice:
        """Where that part belongs in the whole result."""
        return slice(self.first * scale, self.last * scale)


def spans(length: int, tile: int, overlap: int, fade: int) -> tuple[Span, ...]:
    """Cut an axis of `length` pixels into windows of one size, at most `tile`.

    Neighbours share at least `overlap` pixels, and are faded into each other over
    the middle `fade` (even) of them.
    """
    count, size = _count_and_size(length, tile, overlap)
    if count == 1:
        return (Span(0, length, 0, length, 0, 0),)
    starts = [round(i * (length - size) / (count - 1)) for i in range(count)]
    seams = [(b + a + size) // 2 for a, b in itertools.pairwise(starts)]
    firsts = [0, *(seam - fade // 2 for seam in seams)]
    lasts = [*(seam + fade // 2 for seam in seams), length]
    return tuple(
        Span(
            start,
            start + size,
            first,
            last,
            fade if start else 0,
            fade if start + size < length else 0,
        )
        for start, first, last in zip(starts, firsts, lasts, strict=True)
    )


def _on_grid(spans: tuple[Span, ...], step: int) -> tuple[Span, ...]:
    length = spans[-1].stop
    return tuple(
        replace(
            span,
            start=span.start // step * step,
            stop=min(ceil(span.stop / step) * step, length),
        )
        for span in spans
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """The windows of a picture: every row span with every column span."""

    rows: tuple[Span, ...]
    columns: tuple[Span, ...]

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def on_grid(self, step: int) -> "Plan":
        """Widen windows so that they begin and end at multiples of `step` pixels.

        A network that works in blocks then meets the same blocks as without windows.
        """
        return Plan(_on_grid(self.rows, step), _on_grid(self.columns, step))


def windows(read: Callable[[int], Array], plan: Plan) -> Iterator[Array]:
    """Yield every window of a picture, (h, w, C), in reading order.

    `read(n)` gives the next n rows (n, W, C).  Rows are held until no window needs
    them any more.
    """
    held, top = read(0), 0
    for row in plan.rows:
        held, top = held[row.start - top :], row.start
        missing = row.stop - top - len(held)
        held = np.concatenate([held, read(missing)]) if len(held) else read(missing)
        for column in plan.columns:
            yield held[:, column.start : column.stop]


def _mixed(
    before: Array, after: Array, weight: NDArray[np.float32] | np.float32
) -> Array:
    """Fade from one to the other, in their own type."""
    mixed = before + weight * (after.astype(np.float32) - before)
    if np.issubdtype(before.dtype, np.integer):
        np.rint(mixed, out=mixed)
    faded: Array = mixed.astype(before.dtype)
    return faded


def _ramp(length: int) -> NDArray[np.float32]:
    """Rise from 0 to 1 so that with its mirror image it sums to one."""
    return ((np.arange(length) + 0.5) / length).astype(np.float32)


def _strip(
    results: Iterator[Array], row: Span, columns: tuple[Span, ...], scale: int
) -> Array:
    """Put one row of windows together: ((last - first)·scale, W·scale, C)."""
    strip: Array | None = None
    for column in columns:
        result = next(results)[row.kept(scale)]
        if len(columns) == 1:
            return result
        if strip is None:
            shape = (len(result), columns[-1].last * scale, result.shape[2])
            strip = np.empty(shape, result.dtype)
        kept = result[:, column.kept(scale)]
        left, fade = column.first * scale, column.fade_in * scale
        if fade:
            zone = strip[:, left : left + fade]
            zone[:] = _mixed(zone, kept[:, :fade], _ramp(fade)[:, None])
        strip[:, left + fade : column.last * scale] = kept[:, fade:]
    assert strip is not None
    return strip


def join(results: Iterator[Array], plan: Plan, scale: int) -> Iterator[Array]:
    """Yield the whole result in bands (rows, scale·W, C), one below the other.

    `results` are the windows' results (scale·h, scale·w, C), in the order of
    `windows`; they may be overwritten.
    """
    carried: Array | None = None
    for row in plan.rows:
        strip = _strip(results, row, plan.columns, scale)
        if carried is not None:
            # Row by row: all at once would take as much again in floats.
            for number, weight in enumerate(_ramp(len(carried))):
                strip[number] = _mixed(carried[number], strip[number], weight)
        final = len(strip) - row.fade_out * scale
        carried = strip[final:].copy() if row.fade_out else None
        yield strip[:final]
        del strip  # before the next one is made
