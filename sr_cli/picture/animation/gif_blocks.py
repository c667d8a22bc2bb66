"""The blocks that a GIF file consists of (GIF89a specification)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

SIGNATURES = (b"GIF87a", b"GIF89a")
IMAGE = b","
EXTENSION = b"!"
END = b";"
CONTROL = b"\xf9"
APPLICATION = b"\xff"
LOOPING = b"NETSCAPE2.0"

_LOOPING = (LOOPING, b"ANIMEXTS1.0")
_XMP = b"XMP DataXMP"
# XMP specification, part 3, 1.1.2: readers that skip a packet as blocks of data, whose
# first byte is their length, come out at the end wherever they are.
_XMP_END = b"\1" + bytes(range(255, -1, -1)) + b"\0"
_HAS_TABLE = 0x80
_INTERLACED = 0x40
_HAS_TRANSPARENT = 0x01


@dataclass(frozen=True, slots=True)
class Control:
    """How an image takes its turn."""

    disposal: int = 0
    centiseconds: int = 0
    transparent: int | None = None
    """The index that stands for no colour."""


@dataclass(frozen=True, slots=True)
class Image:
    """One rectangle of pixels."""

    left: int
    top: int
    width: int
    height: int
    interlaced: bool
    table: bytes
    """Three bytes for each of 2 to 256 colours; the file's if the image has none of its
    own, and empty if neither has."""
    data: bytes
    """Compressed indices, as they stand in the file."""
    control: Control


class Blocks:
    """Goes through a file from its beginning.

    Args:
        stream: a GIF file that can seek.

    Raises:
        EOFError: the file ends too soon; so does `images`.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        stream.seek(len(SIGNATURES[0]))
        self.width, self.height, flags, _, _ = self._unpack("<HHBBB")
        self._table = self._colour_table(flags)
        self.loop = 1
        """How many times the animation plays, as far as was read; 0 is for ever."""
        self.xmp: bytes | None = None
        """The packet, as far as was read."""
        self.ended = False
        """Whether the mark of the end was found."""

    def images(self) -> Iterator[Image]:
        """Yield one image after the other.

        The file ends at its mark, or where anything else than a block follows:
        without one, all images may still be there.
        """
        control = Control()
        while True:
            kind = self._stream.read(1)
            if kind == EXTENSION:
                label = self._take(1)
                body = self._sub_blocks()
                if label == CONTROL:
                    control = _control(body)
                elif label == APPLICATION:
                    self._note(body[1:12], body[12:])
            elif kind == IMAGE:
                yield self._image(control)
                control = Control()
            else:
                self.ended = kind == END
                return

    def _image(self, control: Control) -> Image:
        left, top, width, height, flags = self._unpack("<HHHHB")
        return Image(
            *(left, top, width, height),
            interlaced=bool(flags & _INTERLACED),
            table=self._colour_table(flags) or self._table,
            data=self._take(1) + self._sub_blocks(),
            control=control,
        )

    def _note(self, name: bytes, data: bytes) -> None:
        if name in _LOOPING and data[:2] == b"\x03\x01" and len(data) >= 4:
            (repeats,) = struct.unpack_from("<H", data, 2)
            self.loop = repeats + 1 if repeats else 0
        elif name == _XMP and data.endswith(_XMP_END):
            self.xmp = data[: -len(_XMP_END)]

    def _colour_table(self, flags: int) -> bytes:
        return self._take(3 << (flags & 7) + 1) if flags & _HAS_TABLE else b""

    def _sub_blocks(self) -> bytes:
        """Return everything up to and with the empty sub-block."""
        found = bytearray()
        while True:
            length = self._take(1)
            found += length
            if length == b"\0":
                return bytes(found)
            found += self._take(length[0])

    def _unpack(self, layout: str) -> tuple[int, ...]:
        return struct.unpack(layout, self._take(struct.calcsize(layout)))

    def _take(self, count: int) -> bytes:
        data = self._stream.read(count)
        if len(data) < count:
            msg = "truncated GIF"
            raise EOFError(msg)
        return data


def still(image: Image) -> bytes:
    """Make a file of one image and nothing else."""
    size = struct.pack("<HH", image.width, image.height)
    return b"".join(
        (
            SIGNATURES[1] + size + bytes([table_flags(image.table), 0, 0]),
            image.table,
            control_block(Control(transparent=image.control.transparent)),
            IMAGE + bytes(4) + size + bytes([_INTERLACED * image.interlaced]),
            image.data,
            END,
        )
    )


def image_block(image: Image, *, own_table: bool) -> bytes:
    """Serialise an image and how it takes its turn.

    Args:
        image: its table has 2ⁿ colours; not interlaced.
        own_table: whether its table goes with it, or is the file's.
    """
    place = struct.pack("<HHHH", image.left, image.top, image.width, image.height)
    flags = table_flags(image.table) if own_table else 0
    table = image.table if own_table else b""
    head = IMAGE + place + bytes([flags])
    return control_block(image.control) + head + table + image.data


def table_flags(table: bytes) -> int:
    """Say of a colour table of 2ⁿ colours, or none, that it is there and how long."""
    return _HAS_TABLE | (len(table) // 3).bit_length() - 2 if table else 0


def control_block(control: Control) -> bytes:
    """Serialise how the next image takes its turn."""
    has_transparent = control.transparent is not None
    flags = control.disposal << 2 | _HAS_TRANSPARENT * has_transparent
    fields = (flags, control.centiseconds, control.transparent or 0)
    return EXTENSION + CONTROL + b"\4" + struct.pack("<BHB", *fields) + b"\0"


def loop_block(loop: int) -> bytes:
    """Serialise how many times the animation plays; nothing if that is once."""
    if loop == 1:
        return b""
    repeats = min(loop - 1, 2**16 - 1) if loop else 0
    looping = b"\x0b" + LOOPING + b"\3\1" + struct.pack("<H", repeats) + b"\0"
    return EXTENSION + APPLICATION + looping


def xmp_block(packet: bytes) -> bytes:
    """Serialise an XMP packet in UTF-8."""
    return EXTENSION + APPLICATION + b"\x0b" + _XMP + packet + _XMP_END


def _control(body: bytes) -> Control:
    if len(body) < 5:
        return Control()
    flags, centiseconds, transparent = struct.unpack_from("<BHB", body, 1)
    return Control(
        disposal=flags >> 2 & 7,
        centiseconds=centiseconds,
        transparent=transparent if flags & _HAS_TRANSPARENT else None,
    )
