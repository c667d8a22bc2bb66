"""The sets that the literature measures on, and where they lie on this machine."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from sr_cli.errors import DataError
from sr_cli.picture import FORMATS

_SUFFIXES = frozenset(suffix for row in FORMATS for suffix in row.suffixes)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A set whose published figures a measurement can be compared with."""

    id: str
    folder: str
    """The folder's name, inside the one that holds all sets."""
    pictures: int


BENCHMARKS = (
    Benchmark("set5", "Set5", 5),
    Benchmark("set14", "Set14", 14),
    Benchmark("bsd100", "BSD100", 100),
    Benchmark("urban100", "Urban100", 100),
)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Pictures to measure on."""

    id: str
    """A benchmark's id, or the name of a folder."""
    files: tuple[Path, ...]
    """In the order of their names; at least one."""
    expected: int | None = None
    """How many pictures the published figures are for."""


def cache_folder() -> Path:
    """Return the folder of sets in the user's cache, which need not exist."""
    home = os.environ.get("XDG_CACHE_HOME")
    if not home and sys.platform == "win32":
        home = os.environ.get("LOCALAPPDATA")
    return (Path(home) if home else Path.home() / ".cache") / "srup" / "datasets"


def pictures_in(folder: Path) -> tuple[Path, ...]:
    """List the pictures that lie directly in `folder`, in the order of their names.

    Raises:
        DataError: there are none, or the folder can't be listed.
    """
    try:
        files = sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in _SUFFIXES
            and not path.name.startswith(".")  # such as macOS's ._photo.png
            and path.is_file()
        )
    except OSError as error:
        reason = error.strerror or error
        raise DataError(
            f"Cannot list {folder} ({reason})", "Name a folder of pictures"
        ) from error
    if not files:
        raise DataError(
            f"The folder {folder} holds no pictures",
            f"Name a folder of pictures ({', '.join(sorted(_SUFFIXES))})",
        )
    return tuple(files)


def _child(root: Path, name: str) -> Path | None:
    """Find the folder `name` in `root`; its capitals don't matter."""
    if (root / name).is_dir():
        return root / name
    if not root.is_dir():
        return None
    found = (path for path in sorted(root.iterdir()) if path.is_dir())
    return next((p for p in found if p.name.casefold() == name.casefold()), None)


def _find_benchmark(row: Benchmark, name: str, data: Path | None) -> Dataset:
    root = cache_folder() if data is None else data
    folder = _child(root, row.folder)
    if folder is None and data is None and Path(name).is_dir():
        folder = Path(name)
    if folder is None:
        raise DataError(
            f"The set {row.id} is not on this machine: "
            f"there is no folder {root / row.folder}",
            "Put its original pictures there, or say with --data DIR that they lie in "
            f"DIR/{row.folder}",
        )
    return Dataset(row.id, pictures_in(folder), row.pictures)


def find_dataset(name: str, data: Path | None = None) -> Dataset:
    """Find the benchmark `name`, or else the folder `name`.

    A benchmark is looked for in `data`, or without one in the user's cache; any
    other folder is taken as it is named, or inside `data`.

    Raises:
        DataError: there is no such set, or no picture in it.
    """
    for row in BENCHMARKS:
        if row.id == name.casefold():
            return _find_benchmark(row, name, data)
    folder = Path(name)
    if data is not None and not folder.is_dir():
        folder = data / name
    if not folder.is_dir():
        known = ", ".join(row.id for row in BENCHMARKS)
        what = "is a file, not a folder" if folder.exists() else "is no set or folder"
        raise DataError(
            f"{name} {what}", f"Name one of {known}, or a folder of pictures"
        )
    return Dataset(folder.resolve().name or str(folder), pictures_in(folder))
