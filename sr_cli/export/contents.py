"""What a file is going to hold, and how another program would run it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Batch = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Contents:
    """Files that belong together, not yet written."""

    files: Mapping[str, bytes]
    """By their suffixes; the one that is opened comes first."""
    run: Callable[[Batch], Batch]
    """Maps (N, 3, h, w) in [0, 1] to (N, 3, H, W), from what the files hold."""
