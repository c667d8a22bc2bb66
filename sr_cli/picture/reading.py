"""File or bytes ─▶ Picture."""

import struct
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from sr_cli.errors import PictureError
from sr_cli.picture import exif, refusals
from sr_cli.picture.convert import Stored, to_planes
from sr_cli.picture.limits import MAX_PIXELS, patient_pillow
from sr_cli.picture.picture import Picture

# Their loaders start Ghostscript or ask the system to draw.
_DRAWINGS = frozenset({"EPS", "WMF"})

# A photo's gain map or preview, a layered picture's layers: nothing was lost.
_FRAMES_WITHIN = frozenset({"MPO", "PSD"})

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
    stream.seek(8)
    kind = b""
    while kind != b"IEND":
        header = stream.read(8)
        if len(header) == 8:
            length, kind = struct.unpack(">I4s", header)
            stream.seek(length + 3, 1)
        if not stream.read(1):
            msg = "truncated PNG"
            raise EOFError(msg)
    stream.seek(start)


def _to_picture(im: Image.Image, head: bytes) -> Picture:
    notes: tuple[str, ...] = ()
    frames: int = getattr(im, "n_frames", 1)
    if frames > 1 and im.format not in _FRAMES_WITHIN:
        notes = (f"Only the first of {frames} frames was read",)
    # Loading a TIFF turns it upright and forgets its orientation, so it comes first.
    im.load()
    planes = to_planes(im, _stored(im, head))
    orientation, raw_exif, exif_notes = _read_exif(im)
    alpha = planes.alpha
    return Picture(
        pixels=_upright(planes.pixels, orientation),
        alpha=None if alpha is None else _upright(alpha, orientation),
        icc=planes.icc,
        exif=raw_exif,
        dpi=_read_dpi(im, orientation),
        notes=notes + planes.notes + exif_notes,
    )


def _stored(im: Image.Image, head: bytes) -> Stored:
    if im.format == "PNG":  # IHDR: bit depth and colour type, 4 being gray and alpha
        return Stored(bits=head[24], gray=head[25] == 4)
    tags = getattr(im, "tag_v2", None)
    if tags is not None:
        return Stored(bits=max(tags.get(ExifTags.Base.BitsPerSample, (1,))))
    return Stored(bits=16 if im.mode.startswith("I") else 8)


def _read_exif(im: Image.Image) -> tuple[int, bytes | None, tuple[str, ...]]:
    orientation = 1
    try:
        found = im.getexif()
        orientation = exif.orientation(found)
        return orientation, exif.portable(found), ()
    # As in _decode; but a picture is worth more than what is written on its back.
    except Exception:
        return orientation, None, ("The EXIF data is damaged and was left out",)


def _read_dpi(im: Image.Image, orientation: int) -> tuple[float, float] | None:
    # PNG counts per metre: 150 dpi come back as 150.0124.
    dpi = [round(float(value), 1) for value in im.info.get("dpi", ())]
    # JPEG has 16 bits for each; 0 and nan occur in the wild.
    if len(dpi) != 2 or not all(0 < value < 2**16 for value in dpi):
        return None
    across, down = dpi
    return (down, across) if _TO_UPRIGHT[orientation][0] else (across, down)


def _upright(plane: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    swap, flip_rows, flip_columns = _TO_UPRIGHT[orientation]
    if swap:
        plane = plane.swapaxes(0, 1)
    if flip_rows:
        plane = plane[::-1]
    if flip_columns:
        plane = plane[:, ::-1]
    return np.ascontiguousarray(plane)
