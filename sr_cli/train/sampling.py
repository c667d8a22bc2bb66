"""Which photo, and which place of it, a random crop is cut from."""

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from sr_cli.train.photos import Pair, Pixels

Sampling = Literal["texture", "uniform"]
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

_CELL = 8  # textured crops start on a grid of so many low-resolution pixels, plus less
_FLOOR = 4.0  # added to a crop's mean gradient, which is 5 to 40 in photos


class Places(Protocol):
    """Chooses among all places of all photos."""

    def choose(self, drawn: Floats) -> tuple[Integers, Integers, Integers]:
        """Turn (3, N) numbers in [0, 1) into photos, and their rows and columns."""
        ...


class Uniform:
    """Any photo, then any place of it."""

    def __init__(self, pairs: Sequence[Pair], size: int) -> None:
        self._places = np.array([pair.low.shape[:2] for pair in pairs]) - size + 1

    def choose(self, drawn: Floats) -> tuple[Integers, Integers, Integers]:
        """Return photos, and rows and columns in low-resolution pixels."""
        photo = (drawn[0] * len(self._places)).astype(np.int64)
        y, x = (drawn[1:] * self._places[photo].T).astype(np.int64)
        return photo, y, x


class Textured:
    """Places with much gradient more often than flat ones: flat sky teaches nothing.

    The chance grows with a crop's mean gradient.  The floor under it keeps smooth
    gradients in the mix.
    """

    def __init__(self, pairs: Sequence[Pair], size: int) -> None:
        self._last = np.array([pair.low.shape[:2] for pair in pairs]) - size
        self._columns = self._last[:, 1] // _CELL + 1
        weights = [_texture(pair.low, size).ravel() + _FLOOR for pair in pairs]
        self._ends = np.cumsum([len(weight) for weight in weights])
        self._chance = np.concatenate(weights).cumsum()

    def choose(self, drawn: Floats) -> tuple[Integers, Integers, Integers]:
        """Return photos, and rows and columns in low-resolution pixels."""
        wanted = drawn[0] * self._chance[-1]
        cell = np.searchsorted(self._chance, wanted, side="right")
        # The product may have been rounded up to the last chance itself.
        cell = np.minimum(cell, len(self._chance) - 1)
        photo = np.searchsorted(self._ends, cell, side="right")
        cell = cell - np.where(photo > 0, self._ends[photo - 1], 0)
        grid = np.stack(np.divmod(cell, self._columns[photo])) * _CELL
        jitter = (drawn[1:] * _CELL).astype(np.int64)
        y, x = np.minimum(grid + jitter, self._last[photo].T)
        return photo, y, x


def _texture(low: Pixels, size: int) -> Floats:
    """Mean absolute gradient of every crop of `size` on the grid of cells."""
    gray = low.sum(axis=2, dtype=np.int32)
    gradient = np.zeros(gray.shape)
    gradient[:, 1:] += np.abs(np.diff(gray, axis=1))
    gradient[1:] += np.abs(np.diff(gray, axis=0))
    total = np.pad(gradient.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    rows = total[size::_CELL] - total[:-size:_CELL]
    mean: Floats = (rows[:, size::_CELL] - rows[:, :-size:_CELL]) / (3 * size**2)
    return mean


def open_places(sampling: Sampling, pairs: Sequence[Pair], size: int) -> Places:
    """Prepare to choose crops of `size` low-resolution pixels among `pairs`."""
    return (Textured if sampling == "texture" else Uniform)(pairs, size)
