"""Picture ─▶ the bytes of one format."""

import struct
from io import BytesIO
from typing import IO

from PIL import Image

from sr_cli.errors import PictureError
from sr_cli.picture.exif import resized
from sr_cli.picture.formats import Format, check_size, format_named
from sr_cli.picture.picture import Picture
from sr_cli.picture.tiff import save_tiff

ENCODER_FAULTS = (OSError, ValueError, OverflowError, struct.error, MemoryError)
"""What an encoder raises on a full disk, odd metadata or too little memory."""


def encode(picture: Picture, format: str, quality: int | None = None) -> bytes:
    """Encode in memory, for standard output.

    Args:
        picture: what to encode.
        format: a format's name or suffix.
        quality: 1 to 100, and 100 makes WebP lossless; None means the format's
            default.  Formats that are always lossless ignore it.

    Raises:
        PictureError: the format is unknown, a side too long for it, the quality
            out of range, or the encoder failed.
    """
    row = format_named(format)
    check_size(picture.height, picture.width, row.name)
    stream = BytesIO()
    try:
        save(picture, stream, row, quality)
    except ENCODER_FAULTS as error:
        message = f"Cannot encode {row.name}: {error}"
        raise PictureError(message, "Try another format, such as PNG") from error
    return stream.getvalue()


def losses(picture: Picture, format: str) -> tuple[str, ...]:
    """Say what the format cannot hold of this picture: sentences without a full stop.

    Raises:
        PictureError: the format is unknown.
    """
    row = format_named(format)
    found = []
    if picture.alpha is not None and not row.alpha:
        found.append(
            f"{row.name} cannot hold transparency: what shows through becomes white"
        )
    if picture.icc is not None and not row.icc:
        found.append(
            f"{row.name} cannot hold the colour profile: colours may look different"
        )
    if picture.exif is not None and not _holds_exif(row, picture.exif):
        found.append(f"{row.name} cannot hold the EXIF data: it was left out")
    return tuple(found)


def save(picture: Picture, stream: IO[bytes], row: Format, quality: int | None) -> None:
    """Encode into a stream that can seek; as `encode`, but the size is not checked.

    Raises:
        PictureError: the quality is out of range.
        ENCODER_FAULTS: the encoder failed.
    """
    options = _options(row, quality)
    exif = None
    if picture.exif is not None and _holds_exif(row, picture.exif):
        exif = resized(picture.exif, picture.height, picture.width)
    if row.encoder == "tiff":
        save_tiff(picture, stream, exif)
        return
    if picture.dpi is not None and row.dpi:
        options["dpi"] = picture.dpi
    if picture.icc is not None and row.icc:
        options["icc_profile"] = picture.icc
    if exif is not None:
        options["exif"] = exif.tobytes()
    _to_image(picture, row).save(stream, row.name, **options)


def _options(
    row: Format, quality: int | None
) -> dict[str, int | bool | bytes | tuple[float, float]]:
    if quality is not None and not 1 <= quality <= 100:
        message = f"A quality of {quality} does not exist"
        raise PictureError(message, "Choose one from 1 to 100")
    if row.quality is None:
        return dict(row.options)
    if quality == 100 and row.lossless is not None:
        return dict(row.lossless)
    return {**row.options, "quality": quality or row.quality}


def _holds_exif(row: Format, exif: bytes) -> bool:
    fits = row.max_exif_bytes is None or len(exif) <= row.max_exif_bytes
    return row.exif and fits


def _to_image(picture: Picture, row: Format) -> Image.Image:
    pixels = picture.pixels
    im = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    if not row.gray:
        im = im.convert("RGB")
    if picture.alpha is None:
        return im
    alpha = Image.fromarray(picture.alpha)
    if row.alpha:
        im.putalpha(alpha)
        return im
    white = Image.new(im.mode, im.size, "white")
    white.paste(im, mask=alpha)
    return white
