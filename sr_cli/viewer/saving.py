"""A page ─▶ its file."""

import os
from pathlib import Path

from sr_cli.errors import DataError
from sr_cli.whole_file import whole_file


def check_page(path: Path, *, overwrite: bool = False) -> None:
    """Find out before any work whether a page could be written to `path`.

    Raises:
        DataError: it could not.
    """
    if path.suffix.casefold() not in (".html", ".htm"):
        raise _refusal(path, "a page is HTML", "Give it a name that ends in .html")
    if not path.parent.is_dir():
        raise _refusal(path, f"there is no folder {path.parent}", "Create it first")
    if path.exists() and not path.is_file():
        raise _refusal(path, "it is no file", "Choose another name")
    if path.exists() and not overwrite:
        raise _exists(path)
    if not os.access(path.parent, os.W_OK | os.X_OK):
        reason = f"the folder {path.parent} takes no new files"
        raise _refusal(path, reason, "Choose another folder")


def save_page(page: str, path: Path, *, overwrite: bool = False) -> None:
    """Write a page, whole or not at all.

    Raises:
        DataError: something is there already, or the disk refused.
    """
    try:
        with whole_file(path, overwrite=overwrite) as stream:
            stream.write(page.encode())
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise _refusal(path, reason, "Choose another folder") from error


def told(page: str, path: Path) -> str:
    """Name a page that was saved, and its size."""
    size = len(page.encode())
    amount = f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(1, size // 1000)} kB"
    return f"{path} ({amount})"


def _exists(path: Path) -> DataError:
    return _refusal(path, "it exists already", "Choose another name, or --overwrite")


def _refusal(path: Path, reason: str, hint: str) -> DataError:
    return DataError(f"Cannot write {path}: {reason}", hint)
