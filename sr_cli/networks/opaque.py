"""A network that only its own program can run: what srup must know of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

_UNKNOWN_REACH = 2**24
"""Input pixels.  Attention may look at all of a picture, so the only windows that
surely give the numbers of the untiled result (`--exact`) are the whole picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Opaque:
    """A network of torch's, with what its author says of it."""

    kind: str
    """Its architecture, such as `ESRGAN`."""
    scale: int
    """How many times larger each side becomes; 1 for one that only restores."""
    channels: Literal[1, 3]
    """In and out: luma or one colour at a time, or RGB."""
    has_float16: bool
    has_bfloat16: bool
    sees_afar: bool
    """Tiles change its results more than others'."""
    grid: int
    """Pixels; windows of a picture begin at multiples of it."""
    load: Callable[[Any, Any], Callable[[Any], Any]]
    """Of a torch device and dtype: a copy there, which takes (1, channels, h, w) in
    [0, 1] of any size, and gives (1, channels, scale·h, scale·w)."""

    @property
    def halo(self) -> int:
        """How many input pixels around a place may change its output."""
        return _UNKNOWN_REACH
