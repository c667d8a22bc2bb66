"""Blur by kernels of many shapes (Wang et al. 2021, section 3.2).

A lens out of focus, a hand that moved, or software that smoothed: none of them is
quite a Gaussian, so some kernels have heavier tails or a flat top.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sr_cli.degradations.steps import Floats, Range, Size

Form = Literal["gaussian", "generalized", "plateau"]

RADIUS = 10
"""Kernels are 21×21."""

_KINDS: tuple[tuple[Form, bool, float], ...] = (  # form, round or not, chance
    ("gaussian", True, 0.45),
    ("gaussian", False, 0.25),
    ("generalized", True, 0.12),
    ("generalized", False, 0.03),
    ("plateau", True, 0.12),
    ("plateau", False, 0.03),
)


def kernel(
    sigma: Range, angle: float = 0.0, form: Form = "gaussian", beta: float = 1.0
) -> Floats:
    """Return (21, 21) weights that add up to 1.

    Args:
        sigma: standard deviations along the first axis and across it, in pixels.
        angle: of the first axis, in radians from the rows towards the columns.
        form: with d² the squared distance in standard deviations,
            exp(-d²/2), exp(-(d²)^beta / 2) or 1 / (1 + (d²)^beta).
        beta: above 1 the top is flatter and the tails lighter.
    """
    y, x = np.mgrid[-RADIUS : RADIUS + 1, -RADIUS : RADIUS + 1]
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    squared = (along / sigma[0]) ** 2 + (across / sigma[1]) ** 2
    if form == "plateau":
        weight = 1.0 / (1.0 + squared**beta)
    else:
        weight = np.exp(-0.5 * (squared**beta if form == "generalized" else squared))
    total: Floats = (weight / weight.sum()).astype(np.float32)
    return total


def _quick_length(least: int) -> int:
    """Return the next length without prime factors above 5, which FFTs like."""
    length = least
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1


def blur(image: Floats, weight: Floats) -> Floats:
    """Convolve (H, W, C) with a kernel of `RADIUS`, edges mirrored."""
    height, width = image.shape[:2]
    planes = np.ascontiguousarray(image.transpose(2, 0, 1))
    edges = ((0, 0), (RADIUS, RADIUS), (RADIUS, RADIUS))
    padded = np.pad(planes, edges, mode="symmetric")
    size = tuple(_quick_length(n) for n in padded.shape[1:])
    product = np.fft.rfft2(padded, size) * np.fft.rfft2(weight, size)
    blurred = np.fft.irfft2(product, size)
    inside = blurred[:, 2 * RADIUS :, 2 * RADIUS :][:, :height, :width]
    return inside.transpose(1, 2, 0).astype(np.float32, order="C")


@dataclass(frozen=True, slots=True)
class Blur:
    """Blur by a kernel of a random shape."""

    sigma: Range
    """Least and largest standard deviation, in pixels."""
    chance: float = 1.0

    def __call__(
        self, image: Floats, random: np.random.Generator, _low: Size
    ) -> Floats:
        """Return the blurred (H, W, 3), or the same if chance spares it."""
        if random.random() >= self.chance:
            return image
        form, is_round, _ = _KINDS[random.choice(len(_KINDS), p=[k[2] for k in _KINDS])]
        along, across = random.uniform(*self.sigma, 2)
        if is_round:
            across = along
        beta = random.uniform(1.0, 2.0)
        if form == "generalized":  # half of them with heavier tails
            beta = random.choice([random.uniform(0.5, 1.0), random.uniform(1.0, 4.0)])
        weight = kernel((along, across), random.uniform(0.0, np.pi), form, beta)
        return blur(image, weight)
