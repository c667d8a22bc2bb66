"""What a batch will do, and why: made before any work, from what is there."""

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from sr_cli.batch.content import Content
from sr_cli.batch.inputs import Input
from sr_cli.batch.journal import Record
from sr_cli.batch.layout import Place, Records
from sr_cli.batch.settings import Settings
from sr_cli.errors import PictureError
from sr_cli.jobs import Job
from sr_cli.picture.refusals import unopened

Verdict = Literal["upscale", "keep", "leave", "fail"]
"""Make the result (anew); it is up to date; it isn't ours; the input can't be read."""


@dataclass(frozen=True, slots=True)
class Step:
    """What to do about one input."""

    place: Place
    verdict: Verdict
    reason: str
    """A clause such as `its input has changed`; of a failure, whole sentences."""
    settings: str
    """What is to make it, as `Settings` names it."""
    size: int = 0
    """Of the input, in bytes."""
    replaces: bool = False
    """Whether something is there that the result may replace."""
    confirmed: Record | None = None
    """Its record with the files' new times, where those have changed alone."""

    @property
    def job(self) -> Job:
        """The input and its result."""
        return Job(self.place.input.source, self.place.target)

    @property
    def root(self) -> Path:
        """The output folder."""
        return self.place.input.root


def plan(
    places: Sequence[Place],
    records: Records,
    settings: Settings,
    on_progress: Callable[[int, int], None] = lambda *_: None,
    *,
    overwrite: bool = False,
) -> list[Step]:
    """Decide for every input what to do.

    Files whose times have changed are read, the others are not.

    Args:
        places: from `lay_out`.
        records: of their output folders.
        settings: how results are to be made.
        on_progress: told how many inputs of how many are decided.
        overwrite: make every result anew.
    """
    steps = []
    for number, place in enumerate(places, 1):
        record = records[place.input.root].get(place.result.as_posix())
        name = settings(place.result.suffix.lower())
        steps.append(_decide(place, record, name, overwrite=overwrite))
        on_progress(number, len(places))
    return steps


def _decide(
    place: Place, record: Record | None, settings: str, *, overwrite: bool
) -> Step:
    target = place.target
    is_there = os.path.lexists(target)
    try:
        size = _size(place.input)
        if is_there and not target.is_symlink() and target.is_dir():
            raise PictureError(f"Cannot write {target}: it is a folder", "Remove it")
        if not is_there:
            reason = "it is new" if record is None else "its result is missing"
            return Step(place, "upscale", reason, settings, size)
        if overwrite:
            return Step(place, "upscale", "it is asked for anew", settings, size, True)
        if record is None:
            reason = f"{target} exists, and no batch made it (--overwrite replaces it)"
            return Step(place, "leave", reason, settings, size)
        return _compare(place, record, settings, size)
    except PictureError as error:
        return Step(place, "fail", str(error), settings)
    except OSError as error:
        reason = str(unopened(place.input.source, error))
        return Step(place, "fail", reason, settings)


def _size(one: Input) -> int:
    if one.problem is not None:
        raise one.problem
    found = one.source.stat()
    if not stat.S_ISREG(found.st_mode):
        raise PictureError(
            f"Cannot read {one.source}: it is no regular file", "Save it to a file"
        )
    return found.st_size


def _compare(place: Place, record: Record, settings: str, size: int) -> Step:
    """Decide about an input whose result is there and was made by a batch."""
    source = str(place.input.source.absolute())
    # Of another file only reading tells whether it holds the same.
    known = record.read if record.source == source else replace(record.read, mtime_ns=0)
    if record.settings != settings:
        reason = "the model or the settings have changed"
    elif (read := known.still(place.input.source)) is None:
        reason = "its input has changed"
    elif (made := _made(place.target, record)) is None:
        reason = "its result has been altered"
    else:
        now = replace(record, source=source, read=read, made=made)
        confirmed = now if now != record else None
        reason = "it is up to date"
        return Step(place, "keep", reason, settings, size, confirmed=confirmed)
    return Step(place, "upscale", reason, settings, size, replaces=True)


def _made(target: Path, record: Record) -> Content | None:
    try:
        return record.made.still(target)
    except OSError:
        return None
