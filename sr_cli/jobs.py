"""One file in, one larger file out."""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np

from sr_cli import picture
from sr_cli.enlarge import Recipe, enlarged
from sr_cli.errors import DataError, PictureError
from sr_cli.picture import (
    Animation,
    Format,
    Frame,
    Header,
    Picture,
    PictureSource,
    Provenance,
    Sink,
    Source,
)
from sr_cli.picture.header import Samples
from sr_cli.upscale import Progress, Upscaler

Status = Literal["done", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class Job:
    """One picture to upscale."""

    source: Path | None
    """None reads standard input."""
    target: Path | None
    """None writes standard output."""


@dataclass(frozen=True, slots=True)
class Output:
    """How results are written."""

    format: str | None = None
    """None goes by the target's suffix; standard output gets PNG."""
    quality: int | None = None
    overwrite: bool = False
    recipe: Recipe = field(default_factory=Recipe)
    """What the result should be; what the format can't hold is taken off it."""
    page: int | None = None
    """Which picture of a file that holds several, from 1; None takes the first, and
    all frames of an animation."""
    strip: bool = False
    """Leave out EXIF, XMP, IPTC and texts."""
    provenance: Provenance | None = None
    """What to sign the result with."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job."""

    job: Job
    status: Status
    notes: tuple[str, ...] = ()
    """What could not be kept, and for a failure or a skip, why."""
    width: int = 0
    height: int = 0
    """Of the result, in pixels."""
    seconds: float = 0.0


def refuse_meetings(jobs: Sequence[Job]) -> None:
    """Refuse jobs whose results would replace one another.

    Raises:
        DataError: naming the file where they would meet.
    """
    targets = Counter(job.target for job in jobs if job.target is not None)
    for target, number in targets.items():
        if number > 1:
            raise DataError(
                f"{number} pictures would be written to {target}",
                "Upscale them one by one, each with its own --output",
            )


@contextmanager
def _open(path: Path | None, page: int | None) -> Iterator[Source]:
    if path is None:
        data = sys.stdin.buffer.read()
        yield PictureSource(picture.read_bytes(data, "standard input", page=page))
        return
    with picture.open_source(path, page=page) as source:
        yield source


@contextmanager
def _sink(target: Path | None, header: Header, output: Output) -> Iterator[Sink]:
    if target is not None:
        with picture.open_sink(
            target,
            header,
            format=output.format,
            quality=output.quality,
            overwrite=output.overwrite,
        ) as sink:
            yield sink
        return
    # Encoders go back to fill in lengths, which a pipe can't.
    with BytesIO() as stream:
        with picture.encoding_into(
            stream, header, output.format or "png", output.quality
        ) as sink:
            yield sink
        sys.stdout.buffer.write(stream.getbuffer())
    sys.stdout.buffer.flush()


def check(jobs: Sequence[Job], output: Output, new_folder: Path | None = None) -> None:
    """Refuse what can't be read or written before any work is done.

    `new_folder` is made, with its parents, once every source is found.

    Raises:
        PictureError: naming the first job that can't succeed.
        DataError: two results would meet in one file.
    """
    for job in jobs:
        if job.source is not None and not job.source.exists():
            raise PictureError(
                f"Cannot read {job.source}: there is no such file", "Check the path"
            )
    refuse_meetings(jobs)
    if new_folder is not None:
        try:
            new_folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PictureError(
                f"Cannot make the folder {new_folder} ({error.strerror or error})",
                "Choose another folder",
            ) from error
    for job in jobs:
        if job.target is not None:
            picture.check_target(job.target, output.format, overwrite=output.overwrite)


def run_job(
    job: Job,
    upscaler: Upscaler,
    output: Output,
    on_progress: Progress = lambda *_: None,
) -> Outcome:
    """Read, upscale and write one picture, or every frame of an animation.

    Raises:
        SrupError: the picture can't be read, upscaled or written; then nothing is.
    """
    began = time.perf_counter()
    with _open_animation(job, output) as animation:
        if animation is None:
            header, notes = _enlarge(job, upscaler, output, on_progress)
        else:
            header, notes = _animate(animation, job, upscaler, output, on_progress)
    seconds = time.perf_counter() - began
    return Outcome(job, "done", notes, header.width, header.height, seconds)


def _format(job: Job, output: Output) -> Format:
    return picture.format_for(job.target or Path("-.png"), output.format)


@contextmanager
def _open_animation(job: Job, output: Output) -> Iterator[Animation | None]:
    """Open frames that are all wanted, and that the result can hold."""
    wanted = output.page is None and _format(job, output).animation
    if job.source is None or not wanted:
        yield None
        return
    with picture.open_animation(job.source) as animation:
        yield animation


def _enlarge(
    job: Job, upscaler: Upscaler, output: Output, on_progress: Progress
) -> tuple[Header, tuple[str, ...]]:
    """Return what was written, and what to say of it."""
    row = _format(job, output)
    with _open(job.source, output.page) as source:
        recipe = _recipe(source.header, row, output)
        header, bands = enlarged(source, upscaler, recipe, on_progress)
        notes = _notes(source.header, header, row, output)
        header = _signed(header, output)
        picture.check_size(header.height, header.width, row.name, header.channels)
        with _sink(job.target, header, output) as sink:
            for band in bands:
                sink.write(band)
                del band  # the next one needs its memory
    return header, notes


def _animate(
    animation: Animation,
    job: Job,
    upscaler: Upscaler,
    output: Output,
    on_progress: Progress,
) -> tuple[Header, tuple[str, ...]]:
    """As `_enlarge`, frame by frame."""
    row = _format(job, output)
    recipe = _recipe(animation.header, row, output)

    def enlarge(frame: Frame) -> Frame:
        source = PictureSource(frame.picture)
        return replace(frame, picture=_gathered(*enlarged(source, upscaler, recipe)))

    # Its header is what all will have.
    first = enlarge(next(animation.frames))
    found = first.picture.header
    header = replace(
        animation.header,
        height=found.height,
        width=found.width,
        icc=found.icc,
        notes=animation.header.notes + found.notes,
    )
    notes = _notes(animation.header, header, row, output)
    header = _signed(header, output)

    def frames() -> Iterator[Frame]:
        yield first
        on_progress(1, animation.count)
        for done, frame in enumerate(animation.frames, 2):
            yield enlarge(frame)
            on_progress(done, animation.count)

    large = replace(animation, header=header, frames=frames())
    if job.target is not None:
        picture.write_animation(
            job.target,
            large,
            format=output.format,
            quality=output.quality,
            overwrite=output.overwrite,
        )
        return header, notes
    with BytesIO() as stream:
        picture.encode_animation(stream, large, row.name, output.quality)
        sys.stdout.buffer.write(stream.getbuffer())
    sys.stdout.buffer.flush()
    return header, notes


def _recipe(header: Header, row: Format, output: Output) -> Recipe:
    """Ask for what the format can hold."""
    gray_as_rgb = header.channels == 1 and not row.gray
    profile_lost = header.icc is not None and (not row.icc or gray_as_rgb)
    ink_lost = header.channels == 4 and not row.cmyk
    recipe = output.recipe
    return replace(
        recipe,
        to_srgb=recipe.to_srgb or profile_lost or ink_lost,
        depth=min(recipe.depth, row.depth),
    )


def _notes(found: Header, made: Header, row: Format, output: Output) -> tuple[str, ...]:
    """Say what reading changed and what the format can't hold."""
    # sRGB is what pixels without a profile are in.
    kept = replace(made, depth=found.depth, icc=made.icc if row.icc else None)
    kept = picture.stripped(kept) if output.strip else kept
    return (*made.notes, *_made_before(found), *picture.losses(kept, row.name))


def _signed(header: Header, output: Output) -> Header:
    """Say what made the pixels, and no more than was asked for."""
    header = picture.stripped(header) if output.strip else header
    return replace(header, provenance=output.provenance)


def _made_before(header: Header) -> tuple[str, ...]:
    """Warn of pixels that are a network's already."""
    found = picture.found_provenance(header)
    if found is None:
        return ()
    return (
        f"srup {found.version} made this picture with {found.model} before: what that "
        "invented is enlarged as if it were true; begin with the original",
    )


def _gathered(header: Header, bands: Iterator[Samples]) -> Picture:
    """Return the whole of a frame."""
    whole = np.concatenate(list(bands))
    alpha = np.ascontiguousarray(whole[:, :, -1]) if header.alpha else None
    pixels = np.ascontiguousarray(whole[:, :, : header.channels])
    return Picture(pixels, alpha, icc=header.icc, notes=header.notes)
