"""EXIF as it is found ─▶ EXIF of an upright picture.

Where nothing is wrong with it, only the orientation's two bytes change: positions
that a maker's notes count on, a thumbnail and whatever else is in there stay.
"""

import struct
from dataclasses import dataclass
from io import BytesIO

from PIL import ExifTags

from sr_cli.picture.decoders.directory import (
    BIG,
    LONG,
    SHORT,
    Directory,
    Entry,
    Form,
    directory_at,
    first_directory,
)

Tag = ExifTags.Base

PREFIX = b"Exif\0\0"

_DETAILS, _GPS, _INTEROP = Tag.ExifOffset, Tag.GPSInfo, 0xA005
_THUMBNAIL, _THUMBNAIL_SIZE = Tag.JpegIFOffset, Tag.JpegIFByteCount

# Alone they say nothing that the picture doesn't already carry.
_REDUNDANT = frozenset(
    {
        Tag.Orientation,
        Tag.XResolution,
        Tag.YResolution,
        Tag.ResolutionUnit,
        Tag.YCbCrPositioning,
    }
)

# What a TIFF's directory says of the photograph; the rest is how the file stores it.
_DESCRIPTIVE = frozenset(
    {
        Tag.DocumentName,
        Tag.ImageDescription,
        Tag.Make,
        Tag.Model,
        Tag.Orientation,
        Tag.PageName,
        Tag.XResolution,
        Tag.YResolution,
        Tag.ResolutionUnit,
        Tag.Software,
        Tag.DateTime,
        Tag.Artist,
        Tag.HostComputer,
        Tag.Rating,
        Tag.RatingPercent,
        Tag.Copyright,
        Tag.XPTitle,
        Tag.XPComment,
        Tag.XPAuthor,
        Tag.XPKeywords,
        Tag.XPSubject,
    }
)

_MAX_SIZE = 2**24
"""Bytes that a directory's values may take: they may all be in the same place."""

_PER_INCH = {2: 1.0, 3: 2.54}

_Value = tuple[int, int, bytes]
"""Type, count and bytes."""

_Tree = dict[int, "_Value | _Tree"]
"""Directories are under the tags that point to them."""


@dataclass(frozen=True, slots=True)
class Exif:
    """What of it is worth keeping."""

    block: bytes | None = None
    """Starts with `Exif\\0\\0`; says that the picture is upright, if anything."""

    orientation: int | None = None
    """As found, 1 to 8; None if nothing is said."""

    dpi: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()


NOTHING = Exif()


@dataclass(frozen=True, slots=True)
class _Parts:
    """The directories of EXIF, and a thumbnail's bytes."""

    zeroth: Directory
    nested: dict[int, Directory]
    first: Directory | None
    thumbnail: bytes
    sound: bool


def upright(raw: bytes) -> Exif:
    """Read EXIF, and say in it that the picture is upright."""
    block = raw.removeprefix(PREFIX)
    try:
        parts = _parts(BytesIO(block))
    except ValueError:
        return Exif(notes=("The EXIF data is damaged and was left out",))
    orientation = _orientation(parts.zeroth)
    dpi = resolution(parts.zeroth)
    if set(parts.zeroth.entries) <= _REDUNDANT and parts.first is None:
        return Exif(orientation=orientation, dpi=dpi)
    notes: tuple[str, ...] = ()
    entry = parts.zeroth.entries.get(Tag.Orientation)
    if not parts.sound:
        block = _rebuilt(parts)
        notes = ("Part of the EXIF data is damaged and was left out",)
    elif entry is not None and (entry.kind, entry.count) == (SHORT, 1):
        block = _patched(block, parts.zeroth.form, entry)
    elif entry is not None:
        block = _rebuilt(parts)
    return Exif(PREFIX + block, orientation, dpi, notes)


def of_tiff(zeroth: Directory) -> Exif:
    """Take from a TIFF's directory what describes the photograph, as EXIF."""
    orientation = _orientation(zeroth)
    dpi = resolution(zeroth)
    nested, sound = _nested(zeroth)
    keep = _DESCRIPTIVE & set(zeroth.entries)
    # Only values in the same place can be more than the file.
    if sum(zeroth.entries[tag].size for tag in keep) > zeroth.stream.seek(0, 2):
        keep, sound = frozenset(), False
    tree = _tree(zeroth, nested, keep=keep | set(nested))
    notes = () if sound else ("Part of the EXIF data is damaged and was left out",)
    if not set(tree) - _REDUNDANT:
        return Exif(orientation=orientation, dpi=dpi, notes=notes)
    block = _serialised(zeroth.form, tree)
    return Exif(PREFIX + block, orientation, dpi, notes)


def resolution(directory: Directory) -> tuple[float, float] | None:
    """Look up the dots per inch across and down."""
    try:
        unit = _PER_INCH.get(directory.integer(Tag.ResolutionUnit, 2))
    except ValueError:
        return None
    sides = [directory.numbers(tag)[:1] for tag in (Tag.XResolution, Tag.YResolution)]
    if unit is None or not all(sides):
        return None
    return sides[0][0] * unit, sides[1][0] * unit


def _orientation(directory: Directory) -> int | None:
    if Tag.Orientation not in directory.entries:
        return None
    value = (directory.numbers(Tag.Orientation) or [1])[0]
    return int(value) if value in range(1, 9) else 1


def _parts(stream: BytesIO) -> _Parts:
    form, at = first_directory(stream)
    if form.big:
        msg = "EXIF has no positions of 64 bits"
        raise ValueError(msg)
    zeroth = directory_at(stream, form, at)
    nested, sound = _nested(zeroth)
    first, thumbnail = None, b""
    if zeroth.next:
        try:
            first = directory_at(stream, form, zeroth.next)
            sound = sound and first.sound
            thumbnail = _thumbnail(stream, first)
        except ValueError:
            first, sound = None, False
    if _size(zeroth) + (_size(first) if first else 0) > _MAX_SIZE:
        msg = "more EXIF than there can be"
        raise ValueError(msg)
    return _Parts(zeroth, nested, first, thumbnail, sound and zeroth.sound)


def _nested(zeroth: Directory) -> tuple[dict[int, Directory], bool]:
    """Read the directories inside, those that can be, and tell if that is all."""
    found: dict[int, Directory] = {}
    sound = True
    for outer, pointer in ((None, _DETAILS), (None, _GPS), (_DETAILS, _INTEROP)):
        directory = zeroth if outer is None else found.get(outer)
        if directory is None or pointer not in directory.entries:
            continue
        try:
            inner = directory_at(zeroth.stream, zeroth.form, directory.integer(pointer))
        except ValueError:
            sound = False
            continue
        if _size(inner) > _MAX_SIZE:
            sound = False
            continue
        found[pointer] = inner
        sound = sound and inner.sound
    return found, sound


def _size(directory: Directory) -> int:
    return sum(entry.size for entry in directory.entries.values())


def _thumbnail(stream: BytesIO, first: Directory) -> bytes:
    """Read the thumbnail's JPEG; a raw one, in strips, is none.

    Raises:
        ValueError: it is not where it should be.
    """
    if _THUMBNAIL not in first.entries:
        return b""
    stream.seek(first.integer(_THUMBNAIL))
    size = first.integer(_THUMBNAIL_SIZE)
    data = stream.read(size)
    if not 0 < len(data) == size:
        msg = "truncated thumbnail"
        raise ValueError(msg)
    return data


def _patched(block: bytes, form: Form, orientation: Entry) -> bytes:
    changed = bytearray(block)
    struct.pack_into(f"{form.order}H", changed, orientation.at, 1)
    return bytes(changed)


def _rebuilt(parts: _Parts) -> bytes:
    zeroth = _tree(parts.zeroth, parts.nested, keep=set(parts.zeroth.entries))
    first = None
    if parts.first is not None:
        first = _tree(parts.first, {}, keep=set(parts.first.entries))
    return _serialised(parts.zeroth.form, zeroth, first, parts.thumbnail)


def _tree(
    directory: Directory, nested: dict[int, Directory], keep: frozenset[int] | set[int]
) -> _Tree:
    tree: _Tree = {}
    for tag, entry in directory.entries.items():
        if tag in nested:
            found = nested[tag]
            within = {_INTEROP} & set(nested) if tag == _DETAILS else set()
            inner = {pointer: nested[pointer] for pointer in within}
            tree[tag] = _tree(found, inner, set(found.entries))
        elif tag == Tag.Orientation:
            tree[tag] = SHORT, 1, struct.pack(f"{directory.form.order}H", 1)
        elif tag in keep - {_DETAILS, _GPS, _INTEROP} and entry.kind not in BIG:
            tree[tag] = entry.kind, entry.count, directory.data(tag)
    return tree


def _serialised(
    form: Form, zeroth: _Tree, first: _Tree | None = None, thumbnail: bytes = b""
) -> bytes:
    order = form.order
    out = bytearray(b"II*\0" if order == "<" else b"MM\0*")
    out += struct.pack(f"{order}L", 8)
    after = _append(out, order, zeroth)
    if first is not None:
        struct.pack_into(f"{order}L", out, after, len(out))
        size = struct.pack(f"{order}L", len(thumbnail))
        if thumbnail:
            first |= {_THUMBNAIL: (LONG, 1, bytes(4)), _THUMBNAIL_SIZE: (LONG, 1, size)}
        at = len(out)
        _append(out, order, first)
        if thumbnail:
            index = sorted(first).index(_THUMBNAIL)
            struct.pack_into(f"{order}L", out, at + 2 + 12 * index + 8, len(out))
            out += thumbnail
    return bytes(out)


def _append(out: bytearray, order: str, tree: _Tree) -> int:
    """Write a directory and what is in it; return where the next one's place goes."""
    at = len(out)
    out += struct.pack(f"{order}H", len(tree)) + bytes(12 * len(tree) + 4)
    for index, (tag, value) in enumerate(sorted(tree.items())):
        place = struct.pack(f"{order}L", len(out))
        if isinstance(value, dict):
            kind, count, field = LONG, 1, place
            _append(out, order, value)
        else:
            kind, count, data = value
            field = data.ljust(4, b"\0") if len(data) <= 4 else place
            if len(data) > 4:
                out += data + bytes(len(data) % 2)
        entry = struct.pack(f"{order}HHL4s", tag, kind, count, field)
        out[at + 2 + 12 * index : at + 14 + 12 * index] = entry
    return at + 2 + 12 * len(tree)
