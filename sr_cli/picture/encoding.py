"""Picture ─▶ the bytes of one format."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import IO

from sr_cli.errors import PictureError
from sr_cli.picture.encoder import Encoder, RowSink, faults_refused
from sr_cli.picture.encoders import gif, heic, jpeg2000, jpegxl, pillow
from sr_cli.picture.encoders.jpeg import JpegEncoder
from sr_cli.picture.encoders.netpbm import NetpbmEncoder
from sr_cli.picture.encoders.png import PngEncoder
from sr_cli.picture.encoders.tiff import TiffEncoder
from sr_cli.picture.encoders.whole import Encode, WholeEncoder
from sr_cli.picture.formats import (
    Format,
    Option,
    check_installed,
    check_size,
    format_named,
)
from sr_cli.picture.header import Header
from sr_cli.picture.image import fitted_header
from sr_cli.picture.metadata import prepared
from sr_cli.picture.picture import Picture
from sr_cli.picture.source import PictureSource

_WHOLE: dict[str, Encode] = {
    "gif": gif.encode,
    "heic": heic.encode,
    "jpeg2000": jpeg2000.encode,
    "jpegxl": jpegxl.encode,
}

_ROWS_JOINED_WITH_ALPHA = 64


def encode(picture: Picture, format: str, quality: int | None = None) -> bytes:
    """Encode in memory, for standard output.

    Args:
        picture: what to encode.
        format: a format's name or suffix.
        quality: 1 to 100, and 100 makes WebP and JPEG XL lossless; None means the
            format's default.  Formats that are always lossless ignore it.

    Raises:
        PictureError: the format is unknown, its encoder not installed, a side too long
            for it, the depth or CMYK too much, the quality out of range, or the
            encoder failed.
    """
    with BytesIO() as stream:
        with encoding_into(stream, picture.header, format, quality) as sink:
            push(picture, sink)
        return stream.getvalue()


@contextmanager
def encoding_into(
    stream: IO[bytes], header: Header, format: str, quality: int | None = None
) -> Iterator[RowSink]:
    """Encode the rows that the block writes into a stream that can seek.

    Raises:
        PictureError: as `encode`.
        ValueError: the block left without having written every row.
    """
    row = format_named(format)
    check_installed(row)
    check_size(header.height, header.width, row.name, header.channels)

    def refuse(error: Exception) -> PictureError:
        message = f"Cannot encode {row.name}: {error}"
        return PictureError(message, "Try another format, such as PNG")

    with faults_refused(refuse):
        stored = fitted_header(header, row)
        encoder = encoder_into(stream, stored, row, quality)
        sink = RowSink(encoder, header, stored, refuse)
    yield sink
    sink.finish()


def push(picture: Picture, sink: RowSink) -> None:
    """Hand a sink every row of a picture.

    Raises:
        PictureError: the sink can't write them.
    """
    if picture.alpha is None:
        sink.write(picture.pixels)
        return
    source = PictureSource(picture)
    while len(rows := source.read(_ROWS_JOINED_WITH_ALPHA)):
        sink.write(rows)


def encoder_into(
    stream: IO[bytes], header: Header, row: Format, quality: int | None
) -> Encoder:
    """Begin a picture in a stream that is empty and can seek; the rest as `encode`.

    Args:
        stream: takes the bytes.
        header: of rows that the format takes.
        row: the format.
        quality: as in `encode`.

    Raises:
        PictureError: the quality is out of range.
        OSError, ValueError, struct.error: the stream takes no more, or the format
            doesn't take these facts.
    """
    options = _options(row, quality)
    metadata = prepared(header, row)
    match row.encoder:
        case "png":
            return PngEncoder(stream, header, metadata)
        case "tiff":
            return TiffEncoder(stream, header, metadata)
        case "jpeg":
            return JpegEncoder(stream, header, metadata, options)
        case "netpbm":
            return NetpbmEncoder(stream, header)
        case _:
            make = _WHOLE.get(row.encoder) or pillow.encoder_of(row.name)
            return WholeEncoder(stream, header, metadata, options, make)


def _options(row: Format, quality: int | None) -> dict[str, Option]:
    if quality is not None and not 1 <= quality <= 100:
        message = f"A quality of {quality} does not exist"
        raise PictureError(message, "Choose one from 1 to 100")
    if row.quality is None:
        return dict(row.options)
    if quality == 100 and row.lossless is not None:
        return dict(row.lossless)
    return {**row.options, "quality": quality or row.quality}
