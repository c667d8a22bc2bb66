"""What an animation is made of."""

from collections.abc import Iterator
from dataclasses import dataclass

from sr_cli.picture.header import Header
from sr_cli.picture.picture import Picture


@dataclass(frozen=True, slots=True)
class Frame:
    """What is seen at one moment."""

    picture: Picture
    """The whole canvas as it shows, whatever the file stores: 8-bit RGB, with alpha
    if any frame of the animation lets something through."""

    milliseconds: float
    """How long it shows, as the file says, 0 and 10 included, of which most viewers
    make 100."""


@dataclass(frozen=True, slots=True)
class Animation:
    """Frames one after the other, all of the same size."""

    header: Header
    """Of every frame."""

    frames: Iterator[Frame]
    """Can be gone through once.  Those of a file are decoded when they are asked for,
    and raise `PictureError` where it turns out to be damaged."""

    count: int
    """How many frames there are: at least 1, and of a file at least 2."""

    loop: int
    """How many times all is played, the first time included; 0 is for ever."""
