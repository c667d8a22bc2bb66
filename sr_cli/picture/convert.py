"""Whatever mode Pillow decoded ─▶ 8-bit gray or RGB, and alpha."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_GRAY = frozenset({"1", "L", "LA", "La"})
_MANAGED = frozenset({"CMYK", "LAB"})


@dataclass(frozen=True, slots=True)
class Stored:
    """What the file's header says and Pillow's mode doesn't."""

    bits: int = 8
    """Bits per channel."""

    gray: bool = False
    """Gray, although Pillow decodes it as RGB (a 16-bit PNG with alpha)."""


@dataclass(frozen=True, slots=True)
class Planes:
    """Decoded pixels before orientation; fields as in `Picture`."""

    pixels: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    icc: bytes | None
    notes: tuple[str, ...]


def to_planes(im: Image.Image, stored: Stored) -> Planes:
    """Convert a loaded picture of any mode but F and 32-bit I.

    Raises:
        Exception: whatever Pillow trips over in damaged data.
    """
    icc: bytes | None = im.info.get("icc_profile") or None
    notes = []
    if stored.bits > 8:
        notes.append(f"{stored.bits} bits per channel were reduced to 8")
    if im.mode.startswith("I"):
        pixels, alpha = _from_deep_gray(im, stored.bits)
        return Planes(pixels, alpha, icc, tuple(notes))
    if im.mode in _MANAGED:
        im, note = _to_srgb(im, icc)
        icc = None
        notes.append(note)
    _rescale_transparent_colour(im, stored.bits)
    channels = 1 if stored.gray or im.mode in _GRAY else 3
    mode = "L" if channels == 1 else "RGB"
    if im.has_transparency_data:
        mode += "A"
    array: NDArray[np.uint8] = np.asarray(im if im.mode == mode else im.convert(mode))
    array = array.reshape(im.height, im.width, -1)
    alpha = None
    if im.has_transparency_data:
        array, alpha = array[:, :, :channels], array[:, :, channels]
    return Planes(array, alpha, icc, tuple(notes))


def _from_deep_gray(
    im: Image.Image, bits: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    values = np.asarray(im).astype(np.uint32)
    peak = 2**bits - 1
    pixels = ((values * 255 + peak // 2) // peak).astype(np.uint8)
    transparent = im.info.get("transparency")
    if transparent is None:
        return pixels[:, :, None], None
    return pixels[:, :, None], np.where(values == transparent, 0, 255).astype(np.uint8)


def _rescale_transparent_colour(im: Image.Image, bits: int) -> None:
    # Pillow rescales the pixels of 2, 4 and 16-bit PNGs, but not the one colour
    # that tRNS declares transparent.
    transparent = im.info.get("transparency")
    if im.mode == "L" and bits < 8 and isinstance(transparent, int):
        im.info["transparency"] = transparent * 255 // (2**bits - 1)
    elif im.mode == "RGB" and bits == 16 and isinstance(transparent, tuple):
        im.info["transparency"] = tuple(value >> 8 for value in transparent)


def _to_srgb(im: Image.Image, icc: bytes | None) -> tuple[Image.Image, str]:
    from PIL import ImageCms

    srgb = ImageCms.createProfile("sRGB")
    try:
        if im.mode == "LAB":
            source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        elif icc is not None:
            source = ImageCms.ImageCmsProfile(BytesIO(icc))
        else:
            return im.convert("RGB"), "CMYK without a profile became RGB by formula"
        transform = ImageCms.buildTransform(source, srgb, im.mode, "RGB")
    except (ImageCms.PyCMSError, OSError):
        return im.convert("RGB"), "The CMYK profile is damaged: RGB came by formula"
    return transform.apply(im), f"{im.mode} colours were converted to sRGB"
