"""GIF file ─▶ patches."""

from collections.abc import Iterator
from functools import partial
from typing import IO

from sr_cli.picture.animation.canvas import Disposal, Patch
from sr_cli.picture.animation.film import Patches
from sr_cli.picture.animation.gif_blocks import Blocks, still

# 4 is no method of the specification, but some programs meant 3 by it.
_DISPOSALS = {2: Disposal.CLEAR, 3: Disposal.RESTORE, 4: Disposal.RESTORE}


def find(stream: IO[bytes], name: str) -> Patches:
    """Go through a GIF file without decoding it.

    Raises:
        EOFError: it ends within a block.
    """
    blocks = Blocks(stream)
    height, width, count = blocks.height, blocks.width, 0
    for image in blocks.images():
        if not count:  # browsers let the first image widen the canvas
            height = max(height, image.top + image.height)
            width = max(width, image.left + image.width)
        count += 1
    notes = () if blocks.ended else ("The file breaks off: frames may be missing",)
    each = partial(_patches, stream)
    return Patches(name, height, width, count, blocks.loop, each, notes, blocks.xmp)


def _patches(stream: IO[bytes]) -> Iterator[Patch]:
    for image in Blocks(stream).images():
        yield Patch(
            still=still(image) if image.width and image.height else b"",
            top=image.top,
            left=image.left,
            over=True,
            disposal=_DISPOSALS.get(image.control.disposal, Disposal.KEEP),
            milliseconds=10 * image.control.centiseconds,
        )
