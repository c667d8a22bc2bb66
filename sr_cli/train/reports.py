"""What a run says of itself while it goes on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class StepReport:
    """One update."""

    step: int
    losses: Mapping[str, float]
    """By name.  "loss" is what the generator minimises and is always there; the
    others are its parts, and the discriminator's own loss."""
    gradient_norm: float
    """Of the generator, before clipping."""
    learning_rate: float
    seconds: float

    @property
    def loss(self) -> float:
        """What the generator minimises."""
        return self.losses["loss"]

    @property
    def skipped(self) -> bool:
        """Whether the loss or its gradient overflowed, so that nothing moved."""
        return not math.isfinite(self.loss + self.gradient_norm)


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """The averaged weights on the validation set."""

    step: int
    psnr_y: float
    """Mean over the pictures, in dB."""
    best: bool
    """No earlier validation of the run was better."""
    strip: NDArray[np.uint8] | None = field(default=None, compare=False, repr=False)
    """Samples, (H, W, 3): see `sr_cli.train.strip`."""


Report = StepReport | ValidationReport
