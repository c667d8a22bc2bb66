"""An animated GIF writer that takes frames as they come."""

import struct
from dataclasses import dataclass
from io import BytesIO
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from sr_cli.picture.animation import gif_blocks
from sr_cli.picture.animation.changes import Box, box_around, different
from sr_cli.picture.animation.clock import Clock
from sr_cli.picture.animation.encoder import Rows
from sr_cli.picture.animation.gif_blocks import Control
from sr_cli.picture.animation.painting import Painter, Part, Places
from sr_cli.picture.animation.quantising import Colours, Indices
from sr_cli.picture.header import Header

_KEEP, _CLEAR = 1, 2
_OPAQUE = 128
"""A pixel is transparent or not; from here on it is not."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """A frame that isn't written until the next one says how it ends."""

    colours: NDArray[np.uint8]
    """(H, W, 3)."""
    visible: Places
    centiseconds: int


class GifEncoder:
    """Draws only what changes, so that what stays the same stays so to the bit.

    Args:
        stream: empty.
        header: of every frame.
        loop: as in `Animation`.
        xmp: a packet that is up to date.
    """

    def __init__(
        self, stream: IO[bytes], header: Header, loop: int, xmp: bytes | None = None
    ) -> None:
        height, width = header.height, header.width
        self._stream, self._size = stream, (width, height)
        self._alpha, self._loop, self._xmp = header.alpha, loop, xmp
        self._clock = Clock(10, 2**16 - 1)
        self._waiting: _Waiting | None = None
        self._table = b""
        self._painter = Painter()
        # What was drawn last at each place, by which colour, and where it is seen.
        self._source = np.zeros((height, width, 3), np.uint8)
        self._drawn = np.zeros((height, width, 3), np.uint8)
        self._seen = np.zeros((height, width), np.bool_)

    def write(self, rows: Rows, milliseconds: float) -> None:
        """Take the next frame and write the one before, as `FrameEncoder.write`."""
        visible = np.ones(rows.shape[:2], np.bool_)
        if rows.shape[2] == 4:
            visible = rows[:, :, 3] >= _OPAQUE
        if self._waiting is not None:
            self._draw(self._waiting, visible)
        ticks = self._clock.ticks(milliseconds)
        self._waiting = _Waiting(rows[:, :, :3], visible, ticks)

    def finish(self) -> None:
        """Write the last frame and the end, as `FrameEncoder.finish`."""
        if self._waiting is not None:
            self._draw(self._waiting, None)
        self._stream.write(gif_blocks.END)

    def _draw(self, frame: _Waiting, after: Places | None) -> None:
        """Write a frame, and clear a box around what the next one lets through.

        Args:
            frame: what to write.
            after: what the next one shows; None if there is none.
        """
        changed = different(self._source, frame.colours)
        needed = frame.visible & (changed | ~self._seen)
        vanishing = np.zeros_like(needed) if after is None else frame.visible & ~after
        box = box_around(needed | vanishing)
        first = not self._table
        if first:  # some viewers fill what the first image leaves open
            box = Box(0, 0, *needed.shape)
        at, clear = box.slices, bool(vanishing.any())
        part = Part(
            colours=frame.colours[at],
            needed=needed[at],
            opaque=bool(frame.visible[at].all()),
            # Some clear only if a colour is transparent, in the first image too.
            spare=clear or (self._alpha and first and after is not None),
            before=self._drawn[at],
            unchanged=~changed[at],
        )
        indices = self._painter.paint(part)
        colours = self._painter.palette.colours
        drawn = indices < len(colours)
        transparent = len(colours) if part.spare or not drawn.all() else None
        disposal = _CLEAR if clear else _KEEP
        self._put(box, indices, Control(disposal, frame.centiseconds, transparent))
        np.copyto(self._source[at], part.colours, where=drawn[:, :, None])
        shown = np.resize(colours, (256, 3))[indices]
        np.copyto(self._drawn[at], shown, where=drawn[:, :, None])
        self._seen |= needed
        if clear:
            self._seen[at] = False

    def _put(self, box: Box, indices: Indices, control: Control) -> None:
        table = _table(self._painter.palette.colours)
        if not self._table:
            self._begin(table)
        size = box.right - box.left, box.bottom - box.top
        image = gif_blocks.Image(
            *(box.left, box.top, *size),
            interlaced=False,
            table=table,
            data=_compressed(indices),
            control=control,
        )
        own_table = table != self._table
        self._stream.write(gif_blocks.image_block(image, own_table=own_table))

    def _begin(self, table: bytes) -> None:
        self._table = table
        self._stream.write(gif_blocks.SIGNATURES[1] + struct.pack("<HH", *self._size))
        self._stream.write(bytes([gif_blocks.table_flags(table), 0, 0]) + table)
        self._stream.write(gif_blocks.loop_block(self._loop))
        if self._xmp is not None:
            self._stream.write(gif_blocks.xmp_block(self._xmp))


def _table(colours: Colours) -> bytes:
    """Serialise colours, with room for one that draws nothing if there is any."""
    entries = min(max(len(colours) + 1, 2), 256)
    return colours.tobytes().ljust(3 << (entries - 1).bit_length(), b"\0")


def _compressed(indices: Indices) -> bytes:
    with BytesIO() as stream:
        # Else Pillow reorders the colours, and the rows.
        options = {"optimize": False, "interlace": False}
        PillowImage.fromarray(indices).save(stream, "GIF", **options)
        (image,) = gif_blocks.Blocks(stream).images()
        return image.data
