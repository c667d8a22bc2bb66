"""Samples to look at: what a network makes of a few pictures, beside the truth.

A strip has a row for each of up to four pictures, spread evenly over the validation
set in the order of their names.  A row shows one place three times: interpolated
bicubically, as the network upscales it now, and the original.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sr_cli import metrics
from sr_cli.bench.quality import BenchPair
from sr_cli.bench.rivals import interpolate

Pixels = NDArray[np.uint8]

PICTURES = 4
SIDE = 192
"""Of a sample, in high-resolution pixels; less where a picture is smaller."""
GAP = 2
"""Pixels between samples."""

_PAPER = 255


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A place in a picture, and what doesn't change there."""

    number: int
    """Of its pair, from 0."""
    rows: slice
    columns: slice
    bicubic: Pixels
    """(h, w, 3), as is `truth`."""
    truth: Pixels

    def cut(self, pixels: Pixels) -> Pixels:
        """Return this place (h, w, 3) of the whole picture `pixels` (H, W, C)."""
        return _cut(pixels, self.rows, self.columns)


def _cut(pixels: Pixels, rows: slice, columns: slice) -> Pixels:
    part = pixels[rows, columns]
    # A copy, so that the whole picture need not be kept.
    return np.ascontiguousarray(np.broadcast_to(part, (*part.shape[:2], 3)).copy())


def _liveliest(detail: NDArray[np.float64], height: int, width: int) -> tuple[int, int]:
    """Return the top left corner of the window with most `detail` (H, W) in it."""
    sums = np.pad(detail, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    rows = sums[height:] - sums[:-height]
    windows = rows[:, width:] - rows[:, :-width]
    top, left = np.unravel_index(int(windows.argmax()), windows.shape)
    return int(top), int(left)


def _sample(number: int, pair: BenchPair) -> Sample:
    bicubic = interpolate(pair.low, pair.high.shape[0] // pair.low.height, "bicubic")
    high = pair.high
    lost = metrics.comparable(high) - metrics.comparable(bicubic.pixels)
    height, width = (min(SIDE, side) for side in high.shape[:2])
    top, left = _liveliest(np.square(lost), height, width)
    rows, columns = slice(top, top + height), slice(left, left + width)
    truth = _cut(high, rows, columns)
    return Sample(number, rows, columns, _cut(bicubic.pixels, rows, columns), truth)


def choose_samples(pairs: Sequence[BenchPair]) -> list[Sample]:
    """Choose places to show: there where bicubic interpolation loses most."""
    count = min(PICTURES, len(pairs))
    numbers = np.linspace(0, len(pairs) - 1, count).round().astype(int).tolist()
    return [_sample(number, pairs[number]) for number in numbers]


def assemble(samples: Sequence[Sample], now: Sequence[Pixels]) -> Pixels:
    """Lay out `samples`, at least one, with what the network makes of each `now`.

    Returns:
        uint8 (H, W, 3): a row for each sample, white between them.
    """
    height = max(sample.truth.shape[0] for sample in samples)
    width = max(sample.truth.shape[1] for sample in samples)
    down, across = height + GAP, width + GAP
    shape = (down * len(samples) - GAP, across * 3 - GAP, 3)
    strip = np.full(shape, _PAPER, np.uint8)
    for row, (sample, result) in enumerate(zip(samples, now, strict=True)):
        for column, part in enumerate((sample.bicubic, result, sample.truth)):
            top, left = row * down, column * across
            strip[top : top + part.shape[0], left : left + part.shape[1]] = part
    return strip
