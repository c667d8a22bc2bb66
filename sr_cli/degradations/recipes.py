"""Degradations by name: each a list of steps, from the scene to the file.

"real" is the second-order chain of X. Wang et al., "Real-ESRGAN: Training real-world
blind super-resolution with pure synthetic data", 2021, with the ranges and chances
that its authors published, less its sinc filters and its sharpening of the truth.
Random orders of such steps go back to K. Zhang et al., "Designing a practical
degradation model for deep blind image super-resolution" (BSRGAN), 2021.  The others
are one part of it each, for ablations and for pictures of known origin.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from sr_cli.degradations.blur import Blur
from sr_cli.degradations.noise import Noise
from sr_cli.degradations.recompression import Jpeg
from sr_cli.degradations.resampling import Reduce, ReduceBicubic, Resize
from sr_cli.degradations.steps import Floats, Size, Step


@dataclass(frozen=True, slots=True)
class EitherOrder:
    """Two steps, of which either comes first."""

    one: Step
    other: Step

    def __call__(self, image: Floats, random: np.random.Generator, low: Size) -> Floats:
        """Return (H, W, 3) after both."""
        first, second = self.one, self.other
        if random.random() < 0.5:
            first, second = second, first
        return second(first(image, random, low), random, low)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a high-resolution picture becomes a low-resolution one."""

    steps: tuple[Step, ...]
    """The last leaves it at the low resolution."""


DEGRADATIONS: Mapping[str, Recipe] = MappingProxyType(
    {
        "bicubic": Recipe((ReduceBicubic(),)),
        "blur": Recipe((Blur((0.2, 3.0)), ReduceBicubic())),
        "noise": Recipe((ReduceBicubic(), Noise((1.0, 25.0), (0.05, 2.5)))),
        "jpeg": Recipe((ReduceBicubic(), Jpeg((30, 95)))),
        "real": Recipe(
            (
                Blur((0.2, 3.0)),
                Resize((0.15, 1.5), larger=0.2, smaller=0.7, unit=4),
                Noise((1.0, 30.0), (0.05, 3.0)),
                Jpeg((30, 95)),
                Blur((0.2, 1.5), chance=0.8),
                Resize((0.3, 1.2), larger=0.3, smaller=0.4, unit=1),
                Noise((1.0, 25.0), (0.05, 2.5)),
                EitherOrder(Reduce(), Jpeg((30, 95))),
            )
        ),
    }
)
"""What `degrade` can be told to do."""
