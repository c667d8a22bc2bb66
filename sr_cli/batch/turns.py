"""One picture at a time goes through a network, while others are read and written.

A network keeps its device busy with one picture.  A second one beside it would gain
nothing, and hold twice the memory.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Any

from numpy.typing import NDArray

from sr_cli.picture import Source
from sr_cli.upscale import FloatRun, Floats, Pixels, Progress, Rows, Upscaler

_POLL_SECONDS = 0.1


class Stopped(Exception):  # noqa: N818 (nothing went wrong)
    """The batch ends before this picture is done."""


class Turn:
    """An upscaler as one job sees it, who waits until the others are through.

    The turn begins with the first row that is asked for, and ends when the last one
    is computed, before it is written.

    Args:
        upscaler: whom to wait for.
        free: a semaphore of the upscaler's.
        halt: set when nobody shall wait or begin any more.
    """

    def __init__(
        self, upscaler: Upscaler, free: threading.Semaphore, halt: threading.Event
    ) -> None:
        self._upscaler, self._free, self._halt = upscaler, free, halt
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
            Stopped: before the turn came, or between two windows.
        """
        bands = self._upscaler.stream(source, self._watched(on_progress))
        return self._in_turn(bands, source.header.height)

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
            Stopped: as `stream`.
        """
        bands = self._upscaler.floats(
            rows, size, self._watched(on_progress), precise=precise, around=around
        )
        return self._in_turn(bands, size[0])

    def _watched(self, on_progress: Progress) -> Progress:
        def watched(done: int, total: int) -> None:
            if self._halt.is_set():
                raise Stopped
            on_progress(done, total)

        return watched

    def _in_turn(self, bands: Iterator[NDArray[Any]], rows: int) -> Iterator[Any]:
        missing = rows * self.scale
        self._enter()
        try:
            for band in bands:
                missing -= len(band)
                if not missing:
                    self._leave()
                yield band
        finally:
            if missing:
                self._leave()

    def _enter(self) -> None:
        while not self._depth and not self._free.acquire(timeout=_POLL_SECONDS):
            if self._halt.is_set():
                raise Stopped
        self._depth += 1

    def _leave(self) -> None:
        if self._depth == 1:
            self._free.release()
        self._depth = max(self._depth - 1, 0)

    def end(self) -> None:
        """Let others go on, even if what `stream` returned was never closed."""
        self._depth = min(self._depth, 1)
        self._leave()
