"""One file in, one larger file out."""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Literal

from sr_cli import picture
from sr_cli.errors import DataError, PictureError
from sr_cli.picture import Header, Picture, PictureSource, Sink, Source
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


def _read(source: Path | None) -> Picture:
    if source is None:
        return picture.read_bytes(sys.stdin.buffer.read(), "standard input")
    return picture.read(source)


@contextmanager
def _open(path: Path | None) -> Iterator[Source]:
    if path is None:
        yield PictureSource(_read(path))
        return
    with picture.open_source(path) as source:
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
    """Read, upscale and write one picture.

    Raises:
        SrupError: the picture can't be read, upscaled or written; then nothing is.
    """
    began = time.perf_counter()
    suffix = job.target.suffix if job.target else ".png"
    format_name = output.format or suffix
    scale = upscaler.scale
    with _open(job.source) as source:
        found = source.header
        header = replace(found, height=found.height * scale, width=found.width * scale)
        picture.check_size(header.height, header.width, format_name, header.channels)
        with _sink(job.target, header, output) as sink:
            for band in upscaler.stream(source, on_progress):
                sink.write(band)
                del band  # the next one needs its memory
    return Outcome(
        job,
        "done",
        (*found.notes, *picture.losses(header, format_name)),
        header.width,
        header.height,
        time.perf_counter() - began,
    )
