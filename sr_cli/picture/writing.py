"""Picture, or its rows as they come ─▶ file."""

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

from sr_cli.errors import PictureError
from sr_cli.picture.encoder import RowSink, faults_refused
from sr_cli.picture.encoding import encoder_into, push
from sr_cli.picture.formats import Format, check_installed, check_size, format_for
from sr_cli.picture.header import Header, Samples
from sr_cli.picture.image import fitted_header
from sr_cli.picture.picture import Picture
from sr_cli.picture.room import check_room
from sr_cli.whole_file import whole_file


class Sink(Protocol):
    """Takes the rows of a picture from the top."""

    def write(self, rows: Samples) -> None:
        """Write the next rows, (n, W, samples) of the header's type, in any number.

        Raises:
            PictureError: the disk is full, or the encoder failed.
            ValueError: the rows don't fit the header.
        """


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
        PictureError: as `open_sink`, or the disk refused.
    """
    with _open_rows(path, picture.header, format, quality, overwrite) as sink:
        push(picture, sink)


@contextmanager
def open_sink(
    path: Path,
    header: Header,
    *,
    format: str | None = None,
    quality: int | None = None,
    overwrite: bool = False,
) -> Iterator[Sink]:
    """Open a file for writing a picture's rows; it appears when the block succeeds.

    If the block or the writing fails, nothing is left, and an earlier file stays as
    it was.  Only JPEG, PNG, TIFF and PPM are written as the rows come: the encoders of
    the other formats take all at once.

    Args:
        path: where to.
        header: what all rows together will be; its notes are not written.
        format: a name or suffix; None goes by the suffix of `path`.
        quality: as in `encode`.
        overwrite: whether an existing file may be replaced.

    Raises:
        PictureError: as `check_target` and `encode`, or there is too little room on
            the disk; all of it before the block is entered.
        ValueError: the block left without having written every row.
    """
    with _open_rows(path, header, format, quality, overwrite) as sink:
        yield sink


@contextmanager
def _open_rows(
    path: Path,
    header: Header,
    format: str | None,
    quality: int | None,
    overwrite: bool,
) -> Iterator[RowSink]:
    row = check_target(path, format, overwrite=overwrite)
    check_size(header.height, header.width, row.name, header.channels)
    check_room(path, header, row)
    refuse = partial(write_failure, path)
    with ExitStack() as stack:
        with faults_refused(refuse):
            stream = stack.enter_context(whole_file(path, overwrite=overwrite))
            stored = fitted_header(header, row)
            encoder = encoder_into(stream, stored, row, quality)
            sink = RowSink(encoder, header, stored, refuse)
        yield sink  # and what goes wrong inside the block is not ours to explain
        sink.finish()
        with faults_refused(refuse):
            stack.close()


def check_target(
    path: Path, format: str | None = None, *, overwrite: bool = False
) -> Format:
    """Find out before any work whether `write` could succeed, and in which format.

    Raises:
        PictureError: the format is unknown or its encoder not installed, the folder is
            missing or takes no files, or something is already there.
    """
    row = format_for(path, format)
    check_installed(row)
    try:
        _require_free(path, overwrite=overwrite)
    except OSError as error:  # such as a name that is too long
        raise write_failure(path, error) from error
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


def write_failure(path: Path, error: Exception) -> PictureError:
    """Say why `path` can't be written."""
    if isinstance(error, FileExistsError):  # since it was checked
        return _exists(path)
    if isinstance(error, MemoryError):
        hint = "Close other programs, or write TIFF"
        return _refusal(path, "there is not enough memory", hint)
    if not isinstance(error, OSError) or error.strerror is None:
        hint = "See that the disk has room, or try another format"
        return _refusal(path, f"the encoder stopped ({error})", hint)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _refusal(path, "the disk is full", "Make room, or choose another folder")
    return _refusal(path, error.strerror.lower(), "Choose another folder or name")
