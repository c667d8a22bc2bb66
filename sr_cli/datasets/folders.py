"""Folders of pictures, and what lies in them."""

from pathlib import Path

from sr_cli.cache_folder import cache_folder as cache_of_srup
from sr_cli.errors import DataError
from sr_cli.picture import FORMATS

SUFFIXES = frozenset(suffix for row in FORMATS for suffix in row.suffixes)


def cache_folder() -> Path:
    """Return the folder of sets in the user's cache, which need not exist."""
    return cache_of_srup() / "datasets"


def pictures_in(folder: Path) -> tuple[Path, ...]:
    """List the pictures that lie directly in `folder`, in the order of their names.

    Raises:
        DataError: there are none, or the folder can't be listed.
    """
    try:
        files = sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in SUFFIXES
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
            f"Name a folder of pictures ({', '.join(sorted(SUFFIXES))})",
        )
    return tuple(files)
