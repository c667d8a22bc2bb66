"""Sets of pictures known by name, and where they lie on this machine.

A set lies in the user's cache, in a folder of the working folder, or, for
measuring, in a folder that holds all sets.  Else it can be downloaded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sr_cli.datasets.folders import cache_folder, pictures_in
from sr_cli.datasets.table import (
    KNOWN_SETS,
    KnownSet,
    Part,
    is_known_set,
    known_set,
)
from sr_cli.errors import DataError

__all__ = [
    "KNOWN_SETS",
    "Dataset",
    "KnownSet",
    "Obtain",
    "Part",
    "cache_folder",
    "find_dataset",
    "find_photos",
    "is_known_set",
    "known_set",
    "pictures_in",
]

Obtain = Callable[[KnownSet, Part], Path]
"""Gets a part that is not on this machine, and returns its folder:
`sr_cli.datasets.download.obtain`."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Pictures to measure on."""

    id: str
    """A known set's id, or the name of a folder."""
    files: tuple[Path, ...]
    """In the order of their names; at least one."""
    expected: int | None = None
    """How many pictures the published figures are for."""


def _child(root: Path, name: str) -> Path | None:
    """Find the folder `name` in `root`; its capitals don't matter."""
    if (root / name).is_dir():
        return root / name
    if not root.is_dir():
        return None
    found = (path for path in sorted(root.iterdir()) if path.is_dir())
    return next((p for p in found if p.name.casefold() == name.casefold()), None)


def _nowhere(row: KnownSet, part: Part, root: Path, remedy: str) -> DataError:
    return DataError(
        f"The set {row.id} is not on this machine: "
        f"there is no folder {root / part.folder}",
        remedy,
    )


def find_photos(name: str, obtain: Obtain | None = None) -> Path:
    """Return the folder `name`, or that of the known set `name`, to train on.

    A known set is looked for in the user's cache, then in the working folder.

    Args:
        name: of either.
        obtain: gets a known set that is in neither; None if it must be there.

    Raises:
        DataError: there is none, or it can't be had.
    """
    folder, row = Path(name), known_set(name)
    if row is not None:
        cached = _child(cache_folder(), row.training.folder)
        if cached is not None or folder.is_dir():
            return cached or folder
        if obtain is not None:
            return obtain(row, row.training)
        source = row.training.source.address
        remedy = f"Get {row.training.what} from {source} and put them there"
        raise _nowhere(row, row.training, cache_folder(), remedy)
    if not folder.is_dir():
        known = ", ".join(row.id for row in KNOWN_SETS)
        what = "is a file, not a folder" if folder.exists() else "is no folder"
        raise DataError(f"{name} {what}", f"Name a folder of photos, or one of {known}")
    return folder


def _folder_to_measure(
    row: KnownSet, part: Part, name: str, data: Path | None, obtain: Obtain | None
) -> Path:
    folder = _child(cache_folder() if data is None else data, part.folder)
    if folder is None and data is None and Path(name).is_dir():
        folder = Path(name)
    if folder is None and data is None and obtain is not None:
        folder = obtain(row, part)
    if folder is None:
        remedy = (
            "Put its original pictures there, or say with --data DIR that they lie in "
            f"DIR/{part.folder}"
        )
        if data is not None:
            remedy += ", or leave --data out to have them downloaded"
        raise _nowhere(row, part, data or cache_folder(), remedy)
    return folder


def find_dataset(
    name: str, data: Path | None = None, obtain: Obtain | None = None
) -> Dataset:
    """Find the known set `name`, or else the folder `name`, to measure on.

    A known set is looked for in `data`, or without one in the user's cache and the
    working folder; any other folder is taken as it is named, or inside `data`.

    Args:
        name: of either.
        data: the folder that holds all sets; nothing is downloaded then.
        obtain: gets a known set that is not there; None if it must be there.

    Raises:
        DataError: there is no such set, no picture in it, or it can't be had.
    """
    row = known_set(name)
    if row is not None and row.measuring is not None:
        folder = _folder_to_measure(row, row.measuring, name, data, obtain)
        return Dataset(row.id, pictures_in(folder), row.measuring.pictures)
    folder = Path(name)
    if data is not None and not folder.is_dir():
        folder = data / name
    if not folder.is_dir():
        known = ", ".join(row.id for row in KNOWN_SETS if row.measuring)
        what = "is a file, not a folder" if folder.exists() else "is no set or folder"
        raise DataError(
            f"{name} {what}", f"Name one of {known}, or a folder of pictures"
        )
    return Dataset(folder.resolve().name or str(folder), pictures_in(folder))
