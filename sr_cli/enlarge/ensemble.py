"""The mean of a network's eight answers to a picture turned and mirrored.

(Timofte et al., Seven ways to improve example-based single image super resolution,
2016, section 3.7: enhanced prediction.)  A photograph is as likely mirrored as not,
so what the answers disagree on is the network's own invention.
"""

import numpy as np
from numpy.typing import NDArray

from sr_cli.upscale import FloatRun

Floats = NDArray[np.float32]


def ensembled(run: FloatRun) -> FloatRun:
    """Return what runs (h, w, 3) in all eight positions and averages the results."""

    def mean(low: Floats) -> Floats:
        total: Floats | None = None
        for turns in range(4):
            for mirrored in (False, True):
                turned = np.rot90(low[:, ::-1] if mirrored else low, turns)
                high = np.rot90(run(np.ascontiguousarray(turned)), -turns)
                high = high[:, ::-1] if mirrored else high
                total = high.copy() if total is None else np.add(total, high, out=total)
        assert total is not None
        total /= np.float32(8)
        return total

    return mean
