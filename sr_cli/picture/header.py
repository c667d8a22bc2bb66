"""What is known of a picture before its pixels are."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sr_cli.picture.provenance import Provenance

Depth = Literal[8, 16]
"""Bits per sample."""

Samples = NDArray[Any]
"""Pixels as files store them: uint8 or uint16, 0 being black."""


@dataclass(frozen=True, slots=True)
class Header:
    """The facts of an upright picture; those it shares mean as in `Picture`."""

    height: int
    """Rows of pixels."""

    width: int
    """Columns of pixels."""

    channels: int
    """1 for gray, 3 for RGB, 4 for CMYK."""

    alpha: bool = False
    """Whether one more sample per pixel says how opaque it is; never with CMYK."""

    depth: Depth = 8
    """How many bits each sample has."""

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    text: tuple[tuple[str, str], ...] = ()
    dpi: tuple[float, float] | None = None
    provenance: Provenance | None = None
    """What made the pixels, to be written into the file; a file that was read says it
    in its XMP."""

    notes: tuple[str, ...] = ()

    @property
    def samples(self) -> int:
        """Samples per pixel: the channels and, if there is one, alpha."""
        return self.channels + self.alpha

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of a sample in memory."""
        return np.dtype(f"uint{self.depth}")

    @property
    def white(self) -> int:
        """The largest sample: 255 or 65,535."""
        return 255 if self.depth == 8 else 65_535

    @property
    def row_bytes(self) -> int:
        """Bytes of a row in memory."""
        return self.width * self.samples * self.depth // 8
