"""An animation in a file, as the reader of its format found it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sr_cli.picture.animation.canvas import Patch, shown
from sr_cli.picture.limits import patient_pillow

Moment = tuple[NDArray[np.uint8], float]
"""What shows, (H, W, 3 or 4) until the next moment; and for how many milliseconds."""


class Film(Protocol):
    """Frames that can be decoded."""

    @property
    def height(self) -> int:
        """Rows of the canvas."""

    @property
    def width(self) -> int:
        """Columns of the canvas."""

    @property
    def count(self) -> int:
        """How many frames there are."""

    @property
    def loop(self) -> int:
        """As in `Animation`."""

    @property
    def xmp(self) -> bytes | None:
        """The XMP packet, where the reader of stills doesn't look for one."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is odd about the file: sentences without a full stop."""

    def alpha(self) -> bool:
        """Say whether any frame lets something through.

        Decodes everything once, so that damage is found before any work is done.

        Raises:
            Exception: the file is damaged.
        """

    def moments(self) -> Iterator[Moment]:
        """Decode one frame after the other; with an alpha channel if there is one.

        Raises:
            Exception: the file is damaged.
        """


@dataclass(frozen=True, slots=True)
class Patches:
    """A film of patches, each drawn over what the ones before have left.

    Pillow would do that too, but blends half-transparent patches of an APNG wrongly,
    lets a GIF's disposal last beyond its frame, and fills with its background colour.
    """

    name: str
    """Of the file, for messages."""
    height: int
    width: int
    count: int
    loop: int
    each: Callable[[], Iterator[Patch]]
    notes: tuple[str, ...] = ()
    xmp: bytes | None = None

    def alpha(self) -> bool:
        """Decode everything once, as `Film.alpha`."""
        opaque = True
        for canvas, _ in shown(self.each(), self.height, self.width, self.name):
            opaque &= canvas.opaque
        return not opaque

    def moments(self) -> Iterator[Moment]:
        """Decode one frame after the other, as `Film.moments`."""
        for canvas, patch in shown(self.each(), self.height, self.width, self.name):
            yield canvas.pixels, patch.milliseconds


class WholeFrames:
    """A film whose frames Pillow gives whole.

    Args:
        im: just opened.
    """

    notes = ()
    xmp = None

    def __init__(self, im: Image.Image) -> None:
        self._im = im
        self._mode = "RGBA" if im.has_transparency_data else "RGB"
        self.height, self.width = im.height, im.width
        self.count: int = getattr(im, "n_frames", 1)
        self.loop: int = im.info.get("loop", 0)

    def alpha(self) -> bool:
        """Decode everything once, as `Film.alpha`."""
        opaque = True
        for pixels, _ in self.moments():
            opaque &= bool(pixels[:, :, 3:].min(initial=255) == 255)
        return not opaque

    def moments(self) -> Iterator[Moment]:
        """Decode one frame after the other, as `Film.moments`."""
        for index in range(self.count):
            with patient_pillow():
                self._im.seek(index)
                pixels: NDArray[np.uint8] = np.asarray(self._im.convert(self._mode))
                milliseconds = float(self._im.info["duration"])
            yield pixels, milliseconds
