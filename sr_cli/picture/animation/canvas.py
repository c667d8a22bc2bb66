"""Patches ─▶ what is seen: blending and disposal, as APNG and GIF define them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr_cli.picture.picture import Picture
from sr_cli.picture.reading import read_bytes

Pixels = NDArray[np.uint8]
"""(H, W, 4): red, green, blue and alpha."""

_Box = tuple[slice, slice]
"""Rows and columns."""


class Disposal(Enum):
    """What becomes of a patch before the next one is drawn."""

    KEEP = auto()
    CLEAR = auto()
    """Its place becomes transparent, as browsers do it: GIF's background colour shows
    in no viewer of today."""
    RESTORE = auto()
    """Its place becomes what it was before."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A frame as files store it: a rectangle that changes."""

    still: bytes
    """A picture file of this frame alone; empty if it has no pixels."""

    top: int
    left: int
    over: bool
    """Whether what is below shows through its alpha; if not, it takes the place."""

    disposal: Disposal
    milliseconds: float


class Canvas:
    """What shows at one moment; transparent at first."""

    def __init__(self, height: int, width: int) -> None:
        self.pixels: Pixels = np.zeros((height, width, 4), np.uint8)
        self._see_through = height * width

    @property
    def opaque(self) -> bool:
        """Whether nothing shows through anywhere."""
        return not self._see_through

    def put(self, box: _Box, pixels: Pixels | int) -> None:
        """Replace a part, in time that depends on that part alone."""
        area = self.pixels[box]
        self._see_through -= _see_through(area)
        area[:] = pixels
        self._see_through += _see_through(area)


def shown(
    patches: Iterable[Patch], height: int, width: int, name: str
) -> Iterator[tuple[Canvas, Patch]]:
    """Draw one patch after the other; the canvas is always the same one.

    Args:
        patches: in the order in which they show; what of them lies outside the
            canvas is cut off.
        height: of the canvas.
        width: of the canvas.
        name: of the file, for messages.

    Raises:
        PictureError: a patch is damaged.
    """
    canvas = Canvas(height, width)
    for patch in patches:
        if not patch.still:
            yield canvas, patch
            continue
        pixels = _rgba(read_bytes(patch.still, name))
        rows, columns, _ = pixels.shape
        box = (
            slice(patch.top, patch.top + rows),
            slice(patch.left, patch.left + columns),
        )
        area = canvas.pixels[box]
        before = area.copy() if patch.disposal is Disposal.RESTORE else 0
        pixels = pixels[: area.shape[0], : area.shape[1]]
        canvas.put(box, over(area, pixels) if patch.over else pixels)
        yield canvas, patch
        if patch.disposal is not Disposal.KEEP:
            canvas.put(box, before)


def over(below: Pixels, above: Pixels) -> Pixels:
    """Return what is seen of one picture through another; colours not premultiplied."""
    result = np.where(above[:, :, 3:] > 0, above, below)
    mixed = (above[:, :, 3] > 0) & (above[:, :, 3] < 255) & (below[:, :, 3] > 0)
    if mixed.any():
        result[mixed] = _mixed(below[mixed], above[mixed])
    return result


def _mixed(below: NDArray[np.uint8], above: NDArray[np.uint8]) -> NDArray[np.uint32]:
    # The shares are 255 times what each contributes to the result's alpha.
    alpha = above[:, 3:].astype(np.uint32)
    share_above, share_below = alpha * 255, (255 - alpha) * below[:, 3:]
    total = share_above + share_below
    colours = above[:, :3] * share_above + below[:, :3] * share_below
    colours = (colours + total // 2) // total
    return np.concatenate([colours, (total + 127) // 255], axis=1)


def _see_through(area: Pixels) -> int:
    return int(np.count_nonzero(area[:, :, 3] < 255))


def _rgba(picture: Picture) -> Pixels:
    pixels = np.empty((picture.height, picture.width, 4), np.uint8)
    pixels[:, :, :3] = _bytes(picture.pixels)
    pixels[:, :, 3] = 255 if picture.alpha is None else _bytes(picture.alpha)
    return pixels


def _bytes(samples: NDArray[Any]) -> NDArray[np.uint8]:
    if samples.dtype == np.uint8:
        return samples
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
