"""What is measured, each in a process of its own.

So engines don't meet: the threads of one don't spin while another computes, and the
most memory that a process had is that of its engine.  A process that the system ends
for want of memory takes nothing with it.
"""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

from sr_cli.errors import SrupError

T = TypeVar("T")
Open = Callable[[], Callable[[], T]]
"""Makes ready to compute, in the process; what it returns computes once.  It crosses
to the process, and so does what is computed: both can be pickled."""

_OWN = Path("/proc/self")
_MEMORY = Path("/proc/meminfo")
_SYSTEM = Path("/proc")
_RESERVE = 1 << 29  # bytes that stay free
_KILLED = 9  # the signal; Windows has no name for it


class FailedError(Exception):
    """A process can't compute; the message says why, without a full stop."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """One computation."""

    value: T
    seconds: float
    most: int | None
    """Bytes of memory that the process has had at most, if the system tells."""
    held: int
    """Bytes that it has now; 0 if the system doesn't tell."""


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: str


def _bytes_of(facts: str, name: str) -> int | None:
    """Find `name:  123 kB` in a table of the kernel's."""
    for line in facts.splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    return None


def _memory() -> tuple[int | None, int]:
    """What this process has had at most, and what it has now, in bytes."""
    try:
        facts = (_OWN / "status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return _most_by_accounting(), 0
    # Not what `getrusage` says: on Linux that begins with the parent's.
    return _bytes_of(facts, "VmHWM"), _bytes_of(facts, "VmRSS") or 0


def _most_by_accounting() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def available_memory() -> int | None:
    """Return how many bytes programs can still get without swapping, if known."""
    try:
        return _bytes_of(_MEMORY.read_text(encoding="ascii"), "MemAvailable")
    except OSError:
        return None


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, all its threads; 0 for one that has ended.

    For systems that have /proc.
    """
    try:
        text = (_SYSTEM / str(pid) / "stat").read_text(encoding="ascii")
    except OSError:
        return 0.0
    user, system = text.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _reason(error: BaseException) -> str:
    if isinstance(error, SrupError):
        return error.message
    if isinstance(error, MemoryError):
        return "It doesn't fit into memory"
    first, *_ = [*str(error).strip().splitlines(), ""]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _prepare() -> IO[bytes]:
    """Make this process modest; return where its answers go."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to hear
    answers = os.fdopen(os.dup(1), "wb")
    with Path(os.devnull).open("wb") as nowhere:  # for what libraries have to say
        for stream in (1, 2):
            os.dup2(nowhere.fileno(), stream)
    with suppress(OSError):
        # Where memory runs out, the kernel ends us and nobody else.
        (_OWN / "oom_score_adj").write_text("1000", encoding="ascii")
    return answers


def _send(stream: IO[bytes], value: object) -> None:
    # Whole or not at all: what can't be pickled must not leave half of it behind.
    stream.write(pickle.dumps(value))
    stream.flush()


def serve() -> None:
    """Be the process: what to open comes in first, and then a byte for each answer."""
    answers = _prepare()
    try:
        compute = pickle.load(sys.stdin.buffer)()
        while sys.stdin.buffer.read(1):
            began = time.perf_counter()
            value = compute()
            seconds = time.perf_counter() - began
            _send(answers, Answer(value, seconds, *_memory()))
    except Exception as error:
        _send(answers, _Failure(_reason(error)))


# Not `multiprocessing`, whose processes import the parent's main module anew, and
# with it whatever that imports: torch alone would more than double their memory.
_START = "import sys; sys.path[:] = {path}; from {module} import serve; serve()"


class Process(Generic[T]):
    """A process that computes when it is asked to."""

    def __init__(self, open_it: Open[T]) -> None:
        start = _START.format(path=[str(part) for part in sys.path], module=__name__)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", start],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._tell(pickle.dumps(open_it))

    def _tell(self, message: bytes) -> None:
        assert self._process.stdin
        with suppress(BrokenPipeError):  # why it went will be read
            self._process.stdin.write(message)
            self._process.stdin.flush()

    @property
    def pid(self) -> int:
        """The system's number for it."""
        return self._process.pid

    def compute(self) -> Answer[T]:
        """Have it compute once.

        Raises:
            FailedError: it can't, or has ended.
        """
        assert self._process.stdout
        self._tell(b".")
        try:
            answer = pickle.load(self._process.stdout)
        except (EOFError, pickle.UnpicklingError) as error:
            self._process.wait()
            raise FailedError(_how_it_ended(self._process.returncode)) from error
        if isinstance(answer, _Failure):
            raise FailedError(answer.reason)
        found: Answer[T] = answer
        return found

    def close(self) -> None:
        """End it."""
        with suppress(BrokenPipeError), self._process:  # which waits for its end
            self._process.kill()


def _how_it_ended(code: int) -> str:
    if code == -_KILLED:
        return "The system ended it, most likely for want of memory"
    if code < 0:
        return f"It crashed ({signal.Signals(-code).name})"
    return f"It ended with status {code}"


class Processes:
    """Processes by name: begun when needed, and ended where memory is short.

    Args:
        openers: what each one computes.
        first_guess: bytes that one may need before it has shown what it needs.
    """

    def __init__(self, openers: Mapping[str, Open[Any]], first_guess: int) -> None:
        self._openers, self._first_guess = openers, first_guess
        self._open: dict[str, Process[Any]] = {}
        self._held: dict[str, int] = {}
        self._most: dict[str, int] = {}

    def pids(self) -> list[int]:
        """List those of the processes that live."""
        return [process.pid for process in self._open.values()]

    def _make_room(self, name: str) -> None:
        need = self._most.get(name, self._first_guess) - self._held.get(name, 0)
        for other in sorted(self._held, key=self._held.__getitem__, reverse=True):
            free = available_memory()
            if free is None or free - need > _RESERVE:
                return
            if other != name:
                self._close(other)

    def _close(self, name: str) -> None:
        self._held.pop(name, None)
        self._open.pop(name).close()

    def warm_up(self, name: str) -> Answer[Any]:
        """Begin `name` anew and have it compute for the first time.

        Raises:
            FailedError: it can't; it is ended.
        """
        if name in self._open:
            self._close(name)
        self._make_room(name)
        self._open[name] = Process(self._openers[name])
        return self.compute(name)

    def get_ready(self, name: str) -> None:
        """See to it that `name` is warm, and has memory to compute again.

        Raises:
            FailedError: it can't be; it is ended.
        """
        if name in self._open:
            self._make_room(name)
        else:
            self.warm_up(name)

    def compute(self, name: str) -> Answer[Any]:
        """Have `name` compute, which is warm.

        Raises:
            FailedError: it can't; it is ended.
        """
        try:
            answer = self._open[name].compute()
        except FailedError:
            self._close(name)
            raise
        self._held[name] = answer.held
        self._most[name] = max(self._most.get(name, 0), answer.most or 0)
        return answer

    def close(self) -> None:
        """End all of them."""
        for name in list(self._open):
            self._close(name)
