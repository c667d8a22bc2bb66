"""Processes that begin with torch loaded: forks of one that loads it once."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field

# A run of its own would spend six seconds on these imports, and one on its updates.
_SERVE = """
import json, os, signal, sys
import torch._dynamo  # the first optimiser would load it
import sr_cli.cli.train_sitting

# A shell that runs the tests in the background has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

def become(job):
    signal.alarm(120)  # whatever hangs is ended
    os.chdir(job["folder"])
    os.dup2(os.open(job["errors"], os.O_CREAT | os.O_WRONLY), 2)
    os.dup2(2, 1)  # the parent's is for numbers
    os.environ.update(job["variables"])
    sys.argv = ["", *job["arguments"]]
    exec(job["code"], {"__name__": "__main__"})
    sys.exit()

for line in sys.stdin:
    children = []
    for job in json.loads(line):
        child = os.fork()
        if child == 0:
            become(job)
        children.append(child)
    print(json.dumps(children), flush=True)
    codes = [os.waitstatus_to_exitcode(os.waitpid(c, 0)[1]) for c in children]
    print(json.dumps(codes), flush=True)
"""

SRUP = "from sr_cli.cli import main; main()"
"""The command line."""


@dataclass(frozen=True)
class Job:
    """What one process does, and where its words and errors go."""

    arguments: Sequence[str]
    folder: str
    errors: str
    code: str = SRUP
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Running:
    """Jobs that have begun."""

    children: Sequence[int]
    """The system's number for each."""
    answer: Callable[[], list[int]]
    ended: bool = False

    def wait(self) -> list[int]:
        """Wait for the end of all; return their exit codes."""
        codes = self.answer()
        self.ended = True
        return codes

    def kill(self) -> None:
        """End all that are left."""
        for child in self.children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


@dataclass(frozen=True)
class Forks:
    """The process that forks."""

    process: "subprocess.Popen[str]"

    @contextmanager
    def running(self, jobs: Sequence[Job]) -> Iterator[Running]:
        """Begin all of them at once; none of them outlives the block."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([asdict(job) for job in jobs]) + "\n")
        self.process.stdin.flush()
        running = Running(self._answer(), self._answer)
        try:
            yield running
        finally:
            if not running.ended:
                running.kill()
                running.wait()

    def _answer(self) -> list[int]:
        assert self.process.stdout is not None
        found: list[int] = json.loads(self.process.stdout.readline())
        return found


@contextmanager
def open_forks() -> Iterator[Forks]:
    """Start it; the end of its input ends it."""
    with subprocess.Popen(
        [sys.executable, "-c", _SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Forks(process)
