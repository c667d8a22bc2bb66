"""The one value that flows from a decoded file to an encoded one."""

from dataclasses import dataclass

import numpy as np

from sr_cli.picture.header import Depth, Header, Samples

_TYPES = (np.dtype(np.uint8), np.dtype(np.uint16))


# Arrays have no single truth value, so a generated __eq__ could only raise.
@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An upright picture and the facts that travel with it.

    Raises:
        ValueError: the arrays break the shapes or types stated below.
    """

    pixels: Samples
    """(H, W, C) from 0 to the type's largest value; C is 1 for gray, 3 for RGB, 4 for
    CMYK, where 0 is no ink.  May be read-only."""

    alpha: Samples | None = None
    """(H, W) of the same type, 0 transparent to opaque; never premultiplied into the
    pixels, and never with CMYK."""

    icc: bytes | None = None
    """The colour profile that the pixels are in, exactly as found in the file."""

    exif: bytes | None = None
    """EXIF that starts with `Exif\\0\\0`: upright; a thumbnail in it is made anew when
    it is written."""

    xmp: bytes | None = None
    """The XMP packet, RDF in UTF-8, exactly as found; what it says of orientation and
    size is put right when it is written."""

    iptc: bytes | None = None
    """IPTC records (IIM): 0x1c, record, dataset, length, value, and so on."""

    text: tuple[tuple[str, str], ...] = ()
    """PNG's keywords and texts, in the file's order; XMP is not among them."""

    dpi: tuple[float, float] | None = None
    """Horizontal and vertical dots per inch, both above 0."""

    notes: tuple[str, ...] = ()
    """What reading had to change: sentences without a full stop, for the user."""

    def __post_init__(self) -> None:
        shape, kind = self.pixels.shape, self.pixels.dtype
        if kind not in _TYPES or len(shape) != 3 or shape[2] not in (1, 3, 4):
            msg = f"pixels must be uint8 or uint16 (H, W, 1, 3 or 4): {kind} {shape}"
            raise ValueError(msg)
        alpha = self.alpha
        if alpha is None:
            return
        if alpha.dtype != kind or alpha.shape != shape[:2] or shape[2] == 4:
            msg = f"alpha must be {kind} {shape[:2]}, without CMYK: "
            msg += f"{alpha.dtype} {alpha.shape}"
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
        depth: Depth = 8 if self.pixels.dtype == np.uint8 else 16
        return Header(
            height=self.height,
            width=self.width,
            channels=int(self.pixels.shape[2]),
            alpha=self.alpha is not None,
            depth=depth,
            icc=self.icc,
            exif=self.exif,
            xmp=self.xmp,
            iptc=self.iptc,
            text=self.text,
            dpi=self.dpi,
            notes=self.notes,
        )
