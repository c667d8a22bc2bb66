"""What Pillow decodes: everything of 8 bits that has no module of its own here."""

from dataclasses import replace
from io import BytesIO
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile

from sr_cli.picture import refusals
from sr_cli.picture.decoders import photoshop
from sr_cli.picture.decoders.pages import first_note, index_of
from sr_cli.picture.decoders.stored import Decoding, Facts, Stored, gathered
from sr_cli.picture.limits import check_bomb, check_pixels, patient_pillow

# Their loaders start Ghostscript or ask the system to draw.
_DRAWINGS = frozenset({"EPS", "WMF"})

# A photo's gain map or preview, a layered picture's layers: nothing was lost.
_FRAMES_WITHIN = frozenset({"MPO", "PSD"})

_COST = 8  # bytes per pixel: the image and the array made of it

# Their modes are known once they are decoded.
_KNOWN_LATE = frozenset({"ICNS"})

_GRAY = frozenset({"1", "L", "LA", "La"})

_SGI_BYTES = 3
"""Where an SGI file says how many bytes a sample has."""

_SRGB_NOTE = "LAB colours were converted to sRGB"


def open_stored(
    stream: IO[bytes], page: int | None, formats: tuple[str, ...] | None = None
) -> Stored:
    """Read what Pillow tells of a file.

    Args:
        stream: the file.
        page: as in `read`.
        formats: those to try, as Pillow names them; None tries all.

    Raises:
        UnfitError: it is no picture of pixels, too large, or lacks the page.
        UnidentifiedImageError: it is of none of these formats.
        Exception: whatever Pillow trips over in damaged data.
    """
    stream.seek(0)
    with patient_pillow():
        im = Image.open(stream, formats=formats)
        if im.format in _DRAWINGS:
            raise refusals.drawing(im.format)
        check_pixels(im.height, im.width)
        check_bomb(im.height, im.width, stream, _COST)
        _refuse_unfit(im)
        if im.format in _KNOWN_LATE:
            im.load()
        found = facts(im, page)
        if im.format == "SGI" and _byte(stream, _SGI_BYTES) == 2:
            note = "The picture's 16 bits per channel were read as 8"
            found = replace(found, notes=(*found.notes, note))
        return stored(im, found, page)


def _byte(stream: IO[bytes], at: int) -> int:
    stream.seek(at)
    return stream.read(1)[0]


def facts(im: Image.Image, page: int | None) -> Facts:
    """Look up what Pillow found beside the pixels."""
    count: int = getattr(im, "n_frames", 1)
    notes = () if im.format in _FRAMES_WITHIN else first_note(page, count)
    dpi = im.info.get("dpi", ())
    xmp = im.info.get("xmp")
    inside = _resources(im)
    found = Facts(
        icc=im.info.get("icc_profile") or inside.get(photoshop.ICC),
        xmp=xmp if isinstance(xmp, bytes) else inside.get(photoshop.XMP),
        iptc=inside.get(photoshop.IPTC),
        dpi=dpi if len(dpi) == 2 else None,
        notes=notes,
    )
    exif = im.info.get("exif") or inside.get(photoshop.EXIF)
    # Of AVIF, the container says it, and Pillow puts that into EXIF.
    return gathered(found, exif, ask_xmp=im.format != "AVIF")


def stored(
    im: Image.Image, found: Facts, page: int | None, *, negative: bool = False
) -> Stored:
    """Join an opened picture, not yet decoded, with its facts.

    Args:
        im: of any mode but F and 32-bit I.
        found: the facts.
        page: as in `read`.
        negative: whether Pillow takes CMYK for the contrary of what it is.

    Raises:
        UnfitError: there is no such page.
    """
    index = index_of(page, getattr(im, "n_frames", 1))
    if index:
        im.seek(index)
        check_pixels(im.height, im.width)
        im.load()  # before it, some formats don't know the mode of a later frame
    channels, alpha = shape_of(im)
    if im.mode == "LAB":
        found = _without_profile(found, _SRGB_NOTE)

    def bands() -> Decoding:
        with patient_pillow():
            im.load()
            # Some formats know their mode only now.
            if shape_of(im) != (channels, alpha):
                msg = "the kind of pixels changed while they were decoded"
                raise ValueError(msg)
            pixels = _pixels(im, channels, alpha)
        yield 255 - pixels if negative else pixels

    header = found.header(im.height, im.width, channels, alpha=alpha, depth=8)
    return Stored(header, bands, found.orientation)


def shape_of(im: Image.Image) -> tuple[int, bool]:
    """Return the channels and whether there is alpha."""
    if im.mode == "CMYK":
        return 4, False
    return 1 if im.mode in _GRAY else 3, im.has_transparency_data


def _pixels(im: Image.Image, channels: int, alpha: bool) -> NDArray[np.uint8]:
    if im.mode == "LAB":
        im = lab_to_srgb(im)
    mode = {1: "L", 3: "RGB", 4: "CMYK"}[channels] + ("A" if alpha else "")
    array: NDArray[np.uint8] = np.asarray(im if im.mode == mode else im.convert(mode))
    return array.reshape(im.height, im.width, -1)


def lab_to_srgb(im: Image.Image) -> Image.Image:
    """Convert a picture of mode LAB to RGB."""
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
    )
    return transform.apply(im)


def cmyk_to_srgb(im: Image.Image, icc: bytes | None) -> Image.Image:
    """Convert a picture of mode CMYK to RGB, by formula if the profile doesn't help."""
    if icc is not None:
        try:
            transform = ImageCms.buildTransform(
                ImageCms.ImageCmsProfile(BytesIO(icc)),
                ImageCms.createProfile("sRGB"),
                "CMYK",
                "RGB",
            )
        except (ImageCms.PyCMSError, OSError):
            return im.convert("RGB")
        return transform.apply(im)
    return im.convert("RGB")


def _refuse_unfit(im: Image.Image) -> None:
    if im.mode == "F":
        raise refusals.no_range("floating-point numbers")
    if im.mode.startswith("I"):
        raise refusals.no_range("signed or 32-bit integers")


def _without_profile(found: Facts, note: str) -> Facts:
    return replace(found, icc=None, notes=(*found.notes, note))


def _resources(im: Image.Image) -> dict[int, bytes]:
    """Return the image resources of a Photoshop file."""
    found: Any = getattr(im, "resources", None)
    if not isinstance(im, ImageFile.ImageFile) or not isinstance(found, list):
        return {}
    return {number: data for number, _, data in reversed(found)}
