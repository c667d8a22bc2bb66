"""The formats that srup writes: adding one is adding a row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Literal

from sr_cli.errors import PictureError
from sr_cli.picture.header import Depth

Option = int | bool | str


@dataclass(frozen=True, slots=True)
class Format:
    """What one format can hold and how srup asks for it."""

    name: str
    """As Pillow spells it, where Pillow writes it."""

    suffixes: tuple[str, ...]
    """Lower case, with the dot; the first is the usual one."""

    max_side: int | None = None
    """The longest side in pixels, where the format sets one."""

    max_pixels: int | None = None
    """The most pixels, where those that read it set a limit."""

    max_bytes: int | None = None
    """The most that the pixels may take, where the format counts them in bytes."""

    alpha: bool = True
    soft_alpha: bool = True
    """Whether a pixel can be half transparent."""

    gray: bool = True
    """Whether one channel can be stored; if not, gray is written as RGB."""

    gray_alpha: bool = True
    """Whether it can with transparency."""

    depth: Depth = 8
    """The most bits of a sample that the encoder takes."""

    bits: int | None = None
    """How many of 16 it keeps, if not all."""

    colours: int | None = None
    """The most different ones, if they are counted."""

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
    max_iptc_bytes: int | None = None
    max_icc_bytes: int | None = None
    max_xmp_bytes: int | None = None
    """Of what is found at once; the rest goes elsewhere."""

    quality: int | None = None
    """The default, from 1 to 100; None where there is nothing to choose."""

    options: Mapping[str, Option] = field(default_factory=dict)
    """What else to tell the encoder."""

    lossless: Mapping[str, Option] | None = None
    """Replaces `options` and the quality when a quality of 100 is asked for."""

    encoder: Literal[
        "png", "jpeg", "tiff", "netpbm", "pillow", "gif", "jpeg2000", "jpegxl", "heic"
    ] = "pillow"
    """Which of the modules by these names writes it."""

    module: str | None = None
    """What has to be installed for it, beyond what always is."""

    share: float = 1.0
    """Bytes in the file per byte of pixels, as upscaled photographs have it."""

    def holds_gray(self, *, alpha: bool) -> bool:
        """Tell whether one channel can be stored, with transparency or without."""
        return self.gray and (self.gray_alpha or not alpha)


_LOSSLESS = 1 / 2  # measured: 0.4 to 0.6, and 0.15 for drawings
_LOSSY = 1 / 8  # measured: 0.09 to 0.2 at a quality of 95
_MODERN = 1 / 16  # measured: 0.05 to 0.09

# The options of JPEG, WebP and TIFF were measured on a photograph of 2048 × 2048; of
# the others on two of 1920 × 1920, on two cores.  Libraries' own in brackets.
FORMATS = (
    Format(
        name="JPEG",
        suffixes=(".jpg", ".jpeg", ".jpe", ".jfif"),
        max_side=65_500,  # libjpeg's JPEG_MAX_DIMENSION; the format itself: 65 535
        alpha=False,
        cmyk=True,
        xmp=True,
        iptc=True,
        # A segment has a length of 16 bits, which counts itself.
        max_exif_bytes=65_533,
        max_iptc_bytes=65_533 - 27,  # of Photoshop's names around it
        max_icc_bytes=255 * (65_533 - 14),
        max_xmp_bytes=65_533 - 29,
        quality=95,
        options={"subsampling": 0},  # 4:4:4, or the colour upscaling was in vain
        encoder="jpeg",
        share=_LOSSY,
    ),
    Format(
        name="PNG",
        suffixes=(".png",),
        depth=16,
        xmp=True,
        iptc=True,
        text=True,
        animation=True,
        encoder="png",
        share=_LOSSLESS,
    ),
    Format(
        name="WEBP",
        suffixes=(".webp",),
        max_side=16_383,
        gray=False,
        xmp=True,
        dpi=False,
        animation=True,
        quality=90,
        options={"method": 2},  # 0.27 s and 2 % more bytes (0.61 s with method 4)
        # 1.3 s and as many bytes (4.3 s with method 4 and quality 80, here an
        # effort); `exact` keeps the colours under transparent pixels
        lossless={"lossless": True, "exact": True, "method": 1, "quality": 20},
        share=_LOSSY,
    ),
    Format(
        name="TIFF",
        suffixes=(".tif", ".tiff"),
        depth=16,
        cmyk=True,
        xmp=True,
        iptc=True,
        encoder="tiff",
        share=_LOSSLESS,
    ),
    Format(
        name="AVIF",
        suffixes=(".avif",),
        # libavif's own limits when it decodes
        max_side=32_768,
        max_pixels=16_384**2,
        gray_alpha=False,
        xmp=True,
        dpi=False,
        quality=85,  # 40 dB, between WebP at 90 and JPEG at 95 (75: 39 dB)
        # 1.0 s and 2 % more bytes (4.5 s with speed 6); 4:4:4 as for JPEG
        options={"speed": 9, "subsampling": "4:4:4"},
        share=_MODERN,
    ),
    Format(
        name="HEIC",
        suffixes=(".heic", ".heif"),
        max_side=16_384,  # HEVC, A.4.1: level 6.2 has 16 888
        gray_alpha=False,
        depth=16,
        bits=10,  # what hardware decodes, too
        xmp=True,
        dpi=False,
        quality=60,  # 41 dB, as JPEG at 95 (50: 39 dB)
        # 1.6 s, and no worse for its bytes than the next three (8 s with `medium`)
        options={"preset": "ultrafast"},
        encoder="heic",
        module="pillow_heif",
        share=_MODERN,
    ),
    Format(
        name="JXL",
        suffixes=(".jxl",),
        gray=False,
        depth=16,
        xmp=True,
        dpi=False,
        quality=90,  # 39 dB in as many bytes as WebP at 90
        options={"effort": 3},  # 0.4 s (3.9 s with effort 7, for 5 % fewer bytes)
        # 0.6 s (2.4 s with effort 4, for 6 % fewer bytes)
        lossless={"effort": 2, "quality": 100},
        encoder="jpegxl",
        share=_MODERN,
    ),
    Format(
        name="JPEG2000",
        suffixes=(".jp2", ".j2k", ".jpx"),
        depth=16,
        xmp=True,
        iptc=True,
        encoder="jpeg2000",
        share=_LOSSLESS,
    ),
    Format(
        name="GIF",
        suffixes=(".gif",),
        max_side=2**16 - 1,
        soft_alpha=False,
        gray=False,
        colours=256,
        icc=False,
        exif=False,
        xmp=True,
        dpi=False,
        animation=True,
        encoder="gif",
        share=1 / 4,
    ),
    Format(
        name="BMP",
        suffixes=(".bmp",),
        max_bytes=2**32 - 2**16,  # of a file whose size has 32 bits; and its header
        alpha=False,
        icc=False,
        exif=False,
    ),
    Format(
        name="PPM",
        suffixes=(".ppm", ".pgm", ".pnm"),
        alpha=False,
        depth=16,
        icc=False,
        exif=False,
        dpi=False,
        encoder="netpbm",
    ),
    Format(
        name="TGA",
        suffixes=(".tga",),
        max_side=2**16 - 1,
        icc=False,
        exif=False,
        dpi=False,
    ),
    Format(
        name="ICO",
        suffixes=(".ico",),
        max_side=256,
        gray=False,
        icc=False,
        exif=False,
        dpi=False,
        share=_LOSSLESS,
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


def check_installed(row: Format) -> None:
    """Refuse a format whose encoder is an extra that is not installed.

    Raises:
        PictureError: naming what to install.
    """
    if row.module is None:
        return
    try:
        import_module(row.module)
    except ImportError as error:
        package = row.module.replace("_", "-")
        message = f"Cannot write {row.name}: {package} is not installed"
        hint = f"Install it with: pip install 'srup[{row.name.lower()}]'"
        raise PictureError(message, hint) from error


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
    elif row.max_pixels is not None and height * width > row.max_pixels:
        limit = f"it holds at most {row.max_pixels // 10**6} million pixels"
    elif row.max_bytes is not None and padded > row.max_bytes:
        limit = f"it holds at most {row.max_bytes // channels // 10**6} million pixels"
    else:
        return
    message = f"Cannot write {width} x {height} pixels as {row.name}: {limit}"
    raise PictureError(message, "Write PNG or TIFF instead")


def _choices() -> str:
    *others, last = (row.suffixes[0] for row in FORMATS)
    return f"{', '.join(others)} or {last}"
