"""What arrives in a folder, once it is complete."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sr_cli.batch.content import Stamp
from sr_cli.batch.inputs import Input

_POLL_SECONDS = 0.1


def arrivals(
    find: Callable[[], list[Input]], stop: Callable[[], bool], seconds: float
) -> Iterator[tuple[list[Input], set[Path]]]:
    """Yield all inputs, and which of them are new or changed and have kept still since.

    What is there at first counts as new.

    Args:
        find: looks for inputs.
        stop: asked often; True ends it.
        seconds: between two looks, and for how long a file must keep still.
    """
    before: dict[Path, Stamp] = {}
    known: dict[Path, Stamp] = {}
    while not stop():
        inputs = find()
        now = {one.source: stamp for one in inputs if (stamp := _stamp(one.source))}
        settled = {
            source: stamp
            for source, stamp in now.items()
            if before.get(source) == stamp != known.get(source)
        }
        before = now
        known |= settled
        if settled:
            yield inputs, set(settled)
        _wait(seconds, stop)


def _stamp(path: Path) -> Stamp | None:
    try:
        return Stamp.of(path)
    except OSError:
        return None  # it went away again


def _wait(seconds: float, stop: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while not stop() and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _POLL_SECONDS))
