"""Which part of an update takes how long: a profile of the real loop, from outside.

A thread looks every few milliseconds at what all others are doing, and the names of
the functions that it finds there say what part of the update that is.  The loop knows
nothing of it, and torch's own profiler sees one thread only, where the loop has one
for every core.
"""

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

Call = tuple[str, str]
"""A module and a function in it."""

_SHARDS = "gradients added up"  # or it waits for the threads that compute them
_UNEVEN = "waiting for the slower thread"
_OTHER = "other"
_COMPUTED = ("forward", "forward: PReLU", "loss", "backward", "backward: PReLU")

PARTS: Mapping[Call, str] = {
    ("sr_cli.train.loop", "_batches"): "waiting for the loader",
    ("sr_cli.train.loop", "_tensor"): "bytes to floats",
    ("sr_cli.train.gradients", "forward"): "forward",
    ("sr_cli.networks.prelu", "forward"): "forward: PReLU",
    ("sr_cli.train.objectives", "__call__"): "loss",
    ("sr_cli.train.gradients", "backward"): "backward",
    ("sr_cli.networks.prelu", "backward"): "backward: PReLU",
    ("sr_cli.train.gradients", "of_batch"): _SHARDS,
    ("sr_cli.train.loop", "_gradients"): "reading the losses",
    ("sr_cli.train.loop", "_norm"): "clipping",
    ("sr_cli.train.loop", "_update_average"): "averaging the weights",
    ("sr_cli.train.optimizers", "step"): "optimiser: Muon",
    ("torch.optim.adam", "step"): "optimiser: Adam",
}
"""The part that a function belongs to, with all that it calls."""

_INTERVAL = 0.003  # seconds; no divisor of anything that might repeat


@dataclass(frozen=True, slots=True)
class Profile:
    """Where the time of an update went."""

    seconds: float
    """Per update, while the profile was taken."""
    samples: int
    shares: Mapping[str, float]
    """By part, the largest first; their sum is 1."""


def part_of(stack: Sequence[Call]) -> str | None:
    """Name the part that a thread is in; the innermost call comes first."""
    return next((PARTS[call] for call in stack if call in PARTS), None)


def share_out(
    main: Sequence[Call], others: Sequence[Sequence[Call]], shards: int
) -> dict[str, float]:
    """Say by parts what one moment went into; the sum is 1.

    While `main` waits for the threads that compute a shard of the batch each, the
    moment is divided among them.
    """
    part = part_of(main)
    if part != _SHARDS:
        return {part or _OTHER: 1.0}
    busy = [found for found in map(part_of, others) if found in _COMPUTED]
    if not busy:
        return {_SHARDS: 1.0}
    number = max(shards, len(busy))
    shares = {found: count / number for found, count in Counter(busy).items()}
    if len(busy) < number:
        shares[_UNEVEN] = 1.0 - len(busy) / number
    return shares


def _calls(frame: FrameType | None) -> list[Call]:
    calls = []
    while frame is not None:
        calls.append((frame.f_globals.get("__name__", ""), frame.f_code.co_name))
        frame = frame.f_back
    return calls


@dataclass(slots=True)
class Sampler:
    """Counts moments by part."""

    shards: int
    main: int
    """The thread that does the updates."""
    samples: int = 0
    moments: Counter[str] = field(default_factory=Counter)

    def look(self) -> None:
        """Take note of what all threads are doing."""
        frames = sys._current_frames()
        stacks = {ident: _calls(frame) for ident, frame in frames.items()}
        main = stacks.pop(self.main)
        shares = share_out(main, list(stacks.values()), self.shards)
        for part, share in shares.items():
            self.moments[part] += share  # type: ignore[assignment]
        self.samples += 1

    def profile(self, seconds: float) -> Profile:
        """Sum up, given the seconds of an update."""
        total = max(self.samples, 1)
        ranked = sorted(self.moments.items(), key=lambda item: -item[1])
        return Profile(
            seconds, self.samples, {part: time / total for part, time in ranked}
        )


@contextmanager
def sampled(shards: int) -> Iterator[Sampler]:
    """Sample what is done meanwhile by this thread, and by `shards` others for it."""
    sampler = Sampler(shards, threading.get_ident())
    done = threading.Event()

    def keep_looking() -> None:
        due = time.perf_counter()
        while not done.wait(max(due - time.perf_counter(), 0.0)):
            sampler.look()
            # Never a burst of looks at one moment after a late one.
            due = max(due + _INTERVAL, time.perf_counter())

    thread = threading.Thread(target=keep_looking, daemon=True)
    thread.start()
    try:
        yield sampler
    finally:
        done.set()
        thread.join()
