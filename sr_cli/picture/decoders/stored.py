"""A picture as its file stores it."""

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeAlias

from sr_cli.picture.decoders import exif
from sr_cli.picture.header import Depth, Header, Samples

Decoding: TypeAlias = Generator[Samples, None, None]
"""Rows (n, W, samples) from the top, any number at a time."""

Bands: TypeAlias = Callable[[], Decoding]

_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=[\"']|>)([1-8])")
_DPI_LIMIT = 2**16  # JPEG has 16 bits for it


@dataclass(frozen=True, slots=True)
class Stored:
    """A picture before it is turned upright."""

    header: Header
    """Its height and width are those of the stored pixels."""

    bands: Bands
    """Decodes the pixels; may be called again."""

    orientation: int = 1
    """How the pixels lie, as EXIF counts: 1 to 8."""

    lean_bands: Bands | None = None
    """As `bands`, holding only a few rows at a time."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file says about its picture, pixels aside; as in `Header`."""

    orientation: int = 1
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    text: tuple[tuple[str, str], ...] = ()
    dpi: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    def header(
        self, height: int, width: int, channels: int, *, alpha: bool, depth: Depth
    ) -> Header:
        """Join the facts with the shape of the pixels."""
        return Header(
            height=height,
            width=width,
            channels=channels,
            alpha=alpha,
            depth=depth,
            icc=self.icc,
            exif=self.exif,
            xmp=self.xmp,
            iptc=self.iptc,
            text=self.text,
            dpi=self.dpi,
            notes=self.notes,
        )


def gathered(
    facts: Facts,
    exif_block: bytes | None = None,
    *,
    upright: bool = False,
    ask_xmp: bool = True,
) -> Facts:
    """Complete what a file's own parts say by what its EXIF says.

    Args:
        facts: without EXIF and orientation.  Its resolution counts, if it makes sense.
        exif_block: EXIF as found, with or without `Exif\\0\\0`.
        upright: whether the decoder turns the pixels, whatever EXIF says.
        ask_xmp: whether XMP tells the orientation where EXIF is silent.
    """
    found = exif.upright(exif_block) if exif_block else exif.NOTHING
    orientation = found.orientation or (_xmp_orientation(facts.xmp) if ask_xmp else 1)
    return Facts(
        orientation=1 if upright else orientation,
        icc=facts.icc or None,
        exif=found.block,
        xmp=facts.xmp or None,
        iptc=facts.iptc or None,
        text=facts.text,
        dpi=sensible_dpi(facts.dpi) or sensible_dpi(found.dpi),
        notes=facts.notes + found.notes,
    )


def sensible_dpi(dpi: tuple[float, float] | None) -> tuple[float, float] | None:
    """Round dots per inch across and down; None for what can't be meant, or nan."""
    if dpi is None:
        return None
    # PNG counts per metre: 150 dpi come back as 150.0124.
    across, down = (round(float(value), 1) for value in dpi)
    if 0 < across < _DPI_LIMIT and 0 < down < _DPI_LIMIT:
        return across, down
    return None


def _xmp_orientation(xmp: bytes | None) -> int:
    said = _XMP_ORIENTATION.search(xmp or b"")
    return int(said[1]) if said else 1
