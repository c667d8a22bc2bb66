"""Many files in, larger files out: plan the jobs, run them, report each."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from sr_cli.errors import DataError, SrupError
from sr_cli.jobs import Job, Outcome, Output, refuse_meetings, run_job
from sr_cli.upscale import Upscaler

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".bmp", ".gif")
)
"""What a folder's pictures are recognised by; files given by name may be called
anything."""


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
    refuse_meetings(jobs)
    return jobs


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
