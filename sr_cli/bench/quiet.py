"""Whether anything else kept the machine busy while something was measured."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

_TIMES = Path("/proc/stat")
_BUSY = (
    0,
    1,
    2,
    5,
    6,
    7,
)  # user, nice, system, irq, softirq, and time stolen by a host
_LIMITS = {"cpu time of others": 0.05, "reference computation": 0.1}
_LONG_ENOUGH = 0.1  # seconds; the system counts in hundredths

Method = Literal["cpu time of others", "reference computation"]


@dataclass(frozen=True, slots=True)
class Quietness:
    """What was found, each time that somebody looked."""

    method: Method
    disturbances: tuple[float, ...]
    """With "cpu time of others", the share of the usable cores that other programs had
    since the look before; with "reference computation", by what share a fixed
    computation took longer than when it was fastest."""

    @property
    def worst(self) -> float:
        """The largest disturbance; 0 for none."""
        return max(self.disturbances, default=0.0)

    @property
    def quiet(self) -> bool:
        """Whether every disturbance was too small to matter."""
        return self.worst <= _LIMITS[self.method]


class Watch(Protocol):
    """Looks at the machine from time to time."""

    def look(self) -> None:
        """Take note of how busy the machine is, or was since the last look."""
        ...

    def found(self) -> Quietness:
        """Sum up."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """Clocks at one moment, all in seconds."""

    wall: float
    busy: float
    """CPU time of everybody on the cores that this process may use."""
    own: float
    """CPU time of this process, all its threads, and children that have ended."""


def busy_seconds(table: str, cores: set[int] | None, ticks: int) -> float:
    """Add up from the text of /proc/stat how long `cores` (None: all) were busy.

    Time that a host gave to another virtual machine counts: it is lost just so.
    `ticks` are those of a second.
    """
    names = {"cpu"} if cores is None else {f"cpu{core}" for core in cores}
    total = 0
    for line in table.splitlines():
        name, *columns = line.split()
        if name in names:
            total += sum(int(columns[index]) for index in _BUSY)
    return total / ticks


def read_clocks() -> Reading:
    """Read the clocks of a system that has /proc/stat.

    Raises:
        OSError: this one hasn't.
    """
    table = _TIMES.read_text(encoding="ascii")
    cores = os.sched_getaffinity(0)
    own = os.times()
    return Reading(
        wall=time.perf_counter(),
        busy=busy_seconds(table, cores, os.sysconf("SC_CLK_TCK")),
        own=own.user + own.system + own.children_user + own.children_system,
    )


class OthersWatch:
    """Subtracts our own CPU time from everybody's."""

    def __init__(self, cores: int, read: Callable[[], Reading] = read_clocks) -> None:
        self._cores, self._read = cores, read
        self._last = read()
        self._shares: list[float] = []

    def look(self) -> None:
        """Take note of what others used since the last look."""
        now, last = self._read(), self._last
        seconds = now.wall - last.wall
        if seconds < _LONG_ENOUGH:
            return
        others = (now.busy - last.busy) - (now.own - last.own)
        # The two are counted apart, and may differ by a tick.
        self._shares.append(max(others, 0.0) / (seconds * self._cores))
        self._last = now

    def found(self) -> Quietness:
        """Return the shares of all looks."""
        return Quietness("cpu time of others", tuple(self._shares))


def reference_seconds() -> float:
    """Time a fixed computation on one core, of about 20 ms."""
    values = np.linspace(0.0, 1.0, 1 << 16)
    began = time.perf_counter()
    for _ in range(40):
        values = np.sin(values)
    return time.perf_counter() - began


class ReferenceWatch:
    """Repeats a fixed computation, for systems that don't tell of others."""

    def __init__(self, seconds: Callable[[], float] = reference_seconds) -> None:
        self._measure = seconds
        seconds()  # the first one warms up
        self._seconds: list[float] = []

    def look(self) -> None:
        """Take note of how long the computation takes now."""
        self._seconds.append(self._measure())

    def found(self) -> Quietness:
        """Compare all looks with the fastest."""
        fastest = min(self._seconds, default=1.0)
        slower = tuple(seconds / fastest - 1.0 for seconds in self._seconds)
        return Quietness("reference computation", slower)


def open_watch(cores: int, read: Callable[[], Reading] = read_clocks) -> Watch:
    """Begin to watch the `cores` that this process may use.

    `read` is for those who know of more CPU time that is theirs.
    """
    try:
        return OthersWatch(cores, read)
    except (OSError, AttributeError, ValueError):
        return ReferenceWatch()
