"""What the encoders of animations have in common: frames come in, bytes go out."""

from io import BytesIO
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sr_cli.picture.encoding import encoding_into
from sr_cli.picture.header import Header

Rows = NDArray[np.uint8]
"""A frame, (H, W, 3) or with alpha (H, W, 4)."""


class FrameEncoder(Protocol):
    """Writes one animation into a stream that is empty and can seek."""

    def write(self, rows: Rows, milliseconds: float) -> None:
        """Encode the next frame, and write it or the one before.

        Raises:
            PictureError, OSError, ValueError, struct.error: that failed.
        """

    def finish(self) -> None:
        """Write what comes after the last frame; raises as `write`."""


def still(rows: Rows, header: Header, format: str, quality: int | None) -> bytes:
    """Encode a frame, or a part of it, as a picture of its own; as `encode`."""
    with BytesIO() as stream:
        with encoding_into(stream, header, format, quality) as sink:
            sink.write(rows)
        return stream.getvalue()


def bare(rows: Rows) -> Header:
    """Make a header that says nothing but what pixels there are."""
    height, width, samples = rows.shape
    return Header(height=height, width=width, channels=3, alpha=samples == 4)
