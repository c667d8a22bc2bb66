"""sRGB's curve (IEC 61966-2-1).

Below black the curve is mirrored, as scRGB and CSS do it: the tint of a colour outside
sRGB stays a small number.  Adobe RGB's green has -0.40 of sRGB's red light, which is
-0.66 by the mirrored curve and -5.1 by going straight on.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def encoded(light: Floats) -> Floats:
    """Encode linear light, black 0 and white 1, of any shape and size."""
    size = np.abs(light)
    curve: Floats = np.power(size, np.float32(1 / 2.4))
    curve *= np.float32(1.055)
    curve -= np.float32(0.055)
    np.multiply(size, np.float32(12.92), out=curve, where=size <= np.float32(0.0031308))
    np.copysign(curve, light, out=curve)
    return curve


def decoded(values: Floats) -> Floats:
    """Return the linear light of encoded values; undoes `encoded`."""
    size = np.abs(values)
    light: Floats = (size + np.float32(0.055)) / np.float32(1.055)
    np.power(light, np.float32(2.4), out=light)
    np.divide(size, np.float32(12.92), out=light, where=size <= np.float32(0.04045))
    np.copysign(light, values, out=light)
    return light
