"""Picture ─▶ file."""

import errno
import os
from pathlib import Path

from sr_cli.errors import PictureError
from sr_cli.picture.encoding import ENCODER_FAULTS, save
from sr_cli.picture.formats import Format, check_size, format_for
from sr_cli.picture.picture import Picture
from sr_cli.whole_file import whole_file


def write(
    picture: Picture,
    path: Path,
    *,
    format: str | None = None,
    quality: int | None = None,
    overwrite: bool = False,
) -> None:
    """Encode into a file, which appears complete or not at all.

    Args:
        picture: what to write.
        path: where to.
        format: a name or suffix; None goes by the suffix of `path`.
        quality: as in `encode`.
        overwrite: whether an existing file may be replaced.

    Raises:
        PictureError: as `check_target` and `encode`, or the disk refused.
    """
    row = check_target(path, format, overwrite=overwrite)
    check_size(picture.height, picture.width, row.name)
    try:
        with whole_file(path, overwrite=overwrite) as stream:
            save(picture, stream, row, quality)
    except FileExistsError as error:
        raise _exists(path) from error
    except ENCODER_FAULTS as error:
        raise _failed(path, error) from error


def check_target(
    path: Path, format: str | None = None, *, overwrite: bool = False
) -> Format:
    """Find out before any work whether `write` could succeed, and in which format.

    Raises:
        PictureError: the format is unknown, the folder is missing or takes no
            files, or something is already there.
    """
    row = format_for(path, format)
    try:
        _require_free(path, overwrite=overwrite)
    except OSError as error:  # such as a name that is too long
        raise _failed(path, error) from error
    return row


def _require_free(path: Path, *, overwrite: bool) -> None:
    parent = path.parent
    if not parent.is_dir():
        hint = "Create it first, or choose another"
        raise _refusal(path, f"there is no folder {parent}", hint)
    if path.is_dir():
        raise _refusal(path, "it is a folder", "Add a file name to it")
    if path.exists() and not path.is_file():
        # Renaming a picture onto /dev/null would replace the device.
        hint = "Choose a file name, or use standard output"
        raise _refusal(path, "it is a device or a pipe", hint)
    if path.exists() and not overwrite:
        raise _exists(path)
    if not os.access(parent, os.W_OK | os.X_OK):
        hint = "Choose another, or change its permissions"
        raise _refusal(path, f"the folder {parent} takes no new files", hint)


def _refusal(path: Path, reason: str, hint: str) -> PictureError:
    return PictureError(f"Cannot write {path}: {reason}", hint)


def _exists(path: Path) -> PictureError:
    hint = "Choose another name, or pass --overwrite"
    return _refusal(path, "it already exists", hint)


def _failed(path: Path, error: Exception) -> PictureError:
    if isinstance(error, MemoryError):
        hint = "Close other programs, or write TIFF"
        return _refusal(path, "there is not enough memory", hint)
    if not isinstance(error, OSError) or error.strerror is None:
        hint = "See that the disk has room, or try another format"
        return _refusal(path, f"the encoder stopped ({error})", hint)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _refusal(path, "the disk is full", "Make room, or choose another folder")
    return _refusal(path, error.strerror.lower(), "Choose another folder or name")
