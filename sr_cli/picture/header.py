"""What is known of a picture before its pixels are."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Header:
    """The facts of an upright 8-bit picture; those it shares mean as in `Picture`."""

    height: int
    """Rows of pixels."""

    width: int
    """Columns of pixels."""

    channels: int
    """1 for gray, 3 for RGB."""

    alpha: bool = False
    """Whether one more sample per pixel says how opaque it is."""

    icc: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    @property
    def samples(self) -> int:
        """Bytes per pixel: the channels and, if there is one, alpha."""
        return self.channels + self.alpha
