"""A file that appears under its name complete, or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def whole_file(path: Path, *, overwrite: bool) -> Iterator[IO[bytes]]:
    """Open a hidden file beside `path` that takes its name if the block succeeds.

    Any failure, Ctrl-C included, removes it and leaves an earlier file as it was.

    Raises:
        FileExistsError: `path` exists by now and may not be overwritten.
        OSError: the folder takes no such file, or the disk is full.
    """
    # A link stays a link: what it points to is replaced.
    target = path.resolve() if overwrite else path
    # Not tempfile: that forces mode 0600, where here the umask has its say.
    hidden = target.with_name(f".srup-{secrets.token_hex(8)}.part")
    try:
        with hidden.open("x+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if overwrite:
            hidden.replace(target)
        else:
            _claim(hidden, target)
    finally:
        hidden.unlink(missing_ok=True)


def _claim(hidden: Path, target: Path) -> None:
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
