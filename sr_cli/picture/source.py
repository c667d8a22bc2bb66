"""File ─▶ rows of pixels, a few at a time."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np

from sr_cli.picture.decoders.stored import Bands, Stored
from sr_cli.picture.header import Header, Samples
from sr_cli.picture.picture import Picture
from sr_cli.picture.reading import opened, stored, upright
from sr_cli.picture.refusals import refusing

_MIN_PIXELS = 2**22
"""Below, a picture takes less than 30 MB, and decoding it once is quicker."""


class Source(Protocol):
    """Rows of a picture from the top."""

    @property
    def header(self) -> Header:
        """What is known before the first row."""

    def read(self, rows: int) -> Samples:
        """Return the next rows: (min(rows, those left), W, samples).

        Raises:
            PictureError: the file turns out to be damaged here.
        """


class PictureSource:
    """The rows of a picture that is in memory already."""

    def __init__(self, picture: Picture) -> None:
        self.header = picture.header
        self._picture = picture
        self._top = 0

    def read(self, rows: int) -> Samples:
        """Return the next rows, as `Source.read`; without alpha, a view."""
        span = slice(self._top, self._top + rows)
        pixels = self._picture.pixels[span]
        self._top += len(pixels)
        if self._picture.alpha is None:
            return pixels
        return np.concatenate([pixels, self._picture.alpha[span, :, None]], axis=2)


class BandSource:
    """A `Source` that decodes rows as they are asked for, and holds few others.

    Args:
        header: of the picture.
        bands: decodes it.
        name: stands for the file in messages.
    """

    def __init__(self, header: Header, bands: Bands, name: str) -> None:
        self.header = header
        self._name = name
        self._bands = bands()
        self._left = header.height
        self._rest = np.empty((0, header.width, header.samples), header.dtype)

    def close(self) -> None:
        """Stop decoding."""
        self._bands.close()

    def read(self, rows: int) -> Samples:
        """Return the next rows, as `Source.read`."""
        rows = min(rows, self._left)
        parts = [self._rest]
        missing = rows - len(self._rest)
        with refusing(self._name):
            while missing > 0:
                band = next(self._bands, None)
                if band is None:
                    msg = "truncated: rows are missing"
                    raise EOFError(msg)
                parts.append(band)
                missing -= len(band)
        found = np.concatenate(parts) if len(parts) > 1 else parts[0]
        self._left -= rows
        self._rest = found[rows:].copy()
        return found[:rows]


@contextmanager
def open_source(path: Path, page: int | None = None) -> Iterator[Source]:
    """Open a file for reading its rows; the same pixels and facts as `read` gives.

    A large JPEG, PNG, TIFF or portable pixmap that lies upright is decoded a few rows
    at a time (a progressive JPEG keeps 3 bytes per pixel all the same, or 6 if its
    colour is not subsampled: every scan changes every row; so does an interlaced PNG,
    and a TIFF keeps a row of tiles, or a strip that is not deflated).  Everything else
    is read whole.

    A file whose rows are decoded as they are asked for has been decoded once before
    the block is entered, so that no work is lost to damage further down.

    Raises:
        PictureError: as `read`.
    """
    with opened(path) as stream, ExitStack() as stack:
        with stored(stream, str(path), page, path) as found:
            rows = _banded(found, str(path))
            if rows is None:
                source: Source = PictureSource(upright(found))
            else:
                source = stack.enter_context(closing(rows))
        yield source


def _banded(found: Stored, name: str) -> BandSource | None:
    """Return a source of rows if that is worth it, once it is known to be whole."""
    header, bands = found.header, found.lean_bands
    small = header.height * header.width < _MIN_PIXELS
    if small or bands is None or found.orientation != 1:
        return None
    try:
        rows = 0
        for band in bands():
            if band.dtype != header.dtype:
                return None
            rows += len(band)
    # What trips one decoder here, the other gets to see again, and judges.
    except Exception:
        return None
    return BandSource(header, bands, name) if rows == header.height else None
