"""A writer for formats whose encoder wants every row at once."""

from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sr_cli.picture.formats import Format
from sr_cli.picture.header import Header
from sr_cli.picture.image import to_image


class WholeEncoder:
    """Writes what Pillow makes of the picture; arguments as of `JpegEncoder`.

    WebP's sides are short, and its encoder compares distant rows.  BMP could be
    written row by row, but nobody stores large pictures in it.
    """

    def __init__(
        self,
        stream: IO[bytes],
        header: Header,
        row: Format,
        options: Mapping[str, Any],
        facts: Mapping[str, Any],
    ) -> None:
        self.rows_at_once = header.height
        self._stream = stream
        self._row = row
        self._options = {**options, **facts}

    def write(self, block: NDArray[np.uint8]) -> None:
        """Encode the picture, as `Encoder.write`."""
        to_image(block, self._row).save(self._stream, self._row.name, **self._options)

    def finish(self) -> None:
        """Do nothing: all is written."""
