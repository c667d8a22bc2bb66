"""Results as a page to look at: tables, a plot, and the pictures themselves."""

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sr_cli import __version__
from sr_cli.bench.protocol import PERCEPTUAL, PerceptualName, columns
from sr_cli.bench.quality import (
    BenchPair,
    ImageScore,
    Known,
    Upscaled,
    load_pair,
    made_by,
)
from sr_cli.bench.report import Result
from sr_cli.bench.rivals import ORIGINAL, Rival
from sr_cli.bench.tables import figure, grid
from sr_cli.viewer.exhibits import Exhibit, Plot, Point, Table, Version
from sr_cli.viewer.page import build

MOST = 24
"""Pictures shown of one set: those of large sets don't fit into a page."""

MOST_PIXELS = 60_000_000
"""Of all versions on a page: with a loss that hardly shows, they take about 24 MB."""

TRUTH, LOW = ORIGINAL, "low resolution"


@dataclass(slots=True)
class _Shown:
    file: str
    pair: BenchPair | None = None
    scores: dict[str, ImageScore] = field(default_factory=dict)
    pixels: dict[str, NDArray[np.uint8]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many pixels the original has."""
        score = next(iter(self.scores.values()))
        return score.height * score.width

    @property
    def spread(self) -> float:
        """How far the rivals lie apart, in dB."""
        found = [score.scores.psnr_y for score in self.scores.values()]
        finite = [psnr for psnr in found if math.isfinite(psnr)]
        return max(finite) - min(finite) if finite else 0.0


class Gallery:
    """Keeps the pictures of one set on which its rivals differ most.

    `show` may be called from several threads.

    Args:
        rivals: how many results each picture gets.
        most: how many pictures to keep.
        pixels: how many all their versions may have together, if more than one picture
            is kept.
    """

    def __init__(
        self, rivals: int, most: int = MOST, pixels: int = MOST_PIXELS
    ) -> None:
        self._rivals, self._most, self._pixels = rivals, most, pixels
        self._lock = threading.Lock()
        self._growing: dict[str, _Shown] = {}
        self._kept: list[_Shown] = []
        self.left_out = 0

    def show(self, score: ImageScore, upscaled: Upscaled | None) -> None:
        """Take one result, or the score of one that was not upscaled again."""
        with self._lock:
            shown = self._growing.setdefault(score.file, _Shown(score.file))
            shown.scores[score.rival] = score
            if upscaled is not None:
                shown.pair = upscaled.pair
                shown.pixels[score.rival] = upscaled.pixels
            if len(shown.scores) < self._rivals:
                return
            self._kept.append(self._growing.pop(score.file))
            self._kept.sort(key=lambda one: (-one.spread, one.file))
            fitting = self._fitting()
            self.left_out += len(self._kept[fitting:])
            del self._kept[fitting:]

    def _fitting(self) -> int:
        """Return how many of the first that are kept may stay."""
        sizes = (one.size * (self._rivals + 1) for one in self._kept)
        fitting = sum(total <= self._pixels for total in accumulate(sizes))
        return min(max(fitting, 1), self._most)

    def complete(
        self,
        result: Result,
        files: Sequence[Path],
        rivals: Sequence[Rival],
        known: Known,
        on_picture: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        """Get the pixels of what is kept and was not upscaled in this run.

        `files` are those of the set; `on_picture(done, total)` is told.

        Raises:
            SrupError: whatever reading and upscaling raise.
        """
        paths, asked = {path.name: path for path in files}, result.protocol
        how = result.scale, asked.border, asked.reduction
        for done, one in enumerate(self._kept, 1):
            one.pair = one.pair or load_pair(paths[one.file], *how)
            for rival in rivals:
                if rival.upscale is None:
                    continue
                digest = one.scores[rival.id].sha256
                pixels = one.pixels.get(rival.id)
                if pixels is None:
                    pixels = known.find_pixels(digest, rival)
                if pixels is None or pixels.shape != one.pair.high.shape:
                    pixels = made_by(rival, one.pair).pixels
                one.pixels[rival.id] = pixels
                known.keep_pixels(digest, rival, pixels)
            on_picture(done, len(self._kept))

    def exhibits(self, result: Result) -> list[Exhibit]:
        """Return the complete pictures that were kept, those that differ most first."""
        shown = columns(result.protocol)
        made = []
        for one in self._kept:
            if one.pair is None:
                continue
            figures = {
                name: {
                    column.title: value
                    for column in shown
                    if (value := figure(score.scores, column.key)) is not None
                }
                for name, score in one.scores.items()
            }
            versions = [
                Version(TRUTH, one.pair.high, figures.get(ORIGINAL, {})),
                Version(LOW, one.pair.low.pixels),
            ]
            versions += [
                Version(row.id, one.pixels[row.id], figures[row.id])
                for row in result.models
                if row.id != ORIGINAL
            ]
            made.append(Exhibit(f"{result.dataset} / {one.file}", versions, TRUTH))
        return made


def _table(result: Result, left_out: int, *, published: bool) -> Table:
    cells = grid(result, published=published)
    notes = [*cells.notes]
    if not _measured_perception(result):
        notes.append(
            "no plot of perception over distortion: it needs "
            f"{' or '.join(name.upper() for name in PERCEPTUAL)}, see --metric"
        )
    if left_out:
        left = f"{left_out} of {len(result.models[0].images)} pictures"
        notes.append(f"not shown, as results differ less on them: {left}")
    notes += [f"srup {__version__}", f"data: sha256 {result.sha256}"]
    notes += [f"{row.id}: sha256 {row.sha256}" for row in result.models if row.sha256]
    heading = "published by others"
    return Table(
        *(cells.title, cells.columns, cells.rows, cells.published, heading, notes)
    )


def _measured_perception(result: Result) -> list[PerceptualName]:
    return [
        name
        for name in PERCEPTUAL
        if any(figure(row.scores, name) is not None for row in result.models)
    ]


def _plot(result: Result, name: PerceptualName) -> Plot:
    """Draw perception, as `name` has it, over distortion."""
    found = [
        (row, value)
        for row in result.models
        if (value := figure(row.scores, name)) is not None
    ]
    beyond = [
        f"{row.id}: {name.upper()} {value:.2f}"
        for row, value in found
        if math.isinf(row.scores.psnr_y)
    ]
    return Plot(
        f"{result.dataset}: perception and distortion",
        "PSNR dB on Y (more is truer)",
        f"{name.upper()} (less looks better)",
        [Point(row.id, row.scores.psnr_y, value) for row, value in found],
        "; ".join(beyond),
    )


def to_html(
    results: Sequence[Result], galleries: Sequence[Gallery], *, published: bool = False
) -> str:
    """Return one page on all `results`, each with its gallery.

    Raises:
        PictureError: a picture can't be encoded.
    """
    exhibits: list[Exhibit] = []
    tables, plots = [], []
    for result, gallery in zip(results, galleries, strict=True):
        exhibits += gallery.exhibits(result)
        tables.append(_table(result, gallery.left_out, published=published))
        plots += [_plot(result, name) for name in _measured_perception(result)]
    title = f"srup bench: {', '.join(result.dataset for result in results)}"
    return build(title, exhibits, tables, plots)
