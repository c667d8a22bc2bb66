"""A file that appears under its name complete, or not at all."""

import os
import re
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

# The number is the writer's process.
_PART = re.compile(r"\.srup-(\d+)-[0-9a-f]{16}\.part")

if sys.platform == "win32":
    _GRACE_SECONDS = 60.0

    def _lock(stream: IO[bytes]) -> None:
        """Do nothing: an open file can't be removed."""

    def _remove_if_dead(part: Path) -> None:
        # A part is closed for a moment before it takes its name.
        if time.time() - part.stat().st_mtime > _GRACE_SECONDS:
            part.unlink()

else:
    import fcntl

    def _lock(stream: IO[bytes]) -> None:
        """Show that the writer lives; the system lets go when it no longer does."""
        with suppress(OSError):  # some network folders know no locks
            fcntl.flock(stream, fcntl.LOCK_EX)

    def _remove_if_dead(part: Path) -> None:
        with part.open("r+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()


@contextmanager
def whole_file(path: Path, *, overwrite: bool) -> Iterator[IO[bytes]]:
    """Open a hidden file beside `path` that takes its name if the block succeeds.

    Any failure, Ctrl-C included, removes it and leaves an earlier file as it was.
    Only a killed process leaves its hidden file, to the next one that writes into
    the same folder: that removes it.

    Raises:
        FileExistsError: `path` exists by now and may not be overwritten.
        OSError: the folder takes no such file, or the disk is full.
    """
    # A link stays a link: what it points to is replaced.
    target = path.resolve() if overwrite else path
    _remove_dead_parts(target.parent)
    hidden, stream = _open_part(target)
    try:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())
        if sys.platform == "win32":  # where no open file can be renamed
            stream.close()
        if overwrite:
            hidden.replace(target)
        else:
            claim(hidden, target)
    finally:
        with suppress(OSError):
            stream.close()
        hidden.unlink(missing_ok=True)


def _open_part(target: Path) -> tuple[Path, IO[bytes]]:
    """Make a part that is locked and in its place."""
    while True:
        # Not tempfile: that forces mode 0600, where here the umask has its say.
        name = f".srup-{os.getpid()}-{secrets.token_hex(8)}.part"
        hidden = target.with_name(name)
        stream = hidden.open("x+b")
        _lock(stream)
        # Another process may have thought it dead before it was locked.
        if hidden.exists():
            return hidden, stream
        stream.close()


def _remove_dead_parts(folder: Path) -> None:
    for part in folder.glob(".srup-*.part"):
        match = _PART.fullmatch(part.name)
        # Some network folders don't lock a process out of its own files.
        if match and int(match[1]) != os.getpid():
            with suppress(OSError):  # it is alive, or gone
                _remove_if_dead(part)


def claim(hidden: Path, target: Path) -> None:
    """Give a file its name; `hidden` may stay as another name for it.

    Raises:
        FileExistsError: something has that name.
        OSError: the system refused.
    """
    # Unlike a rename, a hard link never replaces what another program wrote
    # there since it was checked.
    try:
        target.hardlink_to(hidden)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):
        _claim_without_links(hidden, target)


def _claim_without_links(hidden: Path, target: Path) -> None:
    # FAT, some network folders: reserve the name with an empty file instead.
    target.touch(exist_ok=False)
    try:
        hidden.replace(target)
    except BaseException:
        target.unlink()
        raise
