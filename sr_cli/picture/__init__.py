"""Files or bytes ⇄ `Picture`: the one place that knows image formats and Pillow."""

from sr_cli.picture.alpha import bleed
from sr_cli.picture.animation import (
    Animation,
    Frame,
    encode_animation,
    open_animation,
    read_animation,
    write_animation,
)
from sr_cli.picture.colour import in_srgb
from sr_cli.picture.encoding import encode, encoding_into
from sr_cli.picture.formats import FORMATS, Format, check_size, format_for, format_named
from sr_cli.picture.header import Header
from sr_cli.picture.limits import MAX_PIXELS
from sr_cli.picture.metadata import found_provenance, losses, stripped
from sr_cli.picture.picture import Picture
from sr_cli.picture.provenance import Provenance
from sr_cli.picture.reading import read, read_bytes
from sr_cli.picture.recompression import recompress
from sr_cli.picture.source import PictureSource, Source, open_source
from sr_cli.picture.writing import Sink, check_target, open_sink, write

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "Animation",
    "Format",
    "Frame",
    "Header",
    "Picture",
    "PictureSource",
    "Provenance",
    "Sink",
    "Source",
    "bleed",
    "check_size",
    "check_target",
    "encode",
    "encode_animation",
    "encoding_into",
    "format_for",
    "format_named",
    "found_provenance",
    "in_srgb",
    "losses",
    "open_animation",
    "open_sink",
    "open_source",
    "read",
    "read_animation",
    "read_bytes",
    "recompress",
    "stripped",
    "write",
    "write_animation",
]
