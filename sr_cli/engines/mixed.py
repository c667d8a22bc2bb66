"""Two engines that answer as one."""

from sr_cli.engines import Batch, Engine, Levels, Precision
from sr_cli.engines.levels import through_floats


class MixedEngine:
    """Runs two networks on the same picture and mixes their answers, in floats.

    Args:
        one, other: on the same device.
        share: of the other, 0 to 1.
    """

    calls_at_once = 1

    def __init__(self, one: Engine, other: Engine, share: float) -> None:
        self.name, self.device = one.name, one.device
        exact = {one.precision, other.precision} == {"float32"}
        less = one if one.precision != "float32" else other
        self.precision: Precision = "float32" if exact else less.precision
        self.window_pixels = min(one.window_pixels, other.window_pixels)
        self._one, self._other, self._share = one, other, share

    def __call__(self, batch: Batch) -> Batch:
        """Upscale (N, 3, h, w) in [0, 1]."""
        result, other = self._one(batch), self._other(batch)
        other -= result
        other *= self._share
        result += other
        return result

    def levels(
        self,
        pixels: Levels,
        _at_once: int = 1,  # one call has the device to itself
        /,
    ) -> Levels:
        """Upscale (h, w, 3)."""
        return through_floats(self, pixels)
