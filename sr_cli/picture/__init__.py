"""Files or bytes ⇄ `Picture`: the one place that knows image formats and Pillow."""

from sr_cli.picture.alpha import bleed
from sr_cli.picture.encoding import encode, losses
from sr_cli.picture.formats import FORMATS, Format, check_size
from sr_cli.picture.limits import MAX_PIXELS
from sr_cli.picture.picture import Picture
from sr_cli.picture.reading import read, read_bytes
from sr_cli.picture.recompression import recompress
from sr_cli.picture.writing import check_target, write

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "Format",
    "Picture",
    "bleed",
    "check_size",
    "check_target",
    "encode",
    "losses",
    "read",
    "read_bytes",
    "recompress",
    "write",
]
