"""Large everyday pictures, decoded a few rows at a time by OpenImageIO.

Pillow decodes a picture at once: a JPEG of 12 000 × 10 000 pixels takes 1.2 GB, and
72 MB here.  Everything but the pixels still comes from Pillow, so that a picture says
the same about itself whichever way it is read.
"""

from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from sr_cli.picture import refusals
from sr_cli.picture.facts import frames_note, read_dpi, read_exif, read_icc, stored
from sr_cli.picture.header import Header
from sr_cli.picture.limits import MAX_PIXELS, patient_pillow
from sr_cli.picture.png_chunks import chunk_kinds

if TYPE_CHECKING:
    from OpenImageIO import ImageInput

Tag = ExifTags.Base

_MIN_PIXELS = 2**22
"""Below, Pillow needs less than 30 MB, and OpenImageIO's 60 ms to load are spared."""

_VERIFIED_AT_ONCE = 64

# Pillow's mode ─▶ channels, alpha
_MODES = {"L": (1, False), "LA": (1, True), "RGB": (3, False), "RGBA": (3, True)}

_IHDR_INTERLACE = 28

# Behind the pixels Pillow finds them only by decoding those first.
_FACTS_IN_PNG = frozenset({b"eXIf", b"iTXt", b"zTXt"})

_GRAY_OR_RGB = (0, 1, 2)
_UNSIGNED = 1
_CONTIGUOUS = 1
_UNASSOCIATED_ALPHA = 2


class _UnfitError(Exception):
    """OpenImageIO can't decode this picture as Pillow does, row by row."""


class ScanlineSource:
    """A `Source` that holds no rows but those asked for, or a TIFF's row of tiles."""

    def __init__(self, path: Path, header: Header) -> None:
        """Open a file in which `header` was found."""
        self.header = header
        self._path = path
        self._file = _open(path, header)
        self._tile_height = self._file.spec().tile_height
        self._decoded = 0
        self._tiles = np.empty((0, header.width, header.samples), np.uint8)

    def read(self, rows: int) -> NDArray[np.uint8]:
        """Return the next rows, as `Source.read`."""
        left = self.header.height - self._decoded + len(self._tiles)
        rows = min(rows, left)
        if not self._tile_height:
            return self._decode(rows)
        while len(self._tiles) < rows:
            more = self._decode(self._tile_height)
            self._tiles = np.concatenate([self._tiles, more])
        taken, rest = self._tiles[:rows], self._tiles[rows:]
        self._tiles = rest.copy()
        return taken

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _decode(self, rows: int) -> NDArray[np.uint8]:
        top = self._decoded
        bottom = min(top + rows, self.header.height)
        shape = (bottom - top, self.header.width, self.header.samples)
        if top == bottom:
            return np.empty(shape, np.uint8)
        across, channels = (0, self.header.width), (0, self.header.samples)
        if self._tile_height:
            found = self._file.read_tiles(
                *across, top, bottom, 0, 1, *channels, "uint8"
            )
        else:
            found = self._file.read_scanlines(top, bottom, 0, *channels, "uint8")
        # An error that nobody asks for is printed when the program ends.
        reason = self._file.geterror()
        if found is None or reason:
            raise refusals.undecodable(str(self._path), ValueError(reason))
        self._decoded = bottom
        return np.asarray(found, np.uint8).reshape(shape)


def open_if_fit(path: Path) -> ScanlineSource | None:
    """Open a picture that is worth decoding row by row, once it is known to be whole.

    Returns:
        None if Pillow should read the file whole, or should say what is wrong with it.
    """
    try:
        header = _plain_header(path)
        _decode_once(path, header)
        return ScanlineSource(path, header)
    # What trips either library here, Pillow gets to see again, and judges.
    except Exception:
        return None


def _plain_header(path: Path) -> Header:
    """Look up the facts of a large file whose rows are 8-bit, upright and in order."""
    _require(path.is_file())  # a pipe could be read only once
    with path.open("rb") as stream, patient_pillow():
        head = stream.read(32)
        im = Image.open(stream)
        _require(_MIN_PIXELS <= im.width * im.height <= MAX_PIXELS)
        _require(im.mode in _MODES)
        _require(_lies_plainly(im, head, stream))
        # Not im.getexif, by which a PNG looks behind its pixels.
        orientation, exif, exif_notes = read_exif(lambda: Image.Image.getexif(im))
        _require(orientation == 1)
        channels, alpha = _MODES[im.mode]
        return Header(
            height=im.height,
            width=im.width,
            channels=channels,
            alpha=alpha,
            icc=read_icc(im),
            exif=exif,
            dpi=read_dpi(im),
            notes=frames_note(im) + exif_notes,
        )


def _require(fit: bool) -> None:
    if not fit:
        raise _UnfitError


def _lies_plainly(im: Image.Image, head: bytes, stream: IO[bytes]) -> bool:
    if im.format in ("JPEG", "MPO"):
        return True
    if im.format == "TIFF":
        return _is_plain_tiff(im)
    return (
        im.format == "PNG"
        and stored(im, head).bits == 8
        and not head[_IHDR_INTERLACE]
        and "transparency" not in im.info
        and getattr(im, "n_frames", 1) == 1
        and _is_plain_png(stream)
    )


def _is_plain_png(stream: IO[bytes]) -> bool:
    # Checksums tell damage apart sooner than libpng, which would print its findings.
    start = stream.tell()
    kinds = list(chunk_kinds(stream, verify=True))
    stream.seek(start)
    return not _FACTS_IN_PNG & set(kinds[kinds.index(b"IDAT") :])


def _is_plain_tiff(im: Image.Image) -> bool:
    tags = getattr(im, "tag_v2")  # noqa: B009 (Image.open promises any picture)
    extra = tags.get(Tag.ExtraSamples, ())
    return (
        set(tags.get(Tag.BitsPerSample, ())) == {8}
        and set(tags.get(Tag.SampleFormat, (_UNSIGNED,))) == {_UNSIGNED}
        and tags.get(Tag.PhotometricInterpretation) in _GRAY_OR_RGB
        and tags.get(Tag.PlanarConfiguration, _CONTIGUOUS) == _CONTIGUOUS
        and extra == ((_UNASSOCIATED_ALPHA,) if im.mode.endswith("A") else ())
    )


def _decode_once(path: Path, header: Header) -> None:
    source = ScanlineSource(path, header)
    try:
        for _ in range(0, header.height, _VERIFIED_AT_ONCE):
            source.read(_VERIFIED_AT_ONCE)
    finally:
        source.close()


def _open(path: Path, header: Header) -> "ImageInput":
    from OpenImageIO import ImageInput, ImageSpec, geterror

    config = ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)  # not multiplied into the colours
    file = ImageInput.open(str(path), config)
    if file is None:
        raise _UnfitError(geterror())
    spec = file.spec()
    found = (spec.height, spec.width, spec.nchannels, str(spec.format))
    _require(found == (header.height, header.width, header.samples, "uint8"))
    return file
