"""How a run looks while it goes on: a line on a terminal, else lines of a log."""

from datetime import timedelta
from types import TracebackType

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from sr_cli.train.log import Summary
from sr_cli.train.loop import Report, ValidationReport


class Display:
    """Shows reports on standard error; a context manager."""

    def __init__(self, done: int, steps: int, *, quiet: bool) -> None:
        console = Console(stderr=True)
        self._steps = steps
        self._lines = not quiet and not console.is_terminal
        self._progress = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            TimeRemainingColumn(),
            console=console,
            disable=quiet or self._lines,
            refresh_per_second=2,
            speed_estimate_period=300,
        )
        self._task = self._progress.add_task("", total=steps, completed=done)
        self._loss = self._psnr = ""

    def __enter__(self) -> "Display":
        self._progress.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def show(self, report: Report, line: Summary | ValidationReport | None) -> None:
        """Take in `report` and, where one was due, the `line` that was logged."""
        if isinstance(report, ValidationReport):
            self._psnr = f"  {report.psnr_y:.2f} dB"
        elif isinstance(line, Summary):
            loss = "-" if line.loss is None else f"{line.loss:.5f}"
            self._loss = f"loss {loss}  {line.seconds:.3f} s"
        self._progress.update(
            self._task, completed=report.step, description=self._loss + self._psnr
        )
        if self._lines and line is not None:
            click.echo(self._line(line), err=True)

    def _line(self, line: Summary | ValidationReport) -> str:
        start = f"{line.step}/{self._steps}"
        if isinstance(line, ValidationReport):
            return f"{start}  validation {line.psnr_y:.3f} dB"
        left = timedelta(seconds=round((self._steps - line.step) * line.seconds))
        skipped = f"  {line.skipped} skipped" if line.skipped else ""
        return f"{start}  {self._loss} per update  {left} left{skipped}"
