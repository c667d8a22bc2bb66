"""What is different from one frame to the next."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; the bottom row and right column are the first ones outside."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


def box_around(places: NDArray[np.bool_]) -> Box:
    """Return the smallest box with all True of (H, W); one pixel if there are none."""
    rows = np.flatnonzero(places.any(axis=1))
    if not len(rows):
        return Box(0, 0, 1, 1)
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(places[top:bottom].any(axis=0))
    return Box(top, int(columns[0]), bottom, int(columns[-1]) + 1)


def different(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Say which pixels of (H, W, samples) differ in any sample."""
    places: NDArray[np.bool_] = before[:, :, 0] != after[:, :, 0]
    for sample in range(1, before.shape[2]):
        places |= before[:, :, sample] != after[:, :, sample]
    return places
