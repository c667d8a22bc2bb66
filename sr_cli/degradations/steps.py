"""What all steps of a degradation share."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Size = tuple[int, int]
Range = tuple[float, float]


class Step(Protocol):
    """One thing that happens to a picture on its way to us."""

    def __call__(
        self, image: Floats, random: np.random.Generator, low: Size, /
    ) -> Floats:
        """Return another `image` (H, W, 3) in 0…255.

        Everything random is drawn from `random`.  `low` is the height and width that
        the picture has after the last step.
        """
        ...
