"""Do what a plan says, several pictures at a time."""

import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from sr_cli.batch.faults import end_of_all, sentence
from sr_cli.batch.folder import Folder
from sr_cli.batch.making import make
from sr_cli.batch.plan import Step
from sr_cli.batch.turns import Shares, StoppedError, Turn
from sr_cli.jobs import Job, Outcome, Output, Status
from sr_cli.upscale import Upscaler

_POLL_SECONDS = 0.1
_BESIDE_A_GPU = 8
"""Pictures that are read and written while one is upscaled, at most: encoding a PNG of
2048×2048 pixels takes 0.1 s of a core."""


@dataclass(frozen=True, slots=True)
class Started:
    """A picture is being read."""

    job: Job


@dataclass(frozen=True, slots=True)
class Advanced:
    """Some windows of a picture are through the network."""

    job: Job
    done: int
    total: int


Event = Started | Advanced | Outcome


def run(
    steps: Sequence[Step],
    folders: Mapping[Path, Folder],
    upscalers: Sequence[Upscaler],
    output: Output,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Do every step, and yield what happens, outcomes as they come.

    A picture that can't be done is an outcome like others.  Pictures are read and
    written while others go through the networks.

    Args:
        steps: from `plan`.
        folders: every output folder, open.
        upscalers: one for each device; they share the work.
        output: how to write; the format is the steps' own.
        stop: asked often; once it answers True, no window more is computed.

    Raises:
        SrupError: nothing more can be done: the disk is full, say.
    """
    _confirm(steps, folders)
    crew = _Crew(folders, output)
    for step in steps:
        if step.verdict == "upscale":
            crew.waiting.append(step)
        else:
            status: Status = "failed" if step.verdict == "fail" else "skipped"
            yield Outcome(step.job, status, (step.reason,))
    seats = _seats(upscalers, crew.halt, len(crew.waiting))
    threads = [
        threading.Thread(target=crew.work, args=(one,), name="srup-batch", daemon=True)
        for one in seats
    ]
    try:
        for thread in threads:
            thread.start()
        yield from crew.events_until(len(threads), stop)
    except KeyboardInterrupt:
        threads.clear()  # they need as long as a window takes
        raise
    finally:
        crew.halt.set()
        for thread in threads:
            thread.join()
    if crew.end is not None:
        raise crew.end


def _seats(
    upscalers: Sequence[Upscaler], halt: threading.Event, jobs: int
) -> list[Shares]:
    """Return what each worker works with, the first for each upscaler first."""
    rows = []
    for upscaler in upscalers:
        calls = upscaler.engine.calls_at_once * len(upscalers)
        shares = Shares(upscaler, halt, side_by_side=jobs > calls)
        # While some are upscaled, another is read or written.
        beside = 1
        if upscaler.engine.device != "cpu":
            cores = (os.cpu_count() or 1) // len(upscalers)
            beside = max(1, min(cores, _BESIDE_A_GPU))
        rows.append([shares] * (shares.count + beside))
    columns = itertools.zip_longest(*rows)
    found = [one for column in columns for one in column if one is not None]
    return found[:jobs]


def _confirm(steps: Sequence[Step], folders: Mapping[Path, Folder]) -> None:
    """Note files' new times, so that nobody need read them again."""
    for root, folder in folders.items():
        found = [s.confirmed for s in steps if s.confirmed and s.root == root]
        if found:
            with suppress(OSError):  # the next run reads them again
                folder.journal.add(*found)


class _Crew:
    """What workers share."""

    def __init__(self, folders: Mapping[Path, Folder], output: Output) -> None:
        self._folders, self._output = folders, output
        self._events: SimpleQueue[Event | None] = SimpleQueue()
        self.waiting: deque[Step] = deque()
        self.halt = threading.Event()
        self.end: BaseException | None = None
        """Why nothing more can be done."""

    def events_until(self, left: int, stop: Callable[[], bool]) -> Iterator[Event]:
        """Yield what happens until so many workers have gone."""
        while left:
            if stop():
                self.halt.set()
            try:
                event = self._events.get(timeout=_POLL_SECONDS)
            except Empty:
                continue
            if event is None:
                left -= 1
            else:
                yield event

    def work(self, shares: Shares) -> None:
        try:
            while not self.halt.is_set() and (step := self._next()) is not None:
                self._do(step, shares)
        except BaseException as error:
            self._finish(error)
        finally:
            self._events.put(None)  # has gone

    def _next(self) -> Step | None:
        try:
            return self.waiting.popleft()
        except IndexError:
            return None

    def _do(self, step: Step, shares: Shares) -> None:
        folder, turn = self._folders[step.root], Turn(shares)

        def on_progress(done: int, total: int) -> None:
            self._events.put(Advanced(step.job, done, total))

        self._events.put(Started(step.job))
        try:
            outcome = make(step, folder, turn, self._output, on_progress)
        except StoppedError:
            return
        # A decoder or an engine may raise anything, and the others shall go on.
        except Exception as error:
            end = end_of_all(error, folder, shares.upscaler)
            if end is not None:
                self._finish(end)
            outcome = Outcome(step.job, "failed", (sentence(error),))
        finally:
            turn.end()
        self._events.put(outcome)

    def _finish(self, why: BaseException) -> None:
        self.end = self.end or why
        self.halt.set()
