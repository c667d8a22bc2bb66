"""File or bytes ─▶ Picture."""

from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from sr_cli.errors import PictureError
from sr_cli.picture import refusals
from sr_cli.picture.convert import to_planes
from sr_cli.picture.facts import frames_note, read_dpi, read_exif, stored
from sr_cli.picture.limits import MAX_PIXELS, patient_pillow
from sr_cli.picture.picture import Picture
from sr_cli.picture.png_chunks import chunk_kinds

# Their loaders start Ghostscript or ask the system to draw.
_DRAWINGS = frozenset({"EPS", "WMF"})

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


def read(path: Path) -> Picture:
    """Decode a file by its content, whatever its suffix, and turn it upright.

    Raises:
        PictureError: the file is missing, unreadable, empty, damaged, too large
            or not a picture that srup takes.
    """
    try:
        if path.is_dir():
            raise refusals.folder(path)
        with path.open("rb") as stream:
            return _decode(stream, str(path))
    except OSError as error:
        raise refusals.unopened(path, error) from error


def read_bytes(data: bytes, name: str) -> Picture:
    """Decode a file already in memory; `name` stands for it in messages.

    Raises:
        PictureError: as `read`.
    """
    return _decode(BytesIO(data), name)


def _decode(stream: IO[bytes], name: str) -> Picture:
    if not stream.seekable():  # a pipe given as a path, as in `<(curl …)`
        stream = BytesIO(stream.read())
    head = stream.read(32)
    if not head:
        raise refusals.empty(name)
    with patient_pillow():
        try:
            im = Image.open(stream)
            _refuse_unfit(im, name)
            if im.format == "PNG":
                _require_whole_png(stream)
            return _to_picture(im, head)
        except PictureError:
            raise
        except UnidentifiedImageError as error:
            raise refusals.unidentified(name, head) from error
        except Image.DecompressionBombError as error:
            raise refusals.too_large(name) from error
        # Pillow's decoders raise whatever a damaged file makes them trip over.
        except Exception as error:
            raise refusals.undecodable(name, error) from error


def _refuse_unfit(im: Image.Image, name: str) -> None:
    if im.format in _DRAWINGS:
        raise refusals.drawing(name, im.format)
    if im.width * im.height > MAX_PIXELS:
        raise refusals.too_large(name)
    if im.mode == "F":
        raise refusals.not_8_bit(name, "floating-point numbers")
    # A 16-bit PGM is the one kind of I that Pillow scales to a known range.
    if im.mode == "I" and im.format != "PPM":
        raise refusals.not_8_bit(name, "signed or 32-bit integers")


def _require_whole_png(stream: IO[bytes]) -> None:
    # Pillow is content once it has every pixel, even if the rest was cut off.
    start = stream.tell()
    for _ in chunk_kinds(stream):
        pass
    stream.seek(start)


def _to_picture(im: Image.Image, head: bytes) -> Picture:
    notes = frames_note(im)
    # Loading a TIFF turns it upright and forgets its orientation, so it comes first.
    im.load()
    planes = to_planes(im, stored(im, head))
    orientation, raw_exif, exif_notes = read_exif(im.getexif)
    alpha = planes.alpha
    dpi = read_dpi(im)
    return Picture(
        pixels=_upright(planes.pixels, orientation),
        alpha=None if alpha is None else _upright(alpha, orientation),
        icc=planes.icc,
        exif=raw_exif,
        dpi=dpi[::-1] if dpi and _TO_UPRIGHT[orientation][0] else dpi,
        notes=notes + planes.notes + exif_notes,
    )


def _upright(plane: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    swap, flip_rows, flip_columns = _TO_UPRIGHT[orientation]
    if swap:
        plane = plane.swapaxes(0, 1)
    if flip_rows:
        plane = plane[::-1]
    if flip_columns:
        plane = plane[:, ::-1]
    return np.ascontiguousarray(plane)
