"""Where srup keeps files, and how much lies there."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sr_cli.cache_folder import cache_folder

_PATIENCE = 1.0  # seconds for a folder; the Hub's may hold a million files


@dataclass(frozen=True, slots=True)
class Place:
    """A folder, which need not exist."""

    what: str
    path: str
    exists: bool
    bytes: int
    """Of the files in it and below, links not followed."""
    files: int
    whole: bool
    """False where there was more than could be counted in a second."""


def places() -> tuple[Place, ...]:
    """Measure the caches."""
    # Engines start meanwhile: the Hub's client takes 0.2 s to import.
    from sr_cli.hub import cache

    return (
        _measured("srup's cache", cache_folder()),
        _measured("the Hub's cache", cache.folder()),
    )


def _measured(what: str, folder: Path) -> Place:
    until = time.perf_counter() + _PATIENCE
    files = total = 0
    whole = True
    for size in _sizes(str(folder)):
        files, total = files + 1, total + size
        if time.perf_counter() > until:
            whole = False
            break
    return Place(what, str(folder), folder.is_dir(), total, files, whole)


def _sizes(folder: str) -> Iterator[int]:
    """Yield the sizes of files; what can't be listed is left out."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield from _sizes(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    yield entry.stat(follow_symlinks=False).st_size
    except OSError:
        return
