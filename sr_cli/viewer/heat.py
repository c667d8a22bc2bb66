"""An invention ─▶ a heat map with its legend and its number."""

import numpy as np
from numpy.typing import NDArray

from sr_cli.picture import Picture
from sr_cli.viewer.invention import Invention
from sr_cli.viewer.lettering import HEIGHT, lettered

MOST = 32
"""Levels that the last colour stands for, and all above: the same in every map, so
that maps can be compared.  Between srresnet and srgan, 99 % of the pixels of each
picture of Set14 stay below it."""

# Dark to light, so that it also tells in gray and to people who see few colours.
_STOPS = np.array(
    [
        *((0, 0, 4), (66, 10, 104), (147, 38, 103)),
        *((221, 81, 58), (252, 165, 10), (252, 255, 164)),
    ]
)
_MARGIN = 3
_LEAST_WIDTH = 124
"""What the legend takes at size 1, with a number up to 255.00."""


def coloured(values: NDArray[np.floating], most: float) -> NDArray[np.uint8]:
    """Colour (H, W) from 0 to `most`: (H, W, 3)."""
    ramp = np.linspace(0, len(_STOPS) - 1, 256)
    at = np.arange(len(_STOPS))
    table = np.stack([np.interp(ramp, at, _STOPS[:, c]) for c in range(3)], axis=1)
    index = np.clip(np.rint(values / most * 255), 0, 255).astype(np.uint8)
    colours: NDArray[np.uint8] = np.rint(table).astype(np.uint8)[index]
    return colours


def heat_map(found: Invention) -> Picture:
    """Draw the map, as large as the results, and below it a legend.

    A map that is too narrow for the legend gets a black margin.
    """
    height, width = found.map.shape
    wide = max(width, _LEAST_WIDTH)
    size = max(1, wide // 250)
    margin = _MARGIN * size
    row = HEIGHT * size
    drawn = np.zeros((height + 4 * margin + 3 * row, wide, 3), np.uint8)
    drawn[:height, :width] = coloured(found.map, MOST)
    top = height + margin
    _write(drawn, f"invented {found.mean:.2f} of 255 levels", top, margin, size)
    ramp = np.linspace(0, MOST, min(wide - 2 * margin, 220 * size))
    top += row + margin
    drawn[top : top + row, margin : margin + len(ramp)] = coloured(ramp[None], MOST)
    top += row + margin
    for share, text in ((0.0, "0"), (0.5, f"{MOST // 2}"), (1.0, f"{MOST}+")):
        wanted = lettered(text, size).shape[1]
        left = margin + round(share * (len(ramp) - wanted))
        _write(drawn, text, top, left, size)
    return Picture(drawn)


def _write(
    pixels: NDArray[np.uint8], text: str, top: int, left: int, size: int
) -> None:
    inked = lettered(text, size)
    height, width = inked.shape
    pixels[top : top + height, left : left + width][inked] = 255
