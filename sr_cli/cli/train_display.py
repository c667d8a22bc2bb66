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
from rich.table import Column

from sr_cli.train.log import Summary
from sr_cli.train.reports import Report, ValidationReport


def losses_text(line: Summary) -> str:
    """Return the total and, where there are more, the other losses by name."""
    if line.loss is None:
        return "loss -"
    return "  ".join(f"{name} {value:.3g}" for name, value in line.losses.items())


class Display:
    """Shows reports on standard error; a context manager."""

    def __init__(self, done: int, steps: int, *, quiet: bool) -> None:
        console = Console(stderr=True)
        self._steps = steps
        self._lines = not quiet and not console.is_terminal
        one_line = Column(no_wrap=True, overflow="ellipsis", ratio=1)
        self._progress = Progress(
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}", markup=False, table_column=one_line),
            console=console,
            disable=quiet or self._lines,
            expand=True,
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
            self._psnr = f"{report.psnr_y:.2f} dB  "
        elif isinstance(line, Summary):
            self._loss = f"{line.seconds:.3g} s  {losses_text(line)}"
        self._progress.update(
            self._task, completed=report.step, description=self._psnr + self._loss
        )
        if self._lines and line is not None:
            click.echo(self._line(line), err=True)

    def _line(self, line: Summary | ValidationReport) -> str:
        start = f"{line.step}/{self._steps}"
        if isinstance(line, ValidationReport):
            best = ", the best so far" if line.best else ""
            return f"{start}  validation {line.psnr_y:.3f} dB{best}"
        left = timedelta(seconds=round((self._steps - line.step) * line.seconds))
        skipped = f"  {line.skipped} skipped" if line.skipped else ""
        told = f"{losses_text(line)}  {line.seconds:.3g} s per update"
        return f"{start}  {told}  {left} left{skipped}"
