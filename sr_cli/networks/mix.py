"""Between two networks: what both answer, mixed.

Mixing their weights instead would cost half, and ESRGAN does it (Wang et al., 2018,
section 3.4).  But that is a dial only while srgan was made from that very srresnet:
with the bundled pair, on Set5, a quarter of the way has 31.56 and half of it 31.27 dB;
with one whose srresnet had been trained on since, 29.94 and 30.32, and all of it 29.28.
Mixed answers need no kinship: 31.54, 31.15 and 30.55 dB at a quarter, a half and three
quarters, between 31.64 and 29.83.
"""

from dataclasses import dataclass

from sr_cli.errors import ModelError
from sr_cli.networks.fuse import Network


@dataclass(frozen=True, slots=True)
class Mix:
    """Two networks that enlarge alike, and how much of each counts.

    Raises:
        ModelError: their scales differ.
    """

    one: Network
    other: Network
    share: float
    """Of the other, 0 to 1."""

    def __post_init__(self) -> None:
        if self.one.scale != self.other.scale:
            raise ModelError(
                f"A {self.other.scale}x model can't be mixed with a "
                f"{self.one.scale}x one",
                "Leave out --strength, or choose a model of that scale",
            )

    @property
    def scale(self) -> int:
        """How many times larger each side becomes."""
        return self.one.scale

    @property
    def halo(self) -> int:
        """As of a network."""
        return max(self.one.halo, self.other.halo)


def mix(one: Network, other: Network, share: float) -> Network | Mix:
    """Return what answers with `share` of `other` and the rest of `one`.

    Raises:
        ModelError: their scales differ.
    """
    if share == 0:
        return one
    return other if share == 1 else Mix(one, other, share)
