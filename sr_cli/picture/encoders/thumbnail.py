"""The small copy of a picture that EXIF holds."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import IO

import numpy as np
from PIL import Image

from sr_cli.picture.encoders import exif
from sr_cli.picture.header import Header, Samples
from sr_cli.picture.image import on_white, to_image

_SIDE = 160  # EXIF 2.32, 4.4.1
_GATHERED_SIDE = 4 * _SIDE
_QUALITIES = (85, 75, 50, 30, 10)


class Thumbnail:
    """Gathers what it needs of the rows that pass: one of every few, 3 MB at most."""

    def __init__(self, header: Header) -> None:
        """Expect the rows of a picture."""
        self._header = header
        self._step = -(-max(header.height, header.width) // _GATHERED_SIDE)
        self._gathered: list[Samples] = []
        self._seen = 0

    def add(self, block: Samples) -> None:
        """Take the next rows, (n, W, samples)."""
        first = -self._seen % self._step
        self._gathered.append(block[first :: self._step, :: self._step].copy())
        self._seen += len(block)

    def jpeg(self) -> bytes:
        """Encode them, in up to `exif.ROOM` bytes."""
        rows = np.concatenate(self._gathered)
        if rows.dtype == np.uint16:
            rows = (rows >> 8).astype(np.uint8)
        header = self._header
        if header.alpha:
            rows, header = on_white(rows), replace(header, alpha=False)
        im = to_image(rows, header)
        im.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
        if im.mode == "CMYK":
            im = im.convert("RGB")
        for quality in _QUALITIES:
            stream = BytesIO()
            im.save(stream, "JPEG", quality=quality)
            if stream.tell() <= exif.ROOM:
                return stream.getvalue()
        return b""


class ExifPlace:
    """EXIF that is in the stream before the pixels, and its thumbnail after them.

    Args:
        stream: able to seek.
        block: the EXIF, without a thumbnail.
        thumbnail: gathers the rows; None if there shall be none.
        put: writes EXIF into the stream as the format has it.
    """

    def __init__(
        self,
        stream: IO[bytes],
        block: bytes,
        thumbnail: Thumbnail | None,
        put: Callable[[bytes], None],
    ) -> None:
        self._stream, self._block, self._put = stream, block, put
        self._thumbnail = thumbnail
        self._at = stream.tell()
        put(block if thumbnail is None else self._with(b""))

    def add(self, rows: Samples) -> None:
        """Let the thumbnail see the next rows."""
        if self._thumbnail is not None:
            self._thumbnail.add(rows)

    def finish(self) -> None:
        """Put the thumbnail where there is room for it."""
        if self._thumbnail is None:
            return
        end = self._stream.tell()
        self._stream.seek(self._at)
        self._put(self._with(self._thumbnail.jpeg()))
        self._stream.seek(end)

    def _with(self, jpeg: bytes) -> bytes:
        return exif.with_thumbnail(self._block, jpeg, exif.ROOM)
