"""The one value that flows from a decoded file to an encoded one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sr_cli.picture.header import Header


# Arrays have no single truth value, so a generated __eq__ could only raise.
@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An upright 8-bit picture and the facts that travel with it.

    Raises:
        ValueError: the arrays break the shapes or types stated below.
    """

    pixels: NDArray[np.uint8]
    """(H, W, C) in [0, 255]; C is 1 for gray, 3 for RGB.  May be read-only."""

    alpha: NDArray[np.uint8] | None = None
    """(H, W), 0 transparent to 255 opaque; never premultiplied into the pixels."""

    icc: bytes | None = None
    """The colour profile that the pixels are in, exactly as found in the file."""

    exif: bytes | None = None
    """EXIF that starts with `Exif\\0\\0`: upright, without a thumbnail."""

    dpi: tuple[float, float] | None = None
    """Horizontal and vertical dots per inch, both above 0."""

    notes: tuple[str, ...] = ()
    """What reading had to change: sentences without a full stop, for the user."""

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if self.pixels.dtype != np.uint8 or len(shape) != 3 or shape[2] not in (1, 3):
            msg = f"pixels must be uint8 (H, W, 1 or 3): {self.pixels.dtype} {shape}"
            raise ValueError(msg)
        alpha = self.alpha
        if alpha is not None and (alpha.dtype != np.uint8 or alpha.shape != shape[:2]):
            msg = f"alpha must be uint8 {shape[:2]}: {alpha.dtype} {alpha.shape}"
            raise ValueError(msg)

    @property
    def height(self) -> int:
        """Rows of pixels."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns of pixels."""
        return int(self.pixels.shape[1])

    @property
    def header(self) -> Header:
        """Everything but the pixels."""
        return Header(
            height=self.height,
            width=self.width,
            channels=int(self.pixels.shape[2]),
            alpha=self.alpha is not None,
            icc=self.icc,
            exif=self.exif,
            dpi=self.dpi,
            notes=self.notes,
        )
