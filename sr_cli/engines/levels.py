"""8-bit levels in and out, around an engine that takes and gives floats."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sr_cli.engines import Batch, Levels, NotFiniteError

_WHITE = np.float32(255.0)


def store(values: NDArray[np.float32], out: Levels) -> None:
    """Round `values`, levels to 255, into `out` of the same shape, and spoil them.

    Raises:
        NotFiniteError: one of them is not a number, or infinite.
    """
    # One pass: whatever isn't finite stays so in a sum.
    if not np.isfinite(values.sum()):
        raise NotFiniteError
    np.clip(values, 0.0, _WHITE, out=values)
    values += np.float32(0.5)
    out[...] = values


def through_floats(run: Callable[[Batch], Batch], pixels: Levels) -> Levels:
    """Run (h, w, 3) through an engine's float contract.

    Raises:
        NotFiniteError: as `store`.
    """
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32)
    planes /= _WHITE
    result = run(planes)[0]
    result *= _WHITE
    rounded = np.empty(result.shape, np.uint8)
    store(result, rounded)
    out = np.empty((*result.shape[1:], len(result)), np.uint8)
    # Plane by plane: numpy would walk through all three at once, a pixel at a time.
    for channel, plane in enumerate(rounded):
        out[:, :, channel] = plane
    return out
