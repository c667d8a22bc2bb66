"""Directories as TIFF files and EXIF have them (TIFF 6.0, section 2; BigTIFF)."""

import struct
from dataclasses import dataclass
from typing import IO, Literal

import numpy as np

# A value's type ─▶ how NumPy reads one; rationals are two numbers each
_TYPES = {
    1: "u1",
    2: "u1",
    3: "u2",
    4: "u4",
    5: "2u4",
    6: "i1",
    7: "u1",
    8: "i2",
    9: "i4",
    10: "2i4",
    11: "f4",
    12: "f8",
    13: "u4",
    16: "u8",
    17: "i8",
    18: "u8",
    129: "u1",
}
_SIZES = {kind: np.dtype(name).itemsize for kind, name in _TYPES.items()}
_RATIONALS = (5, 10)
_LARGEST_VALUE = 2**28  # bytes; the longest lists of strips have a tenth

SHORT, LONG = 3, 4
BIG = frozenset({16, 17, 18})  # of 64 bits


@dataclass(frozen=True, slots=True)
class Form:
    """How numbers are written."""

    order: Literal["<", ">"]
    big: bool
    """Whether positions have 64 bits."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one value is."""

    kind: int
    count: int
    at: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.count * _SIZES[self.kind]


@dataclass(frozen=True, slots=True)
class Directory:
    """The values under their tags, and where the next directory is (0: nowhere)."""

    stream: IO[bytes]
    form: Form
    entries: dict[int, Entry]
    next: int

    count: int
    """How many entries it says that it has."""

    sound: bool
    """Whether every entry could be made sense of; `entries` has those that could."""

    truncated: bool
    """Whether the file ends before a value does."""

    def data(self, tag: int) -> bytes:
        """Return the bytes of a value as they are, none if it is missing."""
        entry = self.entries.get(tag)
        if entry is None:
            return b""
        self.stream.seek(entry.at)
        return self.stream.read(entry.size)

    def numbers(self, tag: int) -> list[float]:
        """Return a value's numbers, none if it is missing; n/0 becomes infinite."""
        entry = self.entries.get(tag)
        if entry is None:
            return []
        kind = np.dtype(_TYPES[entry.kind]).newbyteorder(self.form.order)
        values = np.frombuffer(self.data(tag), kind)
        if entry.kind in _RATIONALS:
            with np.errstate(divide="ignore", invalid="ignore"):
                values = values[:, 0] / values[:, 1]
        found: list[float] = values.tolist()
        return found

    def integers(self, tag: int, default: tuple[int, ...] = ()) -> list[int]:
        """Return a value's whole numbers.

        Raises:
            ValueError: they are no whole numbers.
        """
        if tag not in self.entries:
            return list(default)
        numbers = self.numbers(tag)
        if not all(isinstance(number, int) for number in numbers):
            msg = f"the tag {tag} should be whole numbers"
            raise ValueError(msg)
        return [int(number) for number in numbers]

    def integer(self, tag: int, default: int = 0) -> int:
        """Return the first of a value's whole numbers.

        Raises:
            ValueError: it is no whole number.
        """
        numbers = self.integers(tag)
        return numbers[0] if numbers else default


def first_directory(stream: IO[bytes]) -> tuple[Form, int]:
    """Read how a TIFF file writes numbers, and where its first directory is.

    Raises:
        ValueError: it doesn't start as a TIFF file does.
    """
    stream.seek(0)
    head = stream.read(16)
    orders: dict[bytes, Literal["<", ">"]] = {b"II": "<", b"MM": ">"}
    order = orders.get(head[:2])
    if order is not None and len(head) >= 8:
        (magic,) = struct.unpack_from(f"{order}H", head, 2)
        if magic == 42:
            return Form(order, big=False), *struct.unpack_from(f"{order}L", head, 4)
        if head[2:] and magic == 43 and len(head) == 16:
            return Form(order, big=True), *struct.unpack_from(f"{order}Q", head, 8)
    msg = "no TIFF header"
    raise ValueError(msg)


def directory_at(stream: IO[bytes], form: Form, at: int) -> Directory:
    """Read the directory at a position.

    Raises:
        ValueError: the file ends before the directory does.
    """
    end = stream.seek(0, 2)
    number, entry, position = ("Q", "HHQ8s", "Q") if form.big else ("H", "HHL4s", "L")
    count_size = struct.calcsize(form.order + number)
    entry_size = struct.calcsize(form.order + entry)
    (count,) = _unpacked(stream, form.order + number, at)
    if count * entry_size > end:
        raise _truncated()
    start = at + count_size
    stream.seek(start)
    table = stream.read(count * entry_size)
    if len(table) < count * entry_size:
        raise _truncated()
    inside = 8 if form.big else 4
    entries: dict[int, Entry] = {}
    sound, truncated = True, False
    for index, (tag, kind, length, field) in enumerate(
        struct.iter_unpack(form.order + entry, table)
    ):
        size = length * _SIZES.get(kind, _LARGEST_VALUE + 1)
        where = start + (index + 1) * entry_size - inside
        if size > inside:
            (where,) = struct.unpack(form.order + position, field)
        known = kind in _SIZES and tag not in entries
        if not known or size > _LARGEST_VALUE or where + size > end:
            sound = sound and not length
            truncated = truncated or where < end < where + size
            continue
        entries[tag] = Entry(kind, length, where)
    after = start + count * entry_size
    if after == end:  # some writers leave it out
        return Directory(stream, form, entries, 0, count, False, truncated)
    (following,) = _unpacked(stream, form.order + position, after)
    return Directory(stream, form, entries, following, count, sound, truncated)


def _unpacked(stream: IO[bytes], layout: str, at: int) -> tuple[int, ...]:
    stream.seek(at)
    data = stream.read(struct.calcsize(layout))
    if len(data) < struct.calcsize(layout):
        raise _truncated()
    return struct.unpack(layout, data)


def _truncated() -> ValueError:
    return ValueError("truncated directory")
