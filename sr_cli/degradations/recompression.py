"""What JPEG files lose."""

from dataclasses import dataclass

import numpy as np

from sr_cli import picture
from sr_cli.degradations.steps import Floats, Size
from sr_cli.degrade import to_uint8


@dataclass(frozen=True, slots=True)
class Jpeg:
    """Save as JPEG of a random quality, and read it again."""

    quality: tuple[int, int]
    """Least and largest, from 1 to 100."""

    def __call__(
        self, image: Floats, random: np.random.Generator, _low: Size
    ) -> Floats:
        """Return (H, W, 3) in whole numbers."""
        quality = int(random.integers(*self.quality, endpoint=True))
        return picture.recompress(to_uint8(image), quality).astype(np.float32)
