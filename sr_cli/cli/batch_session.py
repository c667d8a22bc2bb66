"""One run of `srup batch`: the library's parts in their order, and Ctrl-C."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import click

from sr_cli import batch
from sr_cli.batch import Folder, Input, Naming, Place, Records, Request, Settings, Step
from sr_cli.cli.batch_display import Report, batch_bar
from sr_cli.cli.console import progress_bar
from sr_cli.cli.interrupts import Interrupts
from sr_cli.cli.sentences import say
from sr_cli.errors import SrupError
from sr_cli.jobs import Output
from sr_cli.upscale import Upscaler


@dataclass(frozen=True, slots=True)
class Session:
    """What was asked for, and what is open meanwhile."""

    request: Request
    naming: Naming
    settings: Settings
    output: Output
    open_upscaler: Callable[[], Upscaler]
    """Called when there is something to upscale."""
    report: Report
    fail_fast: bool
    _interrupts: Interrupts = field(default_factory=Interrupts)
    _folders: dict[Path, Folder] = field(default_factory=dict)
    _upscalers: list[Upscaler] = field(default_factory=list)
    _stack: ExitStack = field(default_factory=ExitStack)

    def show_plan(self) -> int:
        """Tell what would be done, and return the exit code."""
        inputs = batch.find(self.request)
        steps = self._plan(batch.lay_out(inputs, self.naming, self._records(inputs)))
        self.report.would(steps)
        return 1 if any(step.verdict == "fail" for step in steps) else 0

    def run(self) -> int:
        """Do what there is to do, and return the exit code."""
        with self._opened():
            inputs = batch.find(self.request)
            self._do(batch.lay_out(inputs, self.naming, self._records(inputs)))
        return self._exit_code()

    def watch(self, seconds: float) -> int:
        """Do what there is to do and what arrives, and return the exit code.

        What is wrong in the folders is told, and may be put right.

        Args:
            seconds: for which a file must keep still before it is taken.
        """
        told: set[str] = set()

        def tell(error: SrupError) -> None:
            if str(error) not in told:
                say(f"Error: {error}")
            told.add(str(error))

        def look() -> list[Input]:
            try:
                return batch.find(self.request)
            except SrupError as error:
                tell(error)
                return []

        with self._opened():
            self._interrupts.patient = True
            self.report.say("Watching, until Ctrl-C.")
            for inputs, new in batch.arrivals(look, self._stops, seconds):
                try:
                    places = batch.lay_out(inputs, self.naming, self._records(inputs))
                except SrupError as error:
                    tell(error)
                else:
                    self._do([one for one in places if one.input.source in new])
        return self._exit_code()

    @contextmanager
    def _opened(self) -> Iterator[None]:
        with self._interrupts:
            try:
                with self._stack:
                    yield
            except KeyboardInterrupt:
                if self._interrupts.wished:
                    _leave_at_once()
                raise
        self.report.ended()

    def _do(self, places: Sequence[Place]) -> None:
        for root in {place.input.root for place in places} - self._folders.keys():
            self._folders[root] = self._stack.enter_context(batch.open_folder(root))
        steps = self._plan(places)
        self.report.planned(steps)
        if not self._upscalers and any(step.verdict == "upscale" for step in steps):
            self._upscalers.append(self.open_upscaler())
        self._interrupts.patient = True
        # A name holds it, so that a second Ctrl-C doesn't wait for it to be closed.
        events = batch.run(
            steps, self._folders, self._upscalers, self.output, self._stops
        )
        try:
            with batch_bar(steps, quiet=self.report.quiet) as show:
                for event in events:
                    show(event)
                    self.report.happened(event)
        except SrupError:
            self.report.ended()
            raise

    def _plan(self, places: Sequence[Place]) -> list[Step]:
        records = self._records([place.input for place in places])
        overwrite = self.output.overwrite
        with progress_bar("Planning", "pictures", quiet=self.report.quiet) as show:
            return batch.plan(places, records, self.settings, show, overwrite=overwrite)

    def _records(self, inputs: Sequence[Input]) -> Records:
        return {
            root: self._folders[root].journal.records
            if root in self._folders
            else batch.read_folder(root)
            for root in {one.root for one in inputs}
        }

    def _stops(self) -> bool:
        if self._interrupts.wished:
            self.report.stopping()
            return True
        return self.fail_fast and self.report.counts["failed"] > 0

    def _exit_code(self) -> int:
        if self._interrupts.wished and self.report.left:
            say("Interrupted.  The same command goes on where this one stopped.")
            return 130
        return 1 if self.report.counts["failed"] else 0


def _leave_at_once() -> NoReturn:
    # Threads in the middle of a window would be waited for.  What they leave in the
    # output folder's hidden one is removed by the next run.
    click.echo("Interrupted.", err=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(130)
