"""From a picture to the size, the colours and the depth that were asked for.

A picture of 8 bits in sRGB at the network's own scale takes the short way through
`Upscaler.stream`.  Everything else goes through floats: file ─▶ sRGB ─▶ network, as
often as the size needs it ─▶ one resampling ─▶ the file's colours ─▶ rounded, once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from sr_cli.enlarge.consistency import faithful
from sr_cli.enlarge.ensemble import ensembled
from sr_cli.enlarge.gamut import beyond_srgb
from sr_cli.enlarge.readers import rows_from, shared
from sr_cli.enlarge.resampling import resampled
from sr_cli.enlarge.sizing import Sizing, passes
from sr_cli.picture import Header, Source, bleed, colour
from sr_cli.picture.header import Depth, Samples
from sr_cli.picture.levels import as_floats, as_levels
from sr_cli.transparency import among_neighbours, half_each, with_alpha
from sr_cli.upscale import FloatRun, Floats, Progress, Rows, Upscaler, rows_of

Around = Callable[[FloatRun], FloatRun]

_BAND = 64
"""Rows of a result that are made at a time."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is wanted of a result beyond what the network gives."""

    sizing: Sizing = field(default_factory=Sizing)
    ensemble: bool = False
    """Average the network's answers to the picture in all eight positions."""
    faithful: bool = False
    """Agree with the input when made smaller again."""
    to_srgb: bool = False
    """Leave the result in sRGB, whatever profile the picture is in."""
    depth: Depth = 16
    """The most bits a sample of the result may have."""


def enlarged(
    source: Source,
    upscaler: Upscaler,
    recipe: Recipe = Recipe(),
    on_progress: Progress = lambda *_: None,
) -> tuple[Header, Iterator[Samples]]:
    """Return what the result will be, and its rows from the top, in bands.

    Raises:
        ConfigError: the size can't be met; before any work.
        PictureError, ModelError, OutOfMemoryError: as `Upscaler.stream`, while rows
            are asked for.
    """
    found = source.header
    size = found.height, found.width
    new_size = recipe.sizing.of(*size, upscaler.scale)
    colours = colour.plan(found, to_srgb=recipe.to_srgb)
    header = replace(
        found,
        height=new_size[0],
        width=new_size[1],
        channels=colours.channels,
        icc=colours.icc,
        depth=min(found.depth, recipe.depth),
        notes=found.notes + colours.notes,
    )
    own_size = size[0] * upscaler.scale, size[1] * upscaler.scale
    if (
        found.depth == 8
        and header.channels < 4
        and new_size == own_size
        and colours.enter is None
        and colours.leave is None
        and not (recipe.ensemble or recipe.faithful)
    ):
        return header, upscaler.stream(source, on_progress)
    pipeline = _Pipeline(found, header, upscaler, recipe, colours)
    return header, pipeline.run(source, on_progress)


@dataclass(frozen=True, slots=True)
class _Pipeline:
    """The long way, for one picture."""

    found: Header
    header: Header
    upscaler: Upscaler
    recipe: Recipe
    colours: colour.ColourPlan

    def run(self, source: Source, on_progress: Progress) -> Iterator[Samples]:
        """Yield the result's rows."""
        if self.header.channels == 4:
            yield from self._inks(source.read, on_progress)
            return
        if not self.found.alpha:
            yield from self._colours(source.read, on_progress)
            return
        whole = source.read(self.found.height)
        pixels, alpha = whole[:, :, :-1], whole[:, :, -1]
        yield from with_alpha(
            bleed(pixels, alpha),
            alpha,
            lambda plane, show: self._colours(rows_of(plane), show),
            lambda plane, show: self._alpha(rows_of(plane), show),
            on_progress,
        )

    def _colours(self, rows: Rows, on_progress: Progress) -> Iterator[Samples]:
        enter, leave = self.colours.enter, self.colours.leave

        def read(count: int) -> Floats:
            samples = rows(count)
            if enter is None or not len(samples):
                return as_floats(samples)
            return enter(samples)

        for band in self._enlarged(read, self._treated, on_progress):
            yield self._stored(band if leave is None else leave(band))

    def _inks(self, rows: Rows, on_progress: Progress) -> Iterator[Samples]:
        """Yield rows of CMYK: three inks as a picture, and black as another.

        Black text then stays black alone.
        """
        white = self.header.dtype.type(self.header.white)
        show = half_each(on_progress)
        parts = shared(rows, (slice(0, 3), slice(3, 4)))
        bare = (self._colours(_inverted(part), show) for part in parts)
        for pair in zip(*bare, strict=True):
            yield white - np.concatenate(pair, axis=2)

    def _alpha(self, rows: Rows, on_progress: Progress) -> Iterator[Samples]:
        def read(count: int) -> Floats:
            return as_floats(rows(count))

        def around(run: FloatRun) -> FloatRun:
            treated = self._treated(run)
            return lambda low: among_neighbours(low, treated(low))

        for band in self._enlarged(read, around, on_progress):
            yield self._stored(band)

    def _treated(self, run: FloatRun) -> FloatRun:
        if self.colours.enter is not None:
            run = beyond_srgb(run)
        if self.recipe.ensemble:
            run = ensembled(run)
        return faithful(run) if self.recipe.faithful else run

    def _enlarged(
        self, rows: Rows, around: Around, on_progress: Progress
    ) -> Iterator[Floats]:
        """Run the network as often as needed, then resample to the size wanted."""
        size = self.found.height, self.found.width
        new_size = self.header.height, self.header.width
        scale = self.upscaler.scale
        count = passes(size, new_size, scale)
        for number in range(1, count + 1):
            bands = self.upscaler.floats(
                rows,
                size,
                # The last pass is nearly all of the work.
                on_progress if number == count else _silent,
                precise=self.header.depth > 8,
                around=around,
            )
            rows, size = rows_from(bands), (size[0] * scale, size[1] * scale)
        rows = resampled(rows, size, new_size)
        for top in range(0, new_size[0], _BAND):
            yield rows(min(_BAND, new_size[0] - top))

    def _stored(self, values: Floats) -> Samples:
        """Round values, white being 1, to the result's depth."""
        return as_levels(values, self.header.dtype)


def _inverted(rows: Rows) -> Rows:
    """Let no ink be white."""

    def read(count: int) -> Samples:
        samples = rows(count)
        return np.iinfo(samples.dtype).max - samples

    return read


def _silent(_done: int, _total: int) -> None:
    """Report nothing."""
