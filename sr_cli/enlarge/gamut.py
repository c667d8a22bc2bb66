"""Colours outside sRGB, which no network has seen.

Where they are, networks fail: srresnet makes flat areas of Adobe RGB's green, -0.66 1
-0.24 in sRGB, 52 levels lighter, and srgan those of ProPhoto's blue 81 levels darker.
So the network gets what lies inside sRGB, and bicubic interpolation the rest.
"""

import numpy as np

from sr_cli.enlarge.resampling import resampled
from sr_cli.upscale import FloatRun, Floats, rows_of

_NOTHING = 1e-5  # less than a 16-bit level


def beyond_srgb(run: FloatRun) -> FloatRun:
    """Return what runs (h, w, 3), of which only what is in [0, 1] is for `run`.

    What `run` overshoots is cut off, as it is where results stay in sRGB.
    """

    def enlarge(low: Floats) -> Floats:
        inside = np.clip(low, 0.0, 1.0)
        high = np.clip(run(inside), 0.0, 1.0)
        rest = low - inside
        if np.abs(rest).max() > _NOTHING:
            new_size = high.shape[0], high.shape[1]
            high += resampled(rows_of(rest), rest.shape[:2], new_size)(len(high))
        return high

    return enlarge
