"""WebP, by Pillow: its size is looked up before libwebp takes memory for it."""

from typing import IO

from sr_cli.picture.decoders import pillow
from sr_cli.picture.decoders.stored import Stored
from sr_cli.picture.limits import check_bomb, check_pixels

_ANIMATED = 2


def open_stored(stream: IO[bytes], page: int | None) -> Stored:
    """Read everything but the pixels.

    Raises:
        UnfitError: it is too large, or lacks the page.
        Exception: whatever Pillow trips over in damaged data.
    """
    stream.seek(0)
    head = stream.read(30)
    if head[12:16] == b"VP8X" and len(head) == 30:
        width, height = (
            int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27)
        )
        check_pixels(height, width)
        # The canvas and what was on it, the image and the array made of it.
        check_bomb(height, width, stream, 16 if head[20] & _ANIMATED else 8)
    return pillow.open_stored(stream, page, ("WEBP",))
