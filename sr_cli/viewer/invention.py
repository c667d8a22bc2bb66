"""Where one network invents what the input doesn't determine.

Two results of one input differ in two ways.  What the reduction D (`sr_cli.degrade`)
sees of the difference, the input decides: one result is nearer to it.  The rest lies
in D's null space: any input agrees with either, so a network that puts it there has
made it up.  With D⁺ the pseudoinverse, the rest of a difference d is d - D⁺Dd.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sr_cli.enlarge.consistency import unseen
from sr_cli.errors import PictureError
from sr_cli.picture import Picture, in_srgb
from sr_cli.upscale import Upscaler

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Invention:
    """How far two results differ where their input says nothing."""

    map: Floats
    """(H, W): the root mean square around each pixel, in levels of 0…255."""
    mean: float
    """The root mean square over the picture, in levels of 0…255."""
    share: float
    """Of the squared difference, 0 to 1; the rest is what the reduction sees."""


def invention(sure: Pixels, crisp: Pixels, scale: int) -> Invention:
    """Compare two results (scale·h, scale·w, C) of the same input.

    Raises:
        PictureError: their sizes differ, or `scale` doesn't divide them.
    """
    height, width = sure.shape[:2]
    if sure.shape != crisp.shape or height % scale or width % scale:
        raise PictureError(
            "Only two results of one picture, at the networks' own scale, tell what "
            "was invented",
            "Leave out --scale, --fit, --width and --height, or --map",
        )
    squares = np.zeros((height, width), np.float32)
    total = 0.0
    channels = sure.shape[2]
    for channel in range(channels):  # one at a time, for a large picture's memory
        difference = crisp[:, :, channel].astype(np.float32) - sure[:, :, channel]
        total += float(np.vdot(difference, difference))
        squares += unseen(difference, height // scale, width // scale) ** 2
    squares /= channels
    mean = float(np.sqrt(squares.mean(dtype=np.float64)))
    whole = total / channels / squares.size
    return Invention(
        np.sqrt(_smoothed(squares, scale)), mean, mean**2 / whole if whole else 0.0
    )


def invented(given: Picture, sure: Upscaler, crisp: Upscaler) -> Invention:
    """Upscale a picture, its transparency left out, by two models and compare them.

    Raises:
        PictureError: their scales differ.
        ModelError, OutOfMemoryError: as `Upscaler.upscale`.
    """
    plain = Picture(in_srgb(given).pixels)
    one, other = (upscaler.upscale(plain).pixels for upscaler in (sure, crisp))
    return invention(one, other, sure.scale)


def _smoothed(plane: Floats, sigma: float) -> Floats:
    """Blur by a Gaussian, edges mirrored, so that texture becomes an area."""
    for _ in range(2):
        plane = np.ascontiguousarray(_blurred(plane, sigma).T)
    return plane


def _blurred(plane: Floats, sigma: float) -> Floats:
    reach = int(3 * sigma)
    weight = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weight /= weight.sum()
    padded = np.pad(plane, ((reach, reach), (0, 0)), mode="symmetric")
    out = np.zeros_like(plane)
    for tap, share in enumerate(weight.astype(np.float32)):
        out += share * padded[tap : tap + len(plane)]
    return out
