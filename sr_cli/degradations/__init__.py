"""What happens to photos beyond bicubic reduction: blur, noise, resizing and JPEG."""

import numpy as np
from numpy.typing import NDArray

from sr_cli.degradations.recipes import DEGRADATIONS, Recipe
from sr_cli.degrade import to_uint8

__all__ = ["DEGRADATIONS", "Recipe", "degrade"]


def degrade(
    high: NDArray[np.uint8],
    recipe: Recipe,
    random: np.random.Generator,
    scale: int = 4,
) -> NDArray[np.uint8]:
    """Make a low-resolution picture (H/scale, W/scale, 3) of `high` (H, W, 3).

    The same state of `random` gives the same bytes, as long as NumPy and Pillow stay
    the same.  `scale` must divide both sides.  Edges are mirrored or repeated, so
    whoever wants a piece of a photo better degrades more of it.
    """
    low = (high.shape[0] // scale, high.shape[1] // scale)
    image = high.astype(np.float32)
    for step in recipe.steps:
        image = step(image, random, low)
    return to_uint8(image)
