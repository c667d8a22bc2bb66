"""Levels, as files store them ⇄ floats, in which white is 1."""

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sr_cli.picture.header import Samples

Floats = NDArray[np.float32]


def as_floats(samples: Samples) -> Floats:
    """Return uint8 or uint16 of any shape as floats in [0, 1]."""
    white = np.float32(np.iinfo(samples.dtype).max)
    floats: Floats = samples.astype(np.float32) / white
    return floats


def as_levels(values: Floats, dtype: DTypeLike) -> Samples:
    """Round floats of any shape to uint8 or uint16; beyond [0, 1] they are clipped."""
    levels = np.clip(values, 0.0, 1.0) * np.float32(np.iinfo(dtype).max)
    levels += np.float32(0.5)
    return levels.astype(dtype)
