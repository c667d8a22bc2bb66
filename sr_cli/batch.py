"""Files in, larger files out: plan the jobs, run them, report each."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Literal

from sr_cli import picture
from sr_cli.errors import DataError, PictureError, SrupError
from sr_cli.picture import Header, Picture, PictureSource, Sink, Source
from sr_cli.upscale import Progress, Upscaler

Status = Literal["done", "skipped", "failed"]

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".bmp", ".gif")
)
"""What a folder's pictures are recognised by; files given by name may be called
anything."""


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


def plan(folders: Sequence[Path], output: Path | None, suffix: str) -> list[Job]:
    """Plan a job for every picture in `folders` and below, mirroring the tree.

    Results go under `output`, in a folder per input folder if there are several;
    without `output`, into FOLDER_4x beside each.  Names keep their stem; two
    sources that would meet in one file keep their suffixes too.

    Raises:
        DataError: a folder is missing or holds no pictures, or two results would
            meet in one file.
    """
    jobs: list[Job] = []
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"There is no folder {folder}", "Name a folder of pictures")
        base = output or folder.resolve().with_name(f"{folder.resolve().name}_4x")
        if output and len(folders) > 1:
            base = output / folder.resolve().name
        found = sorted(
            path
            for path in folder.rglob("*")
            if path.suffix.lower() in SUFFIXES
            and path.is_file()
            and base.resolve() not in path.resolve().parents
        )
        if not found:
            raise DataError(
                f"The folder {folder} holds no pictures",
                f"srup looks for {', '.join(sorted(SUFFIXES))}",
            )
        stems = Counter(path.with_suffix("") for path in found)
        for path in found:
            place = (base / path.relative_to(folder)).with_suffix(suffix)
            if stems[path.with_suffix("")] > 1:
                place = place.with_name(f"{path.name}{suffix}")
            jobs.append(Job(path, place))
    _refuse_meetings(jobs)
    return jobs


def _refuse_meetings(jobs: Sequence[Job]) -> None:
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
    _refuse_meetings(jobs)
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


def run(
    jobs: Sequence[Job],
    upscaler: Upscaler,
    output: Output,
    on_progress: Callable[[Job, int, int], None] = lambda *_: None,
) -> Iterator[Outcome]:
    """Run every job and yield its outcome; a bad picture doesn't end the batch.

    Existing results are skipped unless `output.overwrite`.
    """
    for job in jobs:
        if job.target is not None:
            if job.target.exists() and not output.overwrite:
                yield Outcome(job, "skipped", ("its result exists",))
                continue
            job.target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield run_job(
                job,
                upscaler,
                output,
                partial(on_progress, job),
            )
        except (SrupError, OSError) as error:
            yield Outcome(job, "failed", (str(error),))
