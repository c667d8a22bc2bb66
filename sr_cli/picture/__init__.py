"""Files or bytes ⇄ `Picture`: the one place that knows image formats and Pillow."""

from sr_cli.picture.alpha import bleed
from sr_cli.picture.encoding import encode, encoding_into, losses
from sr_cli.picture.formats import FORMATS, Format, check_size
from sr_cli.picture.header import Header
from sr_cli.picture.limits import MAX_PIXELS
from sr_cli.picture.picture import Picture
from sr_cli.picture.reading import read, read_bytes
from sr_cli.picture.recompression import recompress
from sr_cli.picture.source import PictureSource, Source, open_source
from sr_cli.picture.writing import Sink, check_target, open_sink, write

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "Format",
    "Header",
    "Picture",
    "PictureSource",
    "Sink",
    "Source",
    "bleed",
    "check_size",
    "check_target",
    "encode",
    "encoding_into",
    "losses",
    "open_sink",
    "open_source",
    "read",
    "read_bytes",
    "recompress",
    "write",
]
