"""The formats that Pillow writes with all that they can hold."""

from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import Any

from sr_cli.picture.encoders import exif
from sr_cli.picture.encoders.whole import Encode, Options
from sr_cli.picture.header import Header, Samples
from sr_cli.picture.image import to_image
from sr_cli.picture.metadata import Metadata


def encoder_of(name: str) -> Encode:
    """Return what encodes (H, W, samples) of 8 bits in the format of this name."""
    return {"AVIF": _avif, "ICO": _ico}.get(name) or partial(_encode, name)


def _encode(
    name: str, rows: Samples, header: Header, metadata: Metadata, options: Options
) -> bytes:
    facts: dict[str, Any] = {
        "icc_profile": metadata.icc,
        "exif": metadata.exif,
        "xmp": metadata.xmp,
        "dpi": metadata.dpi,
    }
    given = {fact: value for fact, value in facts.items() if value is not None}
    stream = BytesIO()
    to_image(rows, header).save(stream, name, **given, **options)
    return stream.getvalue()


def _avif(rows: Samples, header: Header, metadata: Metadata, options: Options) -> bytes:
    if metadata.exif is not None:
        # Finding an orientation, Pillow would write all of it anew, without much.
        metadata = replace(metadata, exif=exif.without_orientation(metadata.exif))
    if header.channels == 1:
        options = {**options, "subsampling": "4:0:0"}
    return _encode("AVIF", rows, header, metadata, options)


def _ico(
    rows: Samples, header: Header, _metadata: Metadata, _options: Options
) -> bytes:
    stream = BytesIO()
    # Its own choice would be squares of several sizes.
    to_image(rows, header).save(stream, "ICO", sizes=[(header.width, header.height)])
    return stream.getvalue()
