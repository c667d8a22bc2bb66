"""EXIF of the picture that was read ─▶ EXIF of the one that is written.

Only what has to change does, in place or behind everything else: the values of a
maker's notes may be anywhere in the block, and only the maker knows where.
"""

import struct

from PIL import ExifTags

PREFIX = b"Exif\0\0"

_EMPTY = PREFIX + b"II*\0\x08\0\0\0" + bytes(6)
_HEADER = 8
_COUNT, _ENTRY, _POINTER = 2, 12, 4

_ASCII, _SHORT, _LONG, _RATIONAL = 2, 3, 4, 5

Tag = ExifTags.Base
_SIDES = (
    (Tag.ImageWidth, Tag.ImageLength),
    (Tag.ExifImageWidth, Tag.ExifImageHeight),
)
_THUMBNAILS = (
    (Tag.JpegIFOffset, Tag.JpegIFByteCount),
    (Tag.StripOffsets, Tag.StripByteCounts),
)
_JPEG = 6
_INCH = 2

ROOM = 12_288
"""Bytes for a thumbnail: one of 160 × 160 takes 4 to 10 kB, and of noise 7.8 kB."""

THUMBNAIL_BYTES = ROOM + 100
"""Bytes that a thumbnail adds to the block, with what says where it is."""


class _Block:
    """A TIFF structure without pixels, and its first directory.

    Raises:
        ValueError, struct.error: it is none.
    """

    def __init__(self, raw: bytes) -> None:
        self.data = bytearray(raw.removeprefix(PREFIX))
        orders = {b"II*\0": "<", b"MM\0*": ">"}
        order = orders.get(bytes(self.data[:4]))
        if order is None:
            msg = "no EXIF"
            raise ValueError(msg)
        self._order = order
        self.zeroth = self.unpack("L", 4)
        self.end_of(self.zeroth)

    def __bytes__(self) -> bytes:
        return PREFIX + bytes(self.data)

    def unpack(self, kind: str, at: int) -> int:
        (value,) = struct.unpack_from(self._order + kind, self.data, at)
        return int(value)

    def pack(self, kinds: str, *values: int) -> bytes:
        return struct.pack(self._order + kinds, *values)

    def put(self, at: int, data: bytes) -> None:
        self.data[at : at + len(data)] = data

    def end_of(self, directory: int) -> int:
        """Return where a directory's entries end, and where the next one is said.

        Raises:
            ValueError, struct.error: it isn't inside.
        """
        end = directory + _COUNT + _ENTRY * self.unpack("H", directory)
        if directory < _HEADER or end > len(self.data):
            msg = "truncated EXIF"
            raise ValueError(msg)
        # Some writers end with the last entry.
        self.data += bytes(max(0, end + _POINTER - len(self.data)))
        return end

    def entries(self, directory: int) -> dict[int, int]:
        """Return where the entry of each tag is."""
        places = range(directory + _COUNT, self.end_of(directory), _ENTRY)
        return {self.unpack("H", at): at for at in reversed(places)}

    def value(self, entry: int) -> int:
        """Return the number in an entry: its value, or where it is."""
        short = self.unpack("H", entry + 2) == _SHORT
        return self.unpack("H" if short else "L", entry + 8)

    def append(self, data: bytes) -> int:
        """Put data behind everything, where it may begin; return where."""
        self.data += bytes(len(self.data) % 2)
        self.data += data
        return len(self.data) - len(data)


def updated(
    raw: bytes | None, height: int, width: int, software: str | None
) -> bytes | None:
    """Bring EXIF up to date: upright, of this size, and without a thumbnail.

    Args:
        raw: starts with `Exif\\0\\0`; None if there is none.
        height: of the picture.
        width: of the picture.
        software: what made it, more than 3 characters; named if the EXIF names none.

    Returns:
        None if there is nothing to say, or no sense in `raw`.
    """
    if raw is None and software is None:
        return None
    try:
        block = _Block(_EMPTY if raw is None else raw)
        _remove_thumbnail(block)
        entries = block.entries(block.zeroth)
        if Tag.Orientation in entries:
            _set(block, entries[Tag.Orientation], _SHORT, 1)
        _resize(block, entries, height, width)
        if software is not None and Tag.Software not in entries:
            _insert_text(block, Tag.Software, software)
    except (ValueError, struct.error):
        return None
    return bytes(block)


def has_thumbnail(raw: bytes) -> bool:
    """Tell whether there is a picture in EXIF."""
    try:
        block = _Block(raw)
        return any(size for _, size in _thumbnails(block))
    except (ValueError, struct.error):
        return False


def with_thumbnail(raw: bytes, jpeg: bytes, room: int) -> bytes:
    """Put a thumbnail behind what `updated` returned.

    Args:
        raw: that.
        jpeg: up to `room` bytes; if it has none, no thumbnail is found there.
        room: as many are taken, so that the length doesn't depend on what is in it.
    """
    block = _Block(raw)
    numbers = (
        (Tag.Compression, _SHORT, _JPEG),
        (Tag.XResolution, _RATIONAL, None),
        (Tag.YResolution, _RATIONAL, None),
        (Tag.ResolutionUnit, _SHORT, _INCH),
        (Tag.JpegIFOffset, _LONG, None),
        (Tag.JpegIFByteCount, _LONG, len(jpeg)),
    )
    size = _COUNT + _ENTRY * len(numbers) + _POINTER
    directory = block.append(bytes(size))
    resolution = block.append(block.pack("LL", 72, 1))
    place = block.append(jpeg.ljust(room, b"\0"))
    block.put(directory, block.pack("H", len(numbers)))
    for index, (tag, kind, value) in enumerate(numbers):
        where = place if kind == _LONG else resolution
        entry = directory + _COUNT + _ENTRY * index
        block.put(entry, block.pack("H", tag))
        _set(block, entry, kind, where if value is None else value)
    if jpeg:
        block.put(block.end_of(block.zeroth), block.pack("L", directory))
    return bytes(block)


def without_orientation(raw: bytes) -> bytes:
    """Leave the tag out that says the picture is upright, as it is without it, too."""
    block = _Block(raw)
    entry = block.entries(block.zeroth).get(Tag.Orientation)
    if entry is None:
        return raw
    end = block.end_of(block.zeroth) + _POINTER
    block.put(block.zeroth, block.pack("H", block.unpack("H", block.zeroth) - 1))
    block.put(entry, bytes(block.data[entry + _ENTRY : end]) + bytes(_ENTRY))
    return bytes(block)


def _resize(block: _Block, entries: dict[int, int], height: int, width: int) -> None:
    directories = [entries]
    if Tag.ExifOffset in entries:
        directories.append(block.entries(block.value(entries[Tag.ExifOffset])))
    for known in directories:
        for tags in _SIDES:
            for tag, side in zip(tags, (width, height), strict=True):
                if tag in known:
                    _set(block, known[tag], _LONG, side)


def _set(block: _Block, entry: int, kind: int, value: int) -> None:
    """Make an entry one number, or say where its value is."""
    field = block.pack("H2x" if kind == _SHORT else "L", value)
    block.put(entry + 2, block.pack("HL", kind, 1) + field)


def _insert_text(block: _Block, tag: int, text: str) -> None:
    """Write the first directory anew, behind everything, with one entry more."""
    value = text.encode("ascii", "replace") + b"\0"
    end = block.end_of(block.zeroth)
    places = range(block.zeroth + _COUNT, end, _ENTRY)
    entries = [bytes(block.data[at : at + _ENTRY]) for at in places]
    following = bytes(block.data[end : end + _POINTER])
    before = sum(block.unpack("H", at) < tag for at in places)
    place = block.append(value)
    entries.insert(before, block.pack("HHLL", tag, _ASCII, len(value), place))
    count = block.pack("H", len(entries))
    block.zeroth = block.append(count + b"".join(entries) + following)
    block.put(4, block.pack("L", block.zeroth))


def _thumbnails(block: _Block) -> list[tuple[int, int]]:
    """Return where the pictures of the second directory are, and their sizes.

    Raises:
        ValueError, struct.error: it isn't inside.
    """
    directory = block.unpack("L", block.end_of(block.zeroth))
    if not directory:
        return []
    entries = block.entries(directory)
    return [
        (block.value(entries[at]), block.value(entries[size]))
        for at, size in _THUMBNAILS
        if at in entries and size in entries
    ]


def _remove_thumbnail(block: _Block) -> None:
    """Forget the second directory, and blank the picture that it leads to."""
    pointer = block.end_of(block.zeroth)
    try:
        found = _thumbnails(block)
    except (ValueError, struct.error):
        found = []
    block.put(pointer, bytes(_POINTER))
    for at, size in found:
        end = min(at + size, len(block.data))
        # A picture that overlaps the first directory is none.
        if at < _HEADER or (at < pointer + _POINTER and end > block.zeroth):
            continue
        if end == len(block.data):
            del block.data[at:]
        else:
            block.put(at, bytes(max(0, end - at)))
