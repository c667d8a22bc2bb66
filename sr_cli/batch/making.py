"""One result, made so that it is recorded if it is there and ours."""

import shutil
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import cast

from sr_cli.batch.content import Content, Stamp
from sr_cli.batch.folder import Folder
from sr_cli.batch.journal import Record
from sr_cli.batch.plan import Step
from sr_cli.batch.turns import Turn
from sr_cli.errors import PictureError, SrupError
from sr_cli.jobs import Job, Outcome, Output, run_job
from sr_cli.picture.refusals import unopened
from sr_cli.upscale import Progress, Upscaler
from sr_cli.weights import file_sha256
from sr_cli.whole_file import whole_file


def make(
    step: Step, folder: Folder, turn: Turn, output: Output, on_progress: Progress
) -> Outcome:
    """Make one result.

    It is written beside the journal, recorded, and only then gets its name.  Whenever
    the process is killed, what lies at its place is recorded or isn't ours.

    Raises:
        SrupError: the input can't be read or has changed meanwhile, or the result
            can't be written.
        StoppedError: before it was done.
    """
    began = time.perf_counter()
    source, target = step.place.input.source, step.place.target
    staged = folder.staged(target.suffix)
    try:
        before, read = _read(source)
        outcome = None if output.overwrite else _copy(step, folder, read, staged)
        if outcome is None:
            # The suffix may not tell the format, and nothing is there to overwrite.
            own = replace(output, format=target.suffix, overwrite=False)
            job = Job(source, staged)
            outcome = run_job(job, cast(Upscaler, turn), own, on_progress)
        if _stamp(source) != before:
            raise PictureError(
                f"Cannot read {source}: it changed while it was read",
                "Run the batch again when it is complete",
            )
        _hand_over(step, folder, read, staged, outcome)
    except SrupError as error:
        # People know the result by its own name.
        error.message = error.message.replace(str(staged), str(target))
        raise
    finally:
        with suppress(OSError):
            staged.unlink()
    seconds = time.perf_counter() - began
    return replace(outcome, job=step.job, seconds=seconds)


def _read(source: Path) -> tuple[Stamp, Content]:
    try:
        return Stamp.of(source), Content.of(source)
    except OSError as error:
        raise unopened(source, error) from error


def _stamp(source: Path) -> Stamp | None:
    try:
        return Stamp.of(source)
    except OSError:
        return None


def _copy(step: Step, folder: Folder, read: Content, staged: Path) -> Outcome | None:
    """Take a result that is there already, of an input that held the same."""
    record = folder.journal.alike((read.sha256, step.settings))
    if record is None:
        return None
    try:
        with (
            (folder.root / record.result).open("rb") as original,
            whole_file(staged, overwrite=False) as copy,
        ):
            shutil.copyfileobj(original, copy)
        if file_sha256(staged) == record.made.sha256:
            note = f"copied from {record.result}, whose input held the same"
            return Outcome(step.job, "done", (note,), record.width, record.height)
        staged.unlink()
    except OSError:
        pass  # making it will succeed, or tell why not
    return None


def _hand_over(
    step: Step, folder: Folder, read: Content, staged: Path, outcome: Outcome
) -> None:
    source, result = step.place.input.source, step.place.result.as_posix()
    target = step.place.target
    try:
        made = Content.of(staged)
        folder.journal.add(
            Record(
                result,
                made,
                outcome.width,
                outcome.height,
                str(source.absolute()),
                read,
                step.settings,
            )
        )
        try:
            folder.give_name(staged, result, replaces=step.replaces)
        except FileExistsError:
            folder.journal.forget(result)
            raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PictureError(
            f"Cannot write {target}: {reason}",
            "Run the batch again when that is put right",
        ) from error
