"""Picture ─▶ the bytes of one format."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from typing import IO, Any

from sr_cli.errors import PictureError
from sr_cli.picture.encoder import Encoder, RowSink, faults_refused
from sr_cli.picture.exif import resized
from sr_cli.picture.formats import Format, check_size, format_named
from sr_cli.picture.header import Header
from sr_cli.picture.jpeg import JpegEncoder
from sr_cli.picture.picture import Picture
from sr_cli.picture.png import PngEncoder
from sr_cli.picture.source import PictureSource
from sr_cli.picture.tiff import TiffEncoder
from sr_cli.picture.whole import WholeEncoder

_ROWS_JOINED_WITH_ALPHA = 64


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
    check_size(header.height, header.width, row.name, header.channels)

    def refuse(error: Exception) -> PictureError:
        message = f"Cannot encode {row.name}: {error}"
        return PictureError(message, "Try another format, such as PNG")

    with faults_refused(refuse):
        sink = RowSink(encoder_into(stream, header, row, quality), header, refuse)
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


def losses(picture: Picture | Header, format: str) -> tuple[str, ...]:
    """Say what the format cannot hold of this picture: sentences without a full stop.

    Raises:
        PictureError: the format is unknown.
    """
    header = picture.header if isinstance(picture, Picture) else picture
    row = format_named(format)
    found = []
    if header.alpha and not row.alpha:
        found.append(
            f"{row.name} cannot hold transparency: what shows through becomes white"
        )
    if header.icc is not None and not row.icc:
        found.append(
            f"{row.name} cannot hold the colour profile: colours may look different"
        )
    if header.exif is not None and not _holds_exif(row, header.exif):
        found.append(f"{row.name} cannot hold the EXIF data: it was left out")
    return tuple(found)


def encoder_into(
    stream: IO[bytes], header: Header, row: Format, quality: int | None
) -> Encoder:
    """Begin a picture in a stream that is empty and can seek; the rest as `encode`.

    Raises:
        PictureError: the quality is out of range.
        OSError, ValueError, struct.error: the stream takes no more, or the format
            doesn't take these facts.
    """
    options = _options(row, quality)
    exif = None
    if header.exif is not None and _holds_exif(row, header.exif):
        exif = resized(header.exif, header.height, header.width)
    header = replace(
        header,
        icc=header.icc if row.icc else None,
        dpi=header.dpi if row.dpi else None,
    )
    if row.encoder == "png":
        return PngEncoder(stream, header, exif)
    if row.encoder == "tiff":
        return TiffEncoder(stream, header, exif)
    facts: dict[str, Any] = {"icc_profile": header.icc}
    if header.dpi is not None:
        facts["dpi"] = header.dpi
    if exif is not None:
        facts["exif"] = exif.tobytes()
    make = JpegEncoder if row.encoder == "jpeg" else WholeEncoder
    return make(stream, header, row, options, facts)


def _options(row: Format, quality: int | None) -> dict[str, int | bool]:
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
