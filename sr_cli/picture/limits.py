"""How much Pillow may decode, and how quietly."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

MAX_PIXELS = 500_000_000
"""Larger pictures are refused before they are decoded."""


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

    Above that it may still open a picture, so the caller checks the size; above
    twice that it raises.  Only warnings from inside Pillow (odd metadata, mostly)
    are dropped: what srup can't read becomes an error, the rest is no news.
    """
    _shared_limit.enter()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")
            yield
    finally:
        _shared_limit.leave()
