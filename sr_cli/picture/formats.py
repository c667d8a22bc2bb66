"""The formats that srup writes: adding one is adding a row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sr_cli.errors import PictureError
from sr_cli.picture.header import Depth


@dataclass(frozen=True, slots=True)
class Format:
    """What one format can hold and how srup asks for it."""

    name: str
    """As Pillow spells it."""

    suffixes: tuple[str, ...]
    """Lower case, with the dot; the first is the usual one."""

    max_side: int | None = None
    """The longest side in pixels, where the format sets one."""

    max_bytes: int | None = None
    """The most that the pixels may take, where the format counts them in bytes."""

    alpha: bool = True
    gray: bool = True
    """Whether one channel can be stored; if not, gray is written as RGB."""

    depth: Depth = 8
    """The most bits that a sample can have."""

    cmyk: bool = False
    icc: bool = True
    exif: bool = True
    xmp: bool = False
    iptc: bool = False
    text: bool = False
    """Whether it has PNG's keywords and texts."""

    dpi: bool = True
    animation: bool = False
    max_exif_bytes: int | None = None

    quality: int | None = None
    """The default, from 1 to 100; None where there is nothing to choose."""

    options: Mapping[str, int | bool] = field(default_factory=dict)
    """What else to tell the encoder."""

    lossless: Mapping[str, int | bool] | None = None
    """Replaces `options` and the quality when a quality of 100 is asked for."""

    encoder: Literal["png", "jpeg", "tiff", "whole"] = "whole"
    """Which of the modules by these names writes it."""

    share: float = 1.0
    """Bytes in the file per byte of pixels, as upscaled photographs have it."""


_LOSSLESS = 1 / 2  # measured: 0.4 to 0.6, and 0.15 for drawings
_LOSSY = 1 / 8  # measured: 0.09 to 0.2 at a quality of 95

# The options were measured on a 2048×2048 photograph; Pillow's own in brackets.
FORMATS = (
    Format(
        name="JPEG",
        suffixes=(".jpg", ".jpeg", ".jpe", ".jfif"),
        max_side=65_500,  # libjpeg's JPEG_MAX_DIMENSION; the format itself: 65 535
        alpha=False,
        max_exif_bytes=65_533,
        quality=95,
        options={"subsampling": 0},  # 4:4:4, or the colour upscaling was in vain
        encoder="jpeg",
        share=_LOSSY,
    ),
    Format(name="PNG", suffixes=(".png",), encoder="png", share=_LOSSLESS),
    Format(
        name="WEBP",
        suffixes=(".webp",),
        max_side=16_383,
        gray=False,
        dpi=False,
        quality=90,
        options={"method": 2},  # 0.27 s and 2 % more bytes (0.61 s with method 4)
        # 1.3 s and as many bytes (4.3 s with method 4 and quality 80, here an
        # effort); `exact` keeps the colours under transparent pixels
        lossless={"lossless": True, "exact": True, "method": 1, "quality": 20},
        share=_LOSSY,
    ),
    Format(name="TIFF", suffixes=(".tif", ".tiff"), encoder="tiff", share=_LOSSLESS),
    Format(
        name="BMP",
        suffixes=(".bmp",),
        max_bytes=2**32 - 2**16,  # of a file whose size has 32 bits; and its header
        alpha=False,
        icc=False,
        exif=False,
    ),
)


def format_named(name: str) -> Format:
    """Find a row by its name or one of its suffixes, in any case: "jpg", ".PNG".

    Raises:
        PictureError: srup writes no such format.
    """
    wanted = name.lower().lstrip(".")
    for row in FORMATS:
        if wanted == row.name.lower() or f".{wanted}" in row.suffixes:
            return row
    message = f"Cannot write {name!r}: srup does not write that format"
    raise PictureError(message, f"Use {_choices()}")


def format_for(path: Path, name: str | None = None) -> Format:
    """Find the row for a file: the one named, otherwise the one its suffix means.

    Raises:
        PictureError: the name is unknown, or there is none and neither has the
            suffix a known meaning.
    """
    if name is not None:
        return format_named(name)
    suffix = path.suffix.lower()
    for row in FORMATS:
        if suffix in row.suffixes:
            return row
    reason = f"{suffix} means no format to srup" if suffix else "it has no suffix"
    message = f"Cannot write {path}: {reason}"
    raise PictureError(message, f"Name the format, or let the name end in {_choices()}")


def check_size(height: int, width: int, format: str, channels: int = 1) -> None:
    """Refuse a size that the format cannot hold, before any work is done.

    Raises:
        PictureError: a side is too long for the format, all pixels together are too
            many, or the format is unknown.
    """
    row = format_named(format)
    padded = height * (width * channels + 3)  # BMP ends rows at multiples of 4 bytes
    if row.max_side is not None and max(height, width) > row.max_side:
        limit = f"a side holds at most {row.max_side}"
    elif row.max_bytes is not None and padded > row.max_bytes:
        limit = f"it holds at most {row.max_bytes // channels // 10**6} million pixels"
    else:
        return
    message = f"Cannot write {width} x {height} pixels as {row.name}: {limit}"
    raise PictureError(message, "Write PNG or TIFF instead")


def _choices() -> str:
    *others, last = (row.suffixes[0] for row in FORMATS)
    return f"{', '.join(others)} or {last}"
