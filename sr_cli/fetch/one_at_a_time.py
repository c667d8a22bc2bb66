"""A lock between processes, which the system releases when its holder is killed."""

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_POLL_SECONDS = 0.1

if sys.platform == "win32":
    import msvcrt

    def _try_lock(stream: IO[bytes]) -> None:
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_lock(stream: IO[bytes]) -> None:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


_HELD = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK, errno.EWOULDBLOCK})


def _seizes(stream: IO[bytes], path: Path) -> bool:
    try:
        _try_lock(stream)
    except OSError as error:
        # Some network folders know no locks; better alone by luck than not at all.
        return error.errno not in _HELD
    try:
        # The holder before us has removed it: others may hold a newer one by now.
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def one_at_a_time(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Let one thread of one process at a time into the block for `path`.

    `path` itself need not exist, but its folder must; a hidden file beside it is the
    lock, and is gone afterwards.

    Args:
        path: what the block makes or changes.
        on_wait: told once, if another process is inside.

    Raises:
        OSError: the folder takes no such file.
    """
    lock = path.with_name(f".{path.name}.lock")
    told = False
    while True:
        with lock.open("ab") as stream:
            if _seizes(stream, lock):
                try:
                    yield
                finally:
                    with suppress(OSError):  # Windows, where somebody waits for it
                        lock.unlink()
                return
        if not told:
            on_wait()
            told = True
        time.sleep(_POLL_SECONDS)
