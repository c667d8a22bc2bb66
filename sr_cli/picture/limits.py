"""How much may be decoded, and how quietly."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from PIL import Image

from sr_cli.picture.refusals import UnfitError

MAX_PIXELS = 500_000_000
"""Larger pictures are refused before they are decoded."""

_MAX_UNBACKED = 2**29
"""Bytes of memory that a file may take which is tiny for its pixels."""

_PIXELS_PER_BYTE = 1_000  # a drawing of few colours; photographs have 20 at most


def check_pixels(height: int, width: int) -> None:
    """Refuse a picture that is too large, or has no pixels.

    Raises:
        UnfitError: it has too many.
        ValueError: it has none.
    """
    if height * width > MAX_PIXELS:
        raise _too_large()
    if height <= 0 or width <= 0:
        msg = "no pixels"
        raise ValueError(msg)


def check_bomb(height: int, width: int, stream: IO[bytes], cost: int) -> None:
    """Refuse a small file that would take much memory to decode at once.

    Args:
        height: in pixels.
        width: in pixels.
        stream: the file.
        cost: bytes that decoding takes per pixel.

    Raises:
        UnfitError: it is one.
    """
    pixels, size = height * width, stream.seek(0, 2)
    if pixels * cost > _MAX_UNBACKED and pixels > _PIXELS_PER_BYTE * size:
        reason = f"{width} x {height} pixels are too many for a file of {size} bytes"
        raise UnfitError(reason, "Export it again, if you trust it")


class _SharedLimit:
    """Raise Pillow's process-wide pixel limit while any thread is reading.

    Pillow refuses above 179 million pixels and offers one module global to
    change that.  Counting the readers keeps threads from undoing one another
    without making them decode in turn.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = 0
        self._before: int | None = None

    def enter(self) -> None:
        with self._lock:
            if self._readers == 0:
                self._before = Image.MAX_IMAGE_PIXELS
                Image.MAX_IMAGE_PIXELS = MAX_PIXELS
            self._readers += 1

    def leave(self) -> None:
        with self._lock:
            self._readers -= 1
            if self._readers == 0:
                Image.MAX_IMAGE_PIXELS = self._before


_shared_limit = _SharedLimit()


@contextmanager
def patient_pillow() -> Iterator[None]:
    """Let Pillow open up to `MAX_PIXELS`, and keep its warnings off the terminal.

    Above that it may still open a picture, so the caller checks the size.  Only
    warnings from inside Pillow (odd metadata, mostly) are dropped: what srup can't
    read becomes an error, the rest is no news.

    Raises:
        UnfitError: Pillow found more than twice as many pixels.
    """
    _shared_limit.enter()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")
            yield
    except Image.DecompressionBombError as error:
        raise _too_large() from error
    finally:
        _shared_limit.leave()


def _too_large() -> UnfitError:
    reason = f"it has more than {MAX_PIXELS // 10**6} million pixels"
    return UnfitError(reason, "Cut it into smaller pictures first")
