"""Arrays as programs hold pictures ⇄ `Picture`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr_cli.errors import PictureError
from sr_cli.picture.header import Samples
from sr_cli.picture.picture import Picture

_DEEP_WHITE = np.float32(65_535)
_ROUNDING = 0.5 / 255
"""How far beyond black and white floats may be: what arithmetic does to them."""


def from_array(array: NDArray[Any]) -> Picture:
    """Take an array for a picture; floats become 16 bits.

    Args:
        array: (H, W) or (H, W, 1) of gray, (H, W, 2) of gray and alpha, (H, W, 3) of
            RGB, or (H, W, 4) of RGB and alpha, which is not multiplied in; uint8,
            uint16, or floats from 0 to 1.

    Raises:
        PictureError: it is none of these.
    """
    if array.ndim not in (2, 3) or not array.size or array.shape[2:] > (4,):
        raise PictureError(
            f"An array of shape {array.shape} is no picture",
            "Give (height, width) of gray, or (height, width, channels) with 1 to 4",
        )
    samples = _samples(array)
    if samples.ndim == 2:
        samples = samples[:, :, None]
    if samples.shape[2] in (1, 3):
        return Picture(samples)
    return Picture(samples[:, :, :-1], samples[:, :, -1])


def to_array(samples: Samples, like: NDArray[Any]) -> NDArray[Any]:
    """Return samples (H, W, C) in the form of `like`; of floats, float32."""
    shaped = samples[:, :, 0] if like.ndim == 2 else samples
    if like.dtype.kind != "f":
        return shaped
    return shaped.astype(np.float32) / _DEEP_WHITE


def _samples(array: NDArray[Any]) -> Samples:
    if array.dtype.kind == "f":
        return _deep(array)
    kind = array.dtype.newbyteorder("=")
    if kind not in (np.dtype(np.uint8), np.dtype(np.uint16)):
        raise PictureError(
            f"An array of {array.dtype} is no picture",
            "Give uint8, uint16, or floats from 0 to 1",
        )
    return array.astype(kind, copy=False)


def _deep(array: NDArray[Any]) -> NDArray[np.uint16]:
    darkest, lightest = float(array.min()), float(array.max())
    if not (darkest >= -_ROUNDING and lightest <= 1 + _ROUNDING):
        raise PictureError(
            f"Floats from {darkest:g} to {lightest:g} are no picture",
            "Let black be 0 and white 1, or give uint8 or uint16",
        )
    levels: NDArray[np.float32] = np.clip(array, 0, 1).astype(np.float32)
    return (levels * _DEEP_WHITE + np.float32(0.5)).astype(np.uint16)
