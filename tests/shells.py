"""Real shells on a terminal of their own, into which something is typed."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

BEGUN = {
    "bash": (["bash", "--noprofile", "--norc", "-i"], 'eval "$(srup completion bash)"'),
    "zsh": (
        ["zsh", "-f", "-i"],
        'autoload -U compinit; compinit -D; eval "$(srup completion zsh)"',
    ),
    "fish": (["fish", "--no-config", "-i"], "srup completion fish | source"),
}
"""How each starts without the user's settings, and is made to complete."""

# A session of its own, whose terminal this is: fish doesn't start without.
_ON_A_TERMINAL = (
    "import fcntl, os, sys, termios\n"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "os.execvp(sys.argv[1], sys.argv[1:])\n"
)
_PATIENCE = 30.0  # seconds
_TO_THE_FRONT = "\x01"  # Ctrl-A


def typed(shell: str, lines: list[str]) -> list[str]:
    """Return what each of `lines` has become after the tab key."""
    arguments, complete = BEGUN[shell]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 50, 200, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-S", "-c", _ON_A_TERMINAL, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"PATH": path, "TERM": "dumb", "HISTFILE": ""},
        start_new_session=True,
    ) as process:
        os.close(theirs)
        try:
            # Quotes, for a terminal shows first what is typed.
            os.write(ours, f"{complete}; echo REA''DY\n".encode())
            _until(ours, r"READY")
            return [_completed(ours, line) for line in lines]
        finally:
            process.kill()
            os.close(ours)


def _completed(terminal: int, line: str) -> str:
    os.write(terminal, f"{line}\t{_TO_THE_FRONT}echo GO''T \n".encode())
    return _until(terminal, r"GOT ([^\r\n]*)\r?\n")[1]


def _until(terminal: int, pattern: str) -> re.Match[str]:
    """Read until `pattern` was shown."""
    shown, end = "", time.monotonic() + _PATIENCE
    while (found := re.search(pattern, shown)) is None:
        ready, _, _ = select.select([terminal], [], [], end - time.monotonic())
        if not ready:
            raise TimeoutError(shown)
        shown += os.read(terminal, 4096).decode(errors="replace")
    return found
