"""Results as a page to look at: tables, a plot, and the pictures themselves."""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sr_cli import __version__
from sr_cli.bench.protocol import PERCEPTUAL, columns
from sr_cli.bench.quality import BenchPair, ImageScore
from sr_cli.bench.report import Result
from sr_cli.bench.tables import figure, grid
from sr_cli.viewer.exhibits import Exhibit, Plot, Point, Table, Version
from sr_cli.viewer.page import build

MOST = 24
"""Pictures shown of one set: those of large sets don't fit into a page."""

TRUTH, LOW = "original", "low resolution"


@dataclass(slots=True)
class _Shown:
    pair: BenchPair
    results: dict[str, tuple[ImageScore, NDArray[np.uint8]]] = field(
        default_factory=dict
    )

    @property
    def spread(self) -> float:
        """How far the rivals lie apart, in dB."""
        found = [score.scores.psnr_y for score, _ in self.results.values()]
        finite = [psnr for psnr in found if math.isfinite(psnr)]
        return max(finite) - min(finite) if finite else 0.0


class Gallery:
    """Keeps the pictures of one set on which its rivals differ most.

    `show` may be called from several threads.

    Args:
        rivals: how many results each picture gets.
        most: how many pictures to keep.
    """

    def __init__(self, rivals: int, most: int = MOST) -> None:
        self._rivals, self._most = rivals, most
        self._lock = threading.Lock()
        self._growing: dict[str, _Shown] = {}
        self._kept: list[_Shown] = []
        self.left_out = 0

    def show(
        self, pair: BenchPair, score: ImageScore, result: NDArray[np.uint8]
    ) -> None:
        """Take one result."""
        with self._lock:
            shown = self._growing.setdefault(pair.file, _Shown(pair))
            shown.results[score.rival] = score, result
            if len(shown.results) < self._rivals:
                return
            self._kept.append(self._growing.pop(pair.file))
            self._kept.sort(key=lambda one: -one.spread)
            self.left_out += len(self._kept[self._most :])
            del self._kept[self._most :]

    def exhibits(self, result: Result) -> list[Exhibit]:
        """Return the pictures that were kept, those that differ most first."""
        shown = columns(result.protocol)
        made = []
        for one in self._kept:
            versions = [
                Version(TRUTH, one.pair.high),
                Version(LOW, one.pair.low.pixels),
            ]
            for row in result.models:
                score, pixels = one.results[row.id]
                found = {c.title: figure(score.scores, c.key) for c in shown}
                figures = {title: f for title, f in found.items() if f is not None}
                versions.append(Version(row.id, pixels, figures))
            made.append(Exhibit(f"{result.dataset} / {one.pair.file}", versions, TRUTH))
        return made


def _table(result: Result, left_out: int, *, published: bool) -> Table:
    table = grid(result, published=published)
    notes = [*table.notes, f"data: sha256 {result.sha256}"]
    notes += [f"{row.id}: sha256 {row.sha256}" for row in result.models if row.sha256]
    if left_out:
        notes.append(
            f"{left_out} pictures are not shown: the models differ less on them"
        )
    note = "; ".join(n.replace("\n", "; ") for n in notes) + f"; srup {__version__}."
    return Table(table.title, table.columns, table.rows, note)


def _plot(result: Result) -> Plot | None:
    """Draw perception over distortion, where a metric of perception was computed."""
    for name in PERCEPTUAL:
        found = [(row, figure(row.scores, name)) for row in result.models]
        points = [
            Point(row.id, row.scores.psnr_y, value)
            for row, value in found
            if value is not None
        ]
        if points:
            return Plot(
                f"{result.dataset}: perception and distortion",
                "PSNR dB (more is truer)",
                f"{name.upper()} (less looks better)",
                points,
            )
    return None


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
        plot = _plot(result)
        if plot:
            plots.append(plot)
    title = f"srup bench: {', '.join(result.dataset for result in results)}"
    return build(title, exhibits, tables, plots)
