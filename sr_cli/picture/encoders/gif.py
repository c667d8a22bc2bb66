"""GIF: an animation of one picture, and XMP."""

from io import BytesIO

from sr_cli.picture.encoders.whole import Options
from sr_cli.picture.header import Header, Samples
from sr_cli.picture.metadata import Metadata

_TABLE_FLAGS = 10
_HEAD = 13

# XMP specification, part 3, 1.1.2: readers that skip it as blocks of data, whose
# first byte is their length, come out at the end wherever they are.
_BEGIN = b"!\xff\x0bXMP DataXMP"
_END = b"\1" + bytes(range(255, -1, -1)) + b"\0"


def encode(
    rows: Samples, header: Header, metadata: Metadata, _options: Options
) -> bytes:
    """Make a file of (H, W, 3 or 4)."""
    # That module makes the stills of other animations by what uses this one.
    from sr_cli.picture.animation.gif_out import GifEncoder

    with BytesIO() as stream:
        encoder = GifEncoder(stream, header, 1)
        encoder.write(rows, 0)
        encoder.finish()
        data = stream.getvalue()
    if metadata.xmp is None:
        return data
    at = _HEAD + _table_size(data[_TABLE_FLAGS])
    return data[:at] + xmp_block(metadata.xmp) + data[at:]


def xmp_block(packet: bytes) -> bytes:
    """Serialise what may stand in front of the pictures."""
    return _BEGIN + packet + _END


def _table_size(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
