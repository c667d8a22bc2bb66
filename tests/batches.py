"""Batches for tests: small pictures, records, and a run without the command line."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from sr_cli.batch import (
    Event,
    Naming,
    Request,
    Step,
    find,
    lay_out,
    open_folder,
    plan,
    read_folder,
    run,
    settings,
)
from sr_cli.batch.content import Content
from sr_cli.batch.journal import Record
from sr_cli.jobs import Outcome, Output
from sr_cli.upscale import Upscaler


def make(path: Path, seed: int = 0, size: tuple[int, int] = (9, 7)) -> Path:
    """Write a picture of noise, `size` being width and height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3))
    Image.fromarray(noise.astype(np.uint8)).save(path)
    return path


def tree(folder: Path) -> dict[str, bytes]:
    """Every file that isn't hidden, and what it holds."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.relative_to(folder).parts[0].startswith(".")
    }


def hidden(folder: Path) -> list[str]:
    """What is beside the journal."""
    return sorted(path.name for path in (folder / ".srup-batch").iterdir())


def respects_modes(folder: Path) -> bool:
    """Tell whether this process may be shut out, as root may not."""
    closed = folder / "closed"
    closed.touch(mode=0)
    try:
        closed.read_bytes()
    except PermissionError:
        return True
    finally:
        closed.unlink()
    return False


def record(result: str, sha256: str = "0") -> Record:
    """A record that differs by the input's sha256."""
    return Record(
        result=result,
        made=Content(1, 2, "3"),
        width=4,
        height=5,
        source=f"/in/{result}",
        read=Content(6, 7, sha256),
        settings="8",
    )


@dataclass
class Batch:
    """`srup batch` without its command line."""

    upscalers: Sequence[Upscaler]
    naming: Naming = field(default_factory=Naming)
    output: Output = field(default_factory=Output)
    stop: Callable[[], bool] = lambda: False
    weights: str = "0" * 64

    def request(self, *names: object, output: Path | None) -> Request:
        return Request(tuple(map(str, names)), output=output)

    def steps(self, *names: object, output: Path) -> list[Step]:
        """The plan, without a change to anything."""
        inputs = find(self.request(*names, output=output))
        records = {one.root: read_folder(one.root) for one in inputs}
        places = lay_out(inputs, self.naming, records)
        of = settings(self.weights, self.output, {})
        return plan(places, records, of, overwrite=self.output.overwrite)

    def events(
        self, *names: object, output: Path, into: list[Event] | None = None
    ) -> list[Event]:
        """What happens, which is in `into` even if the batch ends with an error."""
        events = [] if into is None else into
        steps = self.steps(*names, output=output)
        with ExitStack() as stack:
            roots = {step.root for step in steps}
            folders = {root: stack.enter_context(open_folder(root)) for root in roots}
            for event in run(steps, folders, self.upscalers, self.output, self.stop):
                events.append(event)
        return events

    def outcomes(self, *names: object, output: Path) -> dict[str, Outcome]:
        """What became of each input, by its name."""
        events = self.events(*names, output=output)
        found = [event for event in events if isinstance(event, Outcome)]
        return {one.job.source.name: one for one in found if one.job.source}
