"""Images in Pillow's memory ⇄ `Picture`, for programs that hold such images."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sr_cli.errors import PictureError
from sr_cli.picture.header import Header, Samples
from sr_cli.picture.picture import Picture

PillowImage: TypeAlias = Image.Image

_GRAY = frozenset({"1", "L", "LA", "La"})
_COLOURED = frozenset({"P", "PA", "RGB", "RGBX", "RGBA", "RGBa", "YCbCr", "HSV"})
_MODES = {
    (8, 1, False): "L",
    (8, 1, True): "LA",
    (8, 3, False): "RGB",
    (8, 3, True): "RGBA",
    (8, 4, False): "CMYK",
    (16, 1, False): "I;16",
}
"""By depth, channels and alpha; Pillow holds no deeper RGB, and no deeper alpha."""


def from_pillow(image: PillowImage) -> Picture:
    """Take the pixels of an image as they lie, and its colour profile.

    Bilevel images become gray; palettes, YCbCr and HSV become RGB.

    Raises:
        PictureError: its mode has no meaning as a picture, or its file, read only now,
            is damaged.
    """
    try:
        image.load()
    # Pillow's decoders raise whatever a damaged file makes them trip over.
    except Exception as error:
        raise PictureError(
            f"The image can't be decoded ({error})", "Get the file again"
        ) from error
    icc: bytes | None = image.info.get("icc_profile") or None
    if image.mode.startswith("I;16"):
        pixels, alpha = _deep_gray(image)
        return Picture(pixels, alpha, icc)
    if image.mode == "CMYK":
        return Picture(_samples(image), None, icc)
    if image.mode not in _GRAY | _COLOURED:
        raise PictureError(
            f"An image of mode {image.mode} can't be upscaled",
            "Convert it to RGB first, or give its numbers as an array",
        )
    mode = "L" if image.mode in _GRAY else "RGB"
    if not image.has_transparency_data:
        return Picture(_samples(image.convert(mode)), None, icc)
    samples = _samples(image.convert(f"{mode}A"))
    return Picture(samples[:, :, :-1], samples[:, :, -1], icc)


def _samples(image: PillowImage) -> NDArray[np.uint8]:
    array: NDArray[np.uint8] = np.asarray(image)
    return array.reshape(image.height, image.width, -1)


def _deep_gray(
    image: PillowImage,
) -> tuple[NDArray[np.uint16], NDArray[np.uint16] | None]:
    """Return 16-bit gray, and alpha where one shade is declared transparent."""
    values = np.asarray(image).astype(np.uint16)
    shade = image.info.get("transparency")
    alpha = None
    if shade is not None:
        alpha = np.where(values == shade, 0, 65_535).astype(np.uint16)
    return values[:, :, None], alpha


def to_pillow(samples: Samples, header: Header, original: PillowImage) -> PillowImage:
    """Make an image of a result's samples.

    Like a resized image, it has what the original's `info` says, but for transparency,
    which is in the pixels, and the colour profile, which is the result's.

    Args:
        samples: (H, W, channels and alpha), 8 bits, or 16 of gray without alpha.
        header: what they are.
        original: what the result was made of.
    """
    mode = _MODES[header.depth, header.channels, header.alpha]
    stored = samples.astype(samples.dtype.newbyteorder("<"), copy=False)
    image = Image.frombytes(mode, (header.width, header.height), stored.tobytes())
    info: dict[Any, Any] = {**original.info, "icc_profile": header.icc}
    info.pop("transparency", None)
    if header.icc is None:
        del info["icc_profile"]
    image.info = info
    return image


def float_image(values: NDArray[np.float32], original: PillowImage) -> PillowImage:
    """Make an image of mode F, from (H, W), with the original's `info`."""
    image = Image.fromarray(values)
    image.info = dict(original.info)
    return image
