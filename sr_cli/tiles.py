"""How a large picture is cut into windows and put together again: pure geometry.

A convolution network knows nothing beyond its halo, so a window's inside is exact
and only a margin of the halo's width differs from the untiled result.  `exact`
overlaps windows by two halos and cuts in the middle: the untiled numbers, at a
price.  Otherwise windows overlap less, their outermost pixels, which the network
computed against a border that isn't there, are dropped, and the rest is faded.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from sr_cli.errors import ConfigError

Planes = NDArray[np.float32]

DEFAULT_TILE = 256
DEFAULT_OVERLAP = 20
"""Measured on Set14 with srresnet in bfloat16, where rounding alone costs about as
much: against the untiled result at least 60.2 dB on every picture with tiles as small
as 64 (overlap 16: 59.9; 32: 60.9)."""
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

    def plan(self, height: int, width: int, halo: int) -> "Plan":
        """Cut a picture of `height` × `width` for a network with this `halo`.

        Raises:
            ConfigError: the overlap leaves no room in the tile.
        """
        tile = self.tile or DEFAULT_TILE
        overlap = DEFAULT_OVERLAP if self.overlap is None else self.overlap
        fade = overlap // 4 * 2
        if self.exact:
            overlap, fade = 2 * halo, 0
            # Below this, most of each window would be margin.
            tile = max(tile, 4 * halo)
        if tile < 2 * overlap and max(height, width) > tile:
            raise ConfigError(
                f"An overlap of {overlap} pixels doesn't fit into tiles of {tile}",
                "Make the tile at least twice the overlap",
            )
        return Plan(
            spans(height, tile, overlap, fade), spans(width, tile, overlap, fade)
        )


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

    def weight(self, scale: int) -> Planes:
        """Return the weights of the kept output pixels, ((last - first)·scale,)."""
        weight = np.ones((self.last - self.first) * scale, np.float32)
        if self.fade_in:
            weight[: self.fade_in * scale] = _ramp(self.fade_in * scale)
        if self.fade_out:
            weight[-self.fade_out * scale :] = _ramp(self.fade_out * scale)[::-1]
        return weight


def _ramp(length: int) -> Planes:
    """Rise so that a ramp and its mirror image sum to one."""
    return ((np.arange(length) + 0.5) / length).astype(np.float32)


def spans(length: int, tile: int, overlap: int, fade: int) -> tuple[Span, ...]:
    """Cut an axis of `length` pixels into windows of one size, at most `tile`.

    Neighbours share at least `overlap` pixels, and are faded into each other over
    the middle `fade` (even) of them.
    """
    if length <= tile:
        return (Span(0, length, 0, length, 0, 0),)
    count = ceil((length - overlap) / (tile - overlap))
    size = ceil((length + (count - 1) * overlap) / count)
    size = min(ceil(size / _MULTIPLE) * _MULTIPLE, tile)
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


@dataclass(frozen=True, slots=True)
class Plan:
    """The windows of a picture: every row span with every column span."""

    rows: tuple[Span, ...]
    columns: tuple[Span, ...]

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)


def _strip(
    image: Planes,
    row: Span,
    columns: tuple[Span, ...],
    scale: int,
    run: Callable[[Planes], Planes],
) -> Planes:
    """Run one row of windows: (3, (last - first)·scale, W·scale), faded at seams."""
    height = (row.last - row.first) * scale
    strip = np.zeros((image.shape[0], height, image.shape[2] * scale), np.float32)
    top = (row.first - row.start) * scale
    for column in columns:
        window = image[None, :, row.start : row.stop, column.start : column.stop]
        result = run(np.ascontiguousarray(window))[0]
        left = (column.first - column.start) * scale
        right = (column.last - column.start) * scale
        kept = result[:, top : top + height, left:right]
        kept = kept * column.weight(scale) if len(columns) > 1 else kept
        strip[:, :, column.first * scale : column.last * scale] += kept
    return strip


def sweep(
    image: Planes,
    plan: Plan,
    scale: int,
    run: Callable[[Planes], Planes],
    on_window: Callable[[int, int], None] = lambda *_: None,
) -> Iterator[Planes]:
    """Run every window of `image` (C, H, W) and yield the result from the top.

    `run` maps (1, C, h, w) to (1, C, scale·h, scale·w).  The bands (C, rows,
    scale·W) that are yielded, one below the other, are the result; no more than one
    row of windows is held.  `on_window(done, total)` is told of each window.
    """
    done = 0

    def counted(window: Planes) -> Planes:
        nonlocal done
        result = run(window)
        done += 1
        on_window(done, len(plan))
        return result

    carried: Planes | None = None
    for row in plan.rows:
        strip = _strip(image, row, plan.columns, scale, counted)
        if row.fade_in or row.fade_out:
            strip *= row.weight(scale)[:, None]
        if carried is not None:
            strip[:, : carried.shape[1]] += carried
        final = strip.shape[1] - row.fade_out * scale
        carried = strip[:, final:]
        yield strip[:, :final]
