"""Which raters to leave out: ITU-R BT.500's screening of observers by kurtosis.

A rater is left out whose scores are often far from everybody's, to both sides alike.
Who is merely stricter or milder than others stays.
"""

import math

import numpy as np
from numpy.typing import NDArray

_TOO_OFTEN = 0.05
_BOTH_SIDES = 0.3


def rejected(scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return (raters,), true for those to leave out.

    Args:
        scores: (raters, items), all of them rated.
    """
    raters, items = scores.shape
    away = scores - scores.mean(axis=0)
    second = (away**2).mean(axis=0)
    # Where all agree, nobody is far.
    spread = second > 0
    away, second = away[:, spread], second[spread]
    kurtosis = (away**4).mean(axis=0) / second**2
    normal = (kurtosis >= 2.0) & (kurtosis <= 4.0)
    deviation = np.sqrt(second * raters / max(raters - 1, 1))
    limit = deviation * np.where(normal, 2.0, math.sqrt(20.0))
    above = (away >= limit).sum(axis=1)
    below = (away <= -limit).sum(axis=1)
    far = above + below
    often = far / items > _TOO_OFTEN
    lopsided = np.abs(above - below) / np.maximum(far, 1)
    found: NDArray[np.bool_] = often & (lopsided < _BOTH_SIDES)
    return found
