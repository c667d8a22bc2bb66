"""A picture of any size to measure speed with, the same one each time."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sr_cli import picture
from sr_cli.picture.header import Header

Pixels = NDArray[np.uint8]

EXAMPLE = Path(__file__).parents[2] / "examples" / "cat.jpg"
"""In a checkout; an installed srup has none."""

_SIDE = 256  # of the picture that is made up


def _made_up() -> Pixels:
    """(256, 256, 3): waves that grow finer to a corner, and noise."""
    noise = np.random.default_rng(0).normal(0.0, 6.0, (_SIDE, _SIDE, 3))
    y, x = np.mgrid[:_SIDE, :_SIDE] / 32.0
    waves = np.stack([np.sin(x * y / 2.0 + phase) for phase in (0.0, 1.0, 2.0)], axis=2)
    return np.clip(128.0 + 90.0 * waves + noise, 0.0, 255.0).astype(np.uint8)


def _mirrored(start: int, stop: int, size: int) -> NDArray[np.int64]:
    """Indices of start…stop-1 in an axis of `size` that turns back at its ends."""
    index = np.arange(start, stop) % (2 * size)
    return np.minimum(index, 2 * size - 1 - index)


class Sample:
    """A photo of a cat, or what stands for one, mirrored to and fro.

    Its rows are copied as they are read: however high it is, it takes no more memory.
    """

    def __init__(self, width: int, height: int) -> None:
        self.header = Header(height=height, width=width, channels=3)
        found = EXAMPLE.is_file()
        pixels = picture.read(EXAMPLE).pixels if found else _made_up()
        self._pixels = pixels[:, _mirrored(0, width, pixels.shape[1])]
        self._top = 0

    def read(self, rows: int) -> Pixels:
        """Return the next rows: (min(rows, those left), width, 3)."""
        top, bottom = self._top, min(self._top + rows, self.header.height)
        self._top = bottom
        return self._pixels[_mirrored(top, bottom, len(self._pixels))]
