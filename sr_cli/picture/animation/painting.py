"""Parts of frames ─▶ indices into a palette that is kept as long as it serves."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sr_cli.picture.animation.quantising import (
    Colours,
    Indices,
    Palette,
    dithered,
    error,
    exact,
    fitted,
    located,
)

Places = NDArray[np.bool_]
"""(H, W)."""

_MOST = 256
_WORSE, _WORSE_IF_KEPT = 1.2, 2.0
"""How many times its first error a palette may have before another one is made; and if
that would change the look of what did not change."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A rectangle to be drawn over what is there."""

    colours: NDArray[np.uint8]
    """(H, W, 3): what to draw."""

    needed: Places
    """Where it has to be drawn."""

    opaque: bool
    """Whether it may be drawn everywhere."""

    spare: bool
    """Whether an index must be left that draws nothing, even if all is drawn."""

    before: NDArray[np.uint8]
    """(H, W, 3): what was drawn last at each place."""

    unchanged: Places
    """Where that was drawn for the same colour."""


class Painter:
    """Draws one part after the other.

    A palette of its own for each would show their every pixel in a slightly different
    colour.  This keeps the last one while its colours are close enough, and draws
    those that did not change as they were drawn before.
    """

    def __init__(self) -> None:
        self.palette = Palette(np.zeros((1, 3), np.uint8))
        """Of the part drawn last."""

    def paint(self, part: Part) -> Indices:
        """Draw a part, without loss if 256 colours suffice, and change the palette.

        Returns:
            (H, W); the index behind the palette's last one draws nothing.
        """
        found = self._without_loss(part, part.needed)
        if found is None and part.opaque and not part.spare:
            # Nothing is left out, which gives one more colour.
            found = self._without_loss(part, np.ones_like(part.needed))
        return self._closely(part) if found is None else found

    def _without_loss(self, part: Part, places: Places) -> Indices | None:
        colours = _at(places, part.colours)
        most = _MOST - (part.spare or not places.all())
        palette = exact(colours, most, at_hand=self.palette)
        if palette is None:
            return None
        self.palette = palette
        indices, _ = located(colours, palette.colours)
        return self._laid_out(places, indices)

    def _closely(self, part: Part) -> Indices:
        most = _MOST - 1
        kept, before = self._kept(part)
        new = part.needed & ~kept
        bound = self.palette.error * (_WORSE_IF_KEPT if kept.any() else _WORSE)
        at_hand = self.palette.colours
        if len(at_hand) > most or error(_at(new, part.colours), at_hand) > bound:
            self.palette = fitted(_at(part.needed, part.colours), most)
            kept, before = self._kept(part)
        palette = self.palette.colours
        # What isn't drawn shall not spread its error to what is.
        filled = np.where(part.needed[:, :, None], part.colours, palette[0])
        indices = dithered(filled, palette)
        indices[kept] = before
        return self._laid_out(part.needed, indices[part.needed])

    def _kept(self, part: Part) -> tuple[Places, Indices]:
        """Find what can be drawn again as it was: where, and (n,) indices."""
        places = part.needed & part.unchanged
        indices, there = located(part.before[places], self.palette.colours)
        places[places] = there
        return places, indices[there]

    def _laid_out(self, places: Places, indices: Indices) -> Indices:
        """Put indices, (n,), in their places, and elsewhere what draws nothing."""
        nothing = min(len(self.palette.colours), _MOST - 1)
        whole = np.full(places.shape, nothing, np.uint8)
        whole[places] = indices
        return whole


def _at(places: Places, colours: NDArray[np.uint8]) -> Colours:
    return colours.reshape(-1, 3) if places.all() else colours[places]
