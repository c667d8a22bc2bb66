"""File ─▶ rows of pixels, a few at a time."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sr_cli.picture import scanlines
from sr_cli.picture.header import Header
from sr_cli.picture.picture import Picture
from sr_cli.picture.reading import read


class Source(Protocol):
    """Rows of a picture from the top."""

    @property
    def header(self) -> Header:
        """What is known before the first row."""

    def read(self, rows: int) -> NDArray[np.uint8]:
        """Return the next rows: (min(rows, those left), W, channels + alpha).

        Raises:
            PictureError: the file turns out to be damaged here.
        """


class PictureSource:
    """The rows of a picture that is in memory already."""

    def __init__(self, picture: Picture) -> None:
        self.header = picture.header
        self._picture = picture
        self._top = 0

    def read(self, rows: int) -> NDArray[np.uint8]:
        """Return the next rows, as `Source.read`; without alpha, a view."""
        span = slice(self._top, self._top + rows)
        pixels = self._picture.pixels[span]
        self._top += len(pixels)
        if self._picture.alpha is None:
            return pixels
        return np.concatenate([pixels, self._picture.alpha[span, :, None]], axis=2)


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a file for reading its rows; the same pixels and facts as `read` gives.

    A large JPEG, PNG or TIFF of 8 bits that lies upright is decoded a few rows at a
    time (a progressive JPEG keeps 3 bytes per pixel all the same, or 6 if its colour
    is not subsampled: every scan changes every row).  Everything else is read whole.

    A file whose rows are decoded as they are asked for has been decoded once before
    the block is entered, so that no work is lost to damage further down.

    Raises:
        PictureError: as `read`.
    """
    source = scanlines.open_if_fit(path)
    if source is None:
        yield PictureSource(read(path))
    else:
        with closing(source):
            yield source
