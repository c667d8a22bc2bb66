"""Which failures are one picture's, and which would be everyone's."""

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sr_cli.batch.folder import Folder
from sr_cli.errors import (
    DataError,
    DeviceError,
    ModelError,
    OutOfMemoryError,
    SrupError,
)
from sr_cli.picture import Picture
from sr_cli.upscale import Upscaler

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))
_LEAST_ROOM = 2**20
_AGAIN = "Run the same command again to go on: what is done is kept"


def sentence(error: Exception) -> str:
    """Say what went wrong with one picture."""
    if isinstance(error, SrupError):
        return str(error)
    return f"srup failed ({type(error).__name__}: {error}). Please report it."


def end_of_all(
    error: Exception, folder: Folder, upscaler: Upscaler
) -> SrupError | None:
    """Return why no other picture can be done either, if that is so.

    Args:
        error: what a picture failed with.
        folder: where its result should go.
        upscaler: what it should go through.
    """
    root = folder.root
    if not folder.journal.is_in_place():
        return DataError(f"The output folder {root} was removed or replaced", _AGAIN)
    if isinstance(error, ModelError | DeviceError):
        return error
    numbers = {cause.errno for cause in _chain(error) if isinstance(cause, OSError)}
    if numbers & _FULL or _room(root) < _usual_size(folder):
        return DataError(f"The disk of {root} is full", f"Make room.  {_AGAIN}")
    if errno.EROFS in numbers:
        return DataError(f"The disk of {root} takes no more files", _AGAIN)
    known = isinstance(error, SrupError) and not isinstance(error, OutOfMemoryError)
    if known or _works(upscaler):
        return None
    message = f"The model no longer runs ({type(error).__name__}: {error})"
    return DeviceError(message, _AGAIN)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _room(root: Path) -> float:
    try:
        return shutil.disk_usage(root).free
    except OSError:
        return float("inf")


def _usual_size(folder: Folder) -> float:
    sizes = [record.made.size for record in list(folder.journal.records.values())]
    return max(sum(sizes) / len(sizes) if sizes else 0.0, _LEAST_ROOM)


def _works(upscaler: Upscaler) -> bool:
    try:
        upscaler.upscale(Picture(np.zeros((8, 8, 3), np.uint8)))
    except Exception:
        return False
    return True
