"""Resizing as programs do it, which is not as the literature does it.

OpenCV and PyTorch do not widen their linear and cubic kernels when they reduce, so
what is too fine aliases; and the cubic kernel has a = -0.75.  Only "area" averages.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sr_cli.degradations.steps import Floats, Range, Size
from sr_cli.degrade import resize, to_uint8

Kernel = Literal["area", "linear", "cubic"]

KERNELS: tuple[Kernel, ...] = ("area", "linear", "cubic")


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x, a = np.abs(x), -0.75
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = a * (((x - 5) * x + 8) * x - 4)
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def _taps(
    size: int, new_size: int, kernel: Kernel
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For every output sample, the input samples that it reads and their weights."""
    ratio = size / new_size
    if kernel == "area":
        numbers = np.arange(new_size)
        start, stop = numbers * size // new_size, -(-(numbers + 1) * size // new_size)
        index = start[:, None] + np.arange((stop - start).max())
        weight = (index < stop[:, None]) / (stop - start)[:, None]
    else:
        centre = ((np.arange(new_size) + 0.5) * ratio - 0.5)[:, None]
        reach = 1 if kernel == "linear" else 2
        index = np.floor(centre).astype(np.int64) + np.arange(1 - reach, 1 + reach)
        away = centre - index
        weight = _cubic(away) if kernel == "cubic" else 1 - np.abs(away)
    return np.clip(index, 0, size - 1), weight


def _resample_rows(image: Floats, new_height: int, kernel: Kernel) -> Floats:
    index, weight = _taps(len(image), new_height, kernel)
    flat = image.reshape(len(image), -1)
    out = np.zeros((new_height, flat.shape[1]), np.float32)
    # Not a matrix product, whose threads would take the cores from the training.
    for tap in range(index.shape[1]):
        out += weight[:, tap, None].astype(np.float32) * flat[index[:, tap]]
    return out.reshape(new_height, *image.shape[1:])


def resample(image: Floats, height: int, width: int, kernel: Kernel) -> Floats:
    """Return (H, W, C) as (height, width, C); the cubic kernel may leave 0…255."""
    rows = _resample_rows(image, height, kernel)
    turned = np.ascontiguousarray(rows.swapaxes(0, 1))
    return np.ascontiguousarray(_resample_rows(turned, width, kernel).swapaxes(0, 1))


@dataclass(frozen=True, slots=True)
class Resize:
    """Resize to a random size by the kernel of some program."""

    span: Range
    """Least and largest size; a size of 1 lies between."""
    larger: float
    """The chance of a size above 1."""
    smaller: float
    """The chance of a size below 1; it is 1 otherwise."""
    unit: int
    """What a size of 1 is: so many times the low-resolution picture."""

    def __call__(self, image: Floats, random: np.random.Generator, low: Size) -> Floats:
        """Return the resized (H, W, 3), within 0…255."""
        drawn = random.random()
        factor = 1.0
        if drawn < self.larger:
            factor = random.uniform(1.0, self.span[1])
        elif drawn < self.larger + self.smaller:
            factor = random.uniform(self.span[0], 1.0)
        kernel = KERNELS[random.integers(len(KERNELS))]
        height, width = (max(round(side * self.unit * factor), 1) for side in low)
        return np.clip(resample(image, height, width, kernel), 0, 255)


@dataclass(frozen=True, slots=True)
class Reduce:
    """Resize to the low resolution by the kernel of some program."""

    def __call__(self, image: Floats, random: np.random.Generator, low: Size) -> Floats:
        """Return `low`, within 0…255."""
        kernel = KERNELS[random.integers(len(KERNELS))]
        return np.clip(resample(image, *low, kernel), 0, 255)


@dataclass(frozen=True, slots=True)
class ReduceBicubic:
    """Resize to the low resolution as the literature does, 8 bits included."""

    def __call__(
        self, image: Floats, _random: np.random.Generator, low: Size
    ) -> Floats:
        """Return `low` in whole numbers: see `sr_cli.degrade`."""
        return to_uint8(resize(image, *low)).astype(np.float32)
