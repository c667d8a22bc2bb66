"""Pictures take turns in a network, while others are read and written.

What a network does at a time is divided among small pictures, which then go through it
side by side.  On two cores, SRResNet takes 2.8 s of CPU time for 512×512 pixels on one
of them, and 3.2 to 3.9 on both, which wait for each other.  A large picture keeps all
of it busy, and two would hold twice the memory.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from copy import copy
from math import ceil
from typing import Any

from numpy.typing import NDArray

from sr_cli.engines import Batch, Engine, Levels
from sr_cli.picture import Source
from sr_cli.upscale import FloatRun, Floats, Pixels, Progress, Rows, Upscaler

_POLL_SECONDS = 0.1


class StoppedError(Exception):
    """The batch ends before this picture is done."""


class Shares:
    """An upscaler whose calls are shared among pictures, in the order they ask.

    Args:
        upscaler: whose.
        halt: set when nobody shall wait or begin any more.
        side_by_side: whether small pictures share it; otherwise each has all of it.

    Attributes:
        count: how many there are.
    """

    def __init__(
        self, upscaler: Upscaler, halt: threading.Event, *, side_by_side: bool
    ) -> None:
        self.halt, self.upscaler = halt, upscaler
        self.count = upscaler.engine.calls_at_once if side_by_side else 1
        if self.count > 1:
            self.upscaler = copy(upscaler)
            self.upscaler.engine = _SharedEngine(upscaler.engine)
        self._free = self.count
        self._line: deque[object] = deque()
        self._changed = threading.Condition()

    def take(self, wanted: int) -> None:
        """Wait for so many shares.

        Raises:
            StoppedError: they didn't come.
        """
        me = object()
        with self._changed:
            self._line.append(me)
            try:
                while self._line[0] is not me or self._free < wanted:
                    if self.halt.is_set():
                        raise StoppedError
                    self._changed.wait(_POLL_SECONDS)
                self._free -= wanted
            finally:
                self._line.remove(me)
                self._changed.notify_all()

    def give_back(self, taken: int) -> None:
        """Let others have so many shares."""
        with self._changed:
            self._free += taken
            self._changed.notify_all()


class _SharedEngine:
    """An engine that is told that others call it, too; its results are the same."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.name, self.device = engine.name, engine.device
        self.precision = engine.precision
        self.calls_at_once = engine.calls_at_once
        self.window_pixels = engine.window_pixels

    def __call__(self, batch: Batch) -> Batch:
        return self._engine(batch)

    def levels(self, pixels: Levels, _at_once: int = 1, /) -> Levels:
        return self._engine.levels(pixels, self.calls_at_once)


class Turn:
    """An upscaler as one picture sees it, which waits for its shares.

    The turn begins with the first row that is asked for, and ends when the last one
    is computed, before it is written.
    """

    def __init__(self, shares: Shares) -> None:
        self._shares, self._upscaler = shares, shares.upscaler
        self._held = 0
        self._depth = 0  # of passes, one of which may feed another

    @property
    def scale(self) -> int:
        """As of `Upscaler`."""
        return self._upscaler.scale

    def stream(
        self, source: Source, on_progress: Progress = lambda *_: None
    ) -> Iterator[Pixels]:
        """As of `Upscaler`.

        Raises:
            StoppedError: before the turn came, or between two windows.
        """
        header = source.header
        pixels = header.height * header.width * (1 + header.alpha)
        calls = ceil(pixels / self._upscaler.engine.window_pixels)
        bands = self._upscaler.stream(source, self._watched(on_progress))
        return self._in_turn(bands, header.height, calls)

    def floats(
        self,
        rows: Rows,
        size: tuple[int, int],
        on_progress: Progress = lambda *_: None,
        *,
        precise: bool = False,
        around: Callable[[FloatRun], FloatRun] = lambda run: run,
    ) -> Iterator[Floats]:
        """As of `Upscaler`.

        Raises:
            StoppedError: as `stream`.
        """
        bands = self._upscaler.floats(
            rows, size, self._watched(on_progress), precise=precise, around=around
        )
        # One call, but with all there is.
        return self._in_turn(bands, size[0], self._shares.count)

    def end(self) -> None:
        """Let others go on, even if what `stream` returned was never closed."""
        self._depth = min(self._depth, 1)
        self._leave()

    def _watched(self, on_progress: Progress) -> Progress:
        def watched(done: int, total: int) -> None:
            if self._shares.halt.is_set():
                raise StoppedError
            on_progress(done, total)

        return watched

    def _in_turn(
        self, bands: Iterator[NDArray[Any]], rows: int, calls: int
    ) -> Iterator[Any]:
        missing = rows * self.scale
        self._enter(min(calls, self._shares.count))
        try:
            for band in bands:
                missing -= len(band)
                if not missing:
                    self._leave()
                yield band
        finally:
            if missing:
                self._leave()

    def _enter(self, wanted: int) -> None:
        if not self._depth:
            self._shares.take(wanted)
            self._held = wanted
        self._depth += 1

    def _leave(self) -> None:
        if self._depth == 1:
            self._shares.give_back(self._held)
        self._depth = max(self._depth - 1, 0)
