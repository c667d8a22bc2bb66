"""What one sees of a batch: how far it is, and what became of each picture."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from sr_cli.batch import Advanced, Event, Started, Step
from sr_cli.cli.reports import (
    job_facts,
    outcome_facts,
    outcome_sentence,
    step_facts,
    step_sentence,
)
from sr_cli.cli.sentences import printable, say
from sr_cli.jobs import Job, Outcome


class Report:
    """Tells what happens, in sentences or as JSON, and counts.

    Attributes:
        counts: pictures that are done, skipped or failed.
        quiet: whether only errors are told.
    """

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self._as_json, self.quiet = as_json, quiet
        self._began = time.perf_counter()
        self._total = self._pixels = 0
        self._kept: set[Job] = set()
        self._stopping = False
        self.counts: Counter[str] = Counter()

    @property
    def left(self) -> int:
        """Pictures that were planned and not come to."""
        return self._total - self.counts.total()

    def would(self, steps: Sequence[Step]) -> None:
        """Tell what a batch would do: that is all that was asked for."""
        self._emit_plan(steps)
        for step in () if self._as_json else steps:
            click.echo(step_sentence(step))

    def planned(self, steps: Sequence[Step]) -> None:
        """Tell what a batch will do."""
        self._total += len(steps)
        self._emit_plan(steps)
        self._kept = {step.job for step in steps if step.verdict == "keep"}
        if self._kept:
            self.say(f"{len(self._kept)} of {len(steps)} results are up to date.")

    def happened(self, event: Event) -> None:
        """Tell what became of a picture."""
        if isinstance(event, Started):
            self._emit("started", job_facts(event.job))
        if not isinstance(event, Outcome):
            return
        self.counts[event.status] += 1
        self._pixels += event.width * event.height
        self._emit(event.status, outcome_facts(event))
        if event.status == "failed":
            say(outcome_sentence(event))
        elif event.job not in self._kept:
            self.say(outcome_sentence(event))
            for note in event.notes if event.status == "done" else ():
                self.say(printable(f"Note: {note}."))

    def stopping(self) -> None:
        """Tell, once, that an interruption was heard."""
        if not self._stopping:
            self.say("Stopping; Ctrl-C again doesn't wait for what is being computed.")
        self._stopping = True

    def ended(self) -> None:
        """Sum up."""
        left = self.left
        done, skipped, failed = (self.counts[s] for s in ("done", "skipped", "failed"))
        facts: dict[str, object] = {
            **{"done": done, "skipped": skipped, "failed": failed, "left": left},
            "pixels": self._pixels,
            "seconds": round(time.perf_counter() - self._began, 3),
        }
        self._emit("summary", facts)
        rest = f", {left} left" if left else ""
        self.say(f"{done} upscaled, {skipped} skipped, {failed} failed{rest}.")

    def say(self, sentence: str) -> None:
        """Tell people what JSON tells programs."""
        if not (self.quiet or self._as_json):
            say(sentence)

    def _emit_plan(self, steps: Sequence[Step]) -> None:
        for step in steps:
            self._emit("planned", step_facts(step))

    def _emit(self, event: str, facts: dict[str, object]) -> None:
        if self._as_json:
            click.echo(json.dumps({"event": event, **facts}))


@contextmanager
def batch_bar(
    steps: Sequence[Step], *, quiet: bool
) -> Iterator[Callable[[Event], None]]:
    """Show pictures, pixels and the time left, on a terminal's standard error.

    How much work a picture is, is known once it is read; until then its file's size
    must do.
    """
    console = Console(stderr=True)
    sizes = {step.job: step.size for step in steps if step.verdict == "upscale"}
    if quiet or not sizes or not console.is_terminal:
        yield lambda _: None
        return
    columns = (
        TextColumn("Upscaling"),
        BarColumn(),
        TextColumn("{task.fields[files]}/{task.fields[all_files]} pictures"),
        TextColumn("{task.fields[megapixels]:.1f} megapixels"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task(
            "", total=sum(sizes.values()), all_files=len(sizes), files=0, megapixels=0.0
        )
        files, megapixels = 0, 0.0
        shares: dict[Job, float] = {}

        def show(event: Event) -> None:
            nonlocal files, megapixels
            if event.job not in sizes:
                return
            if isinstance(event, Advanced):
                shares[event.job] = event.done / event.total
            elif isinstance(event, Outcome):
                shares[event.job] = 1.0
                files += 1
                megapixels += event.width * event.height / 1e6
            done = sum(sizes[job] * share for job, share in shares.items())
            progress.update(bar, completed=done, files=files, megapixels=megapixels)

        yield show
