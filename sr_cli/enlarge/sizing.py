"""How large a result becomes."""

from dataclasses import dataclass
from fractions import Fraction
from math import floor

from sr_cli.errors import ConfigError

_LARGEST_FACTOR = 64


@dataclass(frozen=True, slots=True)
class Sizing:
    """What was asked for; with nothing, the network's own scale.

    Raises:
        ConfigError: two wishes contradict each other, or one can't be met.
    """

    scale: Fraction | None = None
    """Times as long, each side."""
    width: int | None = None
    """In pixels; alone, the height follows, and so the other way round."""
    height: int | None = None
    fit: tuple[int, int] | None = None
    """Width and height of a box that the result touches from within."""

    def __post_init__(self) -> None:
        asked = (self.scale, self.fit, self.width or self.height)
        if sum(wish is not None for wish in asked) > 1:
            raise ConfigError(
                "--scale, --fit and --width or --height exclude one another",
                "Give one of them",
            )
        if self.scale is not None and not 0 < self.scale <= _LARGEST_FACTOR:
            raise ConfigError(
                f"A scale of {float(self.scale):g} is out of range",
                f"Choose one above 0, up to {_LARGEST_FACTOR}",
            )

    def of(self, height: int, width: int, network_scale: int) -> tuple[int, int]:
        """Return the height and width of the result; no side is below 1.

        Raises:
            ConfigError: a side would become more than 64 times as long.
        """
        if self.width is not None and self.height is not None:
            found = self.height, self.width
        else:
            factor = self._factor(height, width, network_scale)
            # A side that was named is met exactly, as factor·side is that side.
            found = _rounded(height * factor), _rounded(width * factor)
        if found[0] > _LARGEST_FACTOR * height or found[1] > _LARGEST_FACTOR * width:
            raise ConfigError(
                f"{width} x {height} pixels would become {found[1]} x {found[0]}, "
                f"more than {_LARGEST_FACTOR} times as long",
                "Choose a smaller size",
            )
        return found

    def _factor(self, height: int, width: int, network_scale: int) -> Fraction:
        if self.fit is not None:
            return min(Fraction(self.fit[0], width), Fraction(self.fit[1], height))
        if self.width is not None:
            return Fraction(self.width, width)
        if self.height is not None:
            return Fraction(self.height, height)
        return Fraction(network_scale) if self.scale is None else self.scale


def _rounded(side: Fraction) -> int:
    return max(1, floor(side + Fraction(1, 2)))


def passes(low: tuple[int, int], high: tuple[int, int], network_scale: int) -> int:
    """How many times the network must run to reach at least `high` from `low`."""
    count, reached = 0, 1
    while reached * low[0] < high[0] or reached * low[1] < high[1]:
        reached *= network_scale
        count += 1
    return count
