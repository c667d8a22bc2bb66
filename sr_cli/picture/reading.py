"""File or bytes ─▶ Picture."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np

from sr_cli.picture import refusals
from sr_cli.picture.decoders import (
    gif,
    heif,
    ico,
    jpeg,
    jpeg2000,
    jpegxl,
    pillow,
    png,
    pnm,
    tiff,
    webp,
)
from sr_cli.picture.decoders.stored import Stored
from sr_cli.picture.header import Header, Samples
from sr_cli.picture.kinds import HEAD, Kind, kind_of
from sr_cli.picture.picture import Picture

# EXIF orientation ─▶ swap the axes, then flip the rows, then flip the columns
_TO_UPRIGHT = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}

_DECODERS: dict[Kind | None, Callable[[IO[bytes], int | None], Stored]] = {
    "AVIF": heif.open_avif,
    "BMP": partial(pillow.open_stored, formats=("BMP",)),
    "GIF": gif.open_stored,
    "HEIC": heif.open_heic,
    "ICO": ico.open_stored,
    "JPEG 2000": jpeg2000.open_stored,
    "JPEG XL": jpegxl.open_stored,
    "PNG": png.open_stored,
    "PNM": pnm.open_stored,
    "TGA": partial(pillow.open_stored, formats=("TGA",)),
    "TIFF": tiff.open_stored,
    "WebP": webp.open_stored,
    None: pillow.open_stored,
}


def read(path: Path, page: int | None = None) -> Picture:
    """Decode a file by its content, whatever its suffix, and turn it upright.

    Args:
        path: of the file.
        page: which picture of several, from 1: a TIFF's page, an animation's frame;
            None takes the first, the largest of an icon, or the one that a HEIC file
            calls its own.

    Raises:
        PictureError: the file is missing, unreadable, empty, damaged, too large
            or not a picture that srup takes, or has no such page.
    """
    with opened(path) as stream, stored(stream, str(path), page, path) as found:
        return upright(found)


def read_bytes(data: bytes, name: str, page: int | None = None) -> Picture:
    """Decode a file already in memory; `name` stands for it in messages.

    Raises:
        PictureError: as `read`.
    """
    with stored(BytesIO(data), name, page) as found:
        return upright(found)


def described(stream: IO[bytes], name: str) -> tuple[Header, int]:
    """Look up what `read` would tell of a file's first picture, without decoding it.

    Args:
        stream: the file, which can seek.
        name: stands for it in messages.

    Returns:
        The header, upright and without a note that there are more pictures; and how
        the stored pixels lie, as EXIF counts, 1 to 8.

    Raises:
        PictureError: as `read`.
    """
    with stored(stream, name, page=1) as found:
        return _turned(found), found.orientation


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, or read a pipe, such as `<(curl …)` is: it can seek then.

    Raises:
        PictureError: the system doesn't hand it over.
    """
    try:
        if path.is_dir():
            raise refusals.folder(path)
        stream: IO[bytes] = path.open("rb")
    except OSError as error:
        raise refusals.unopened(path, error) from error
    with stream:
        if not stream.seekable():
            with refusals.refusing(str(path)):
                stream = BytesIO(stream.read())
        yield stream


@contextmanager
def stored(
    stream: IO[bytes], name: str, page: int | None, path: Path | None = None
) -> Iterator[Stored]:
    """Find out what a file holds; what goes wrong in the block becomes a refusal.

    Args:
        stream: the file, which can seek.
        name: stands for it in messages.
        page: as in `read`.
        path: where the file is.

    Raises:
        PictureError: as `read`.
    """
    stream.seek(0)
    head = stream.read(HEAD)
    if not head:
        raise refusals.empty(name)
    kind = kind_of(head, Path(name).suffix)
    with refusals.refusing(name, kind):
        if kind == "JPEG":
            regular = path is not None and path.is_file()
            yield jpeg.open_stored(stream, page, path if regular else None)
        else:
            yield _DECODERS[kind](stream, page)


def upright(found: Stored) -> Picture:
    """Decode the pixels and turn them upright.

    Raises:
        Exception: whatever a decoder trips over in damaged data.
    """
    header = _turned(found)
    whole = _whole(found)
    alpha = None
    if header.alpha:
        whole, alpha = whole[:, :, :-1], whole[:, :, -1]
        alpha = turned(alpha, found.orientation)
    return Picture(
        pixels=turned(whole, found.orientation),
        alpha=alpha,
        icc=header.icc,
        exif=header.exif,
        xmp=header.xmp,
        iptc=header.iptc,
        text=header.text,
        dpi=header.dpi,
        notes=header.notes,
    )


def _turned(found: Stored) -> Header:
    header = found.header
    if not _TO_UPRIGHT[found.orientation][0]:
        return header
    dpi = header.dpi
    return replace(
        header,
        height=header.width,
        width=header.height,
        dpi=dpi and (dpi[1], dpi[0]),
    )


def _whole(found: Stored) -> Samples:
    header = found.header
    shape = header.height, header.width, header.samples
    whole: Samples | None = None
    top = 0
    for band in found.bands():
        if band.shape == shape and band.dtype == header.dtype and not top:
            whole = band
        else:
            whole = np.empty(shape, header.dtype) if whole is None else whole
            whole[top : top + len(band)] = band
        top += len(band)
    if whole is None or top != header.height:
        msg = f"truncated: {top} rows of {header.height}"
        raise ValueError(msg)
    return whole


def turned(plane: Samples, orientation: int) -> Samples:
    """Turn (H, W, …) upright; `orientation` is EXIF's, 1 to 8."""
    swap, flip_rows, flip_columns = _TO_UPRIGHT[orientation]
    if swap:
        plane = plane.swapaxes(0, 1)
    if flip_rows:
        plane = plane[::-1]
    if flip_columns:
        plane = plane[:, ::-1]
    return np.ascontiguousarray(plane)
