"""What the terminal sees: progress, sentences and tables, by rich."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

OnProgress = Callable[[int, int], None]
OnBytes = Callable[[str, int, int | None], None]


@contextmanager
def progress_bar(title: str, unit: str, *, quiet: bool) -> Iterator[OnProgress]:
    """Show `done / total` with the time left, on a terminal's standard error."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda *_: None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def byte_bar(*, quiet: bool) -> Iterator[OnBytes]:
    """Show stages of work as `(stage, done, total or None)` bytes, where seen."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda *_: None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        stages: dict[str, TaskID] = {}

        def on_bytes(stage: str, done: int, total: int | None) -> None:
            if stage not in stages:
                # What was there before counts for the bar, but not for the speed.
                stages[stage] = progress.add_task(stage, completed=done, total=total)
            progress.update(stages[stage], completed=done, total=total)

        yield on_bytes
