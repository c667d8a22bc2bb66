"""What a batch has done, so that none of it is done again.

A file of JSON lines beside the results, appended to and synchronised after every
picture.  What a killed process left of a last line is dropped.
"""

import json
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from sr_cli.batch.content import Content
from sr_cli.whole_file import whole_file


@dataclass(frozen=True, slots=True)
class Record:
    """One result that was finished."""

    result: str
    """Its path below the output folder, with `/`."""
    made: Content
    width: int
    height: int
    """Of the result, in pixels."""
    source: str
    """The input's absolute path at that time."""
    read: Content
    """What the input held."""
    settings: str
    """What made the one of the other, as `Settings` names it."""

    @property
    def key(self) -> tuple[str, str]:
        """The same for two results that are byte-identical."""
        return self.read.sha256, self.settings


def read_records(path: Path) -> dict[str, Record]:
    """Read a journal: the last record of each result.

    Lines that are torn or make no sense are passed over; without a file there are no
    records.

    Raises:
        OSError: it can't be read.
    """
    return _read(path)[0]


class Journal:
    """A journal that is open for more; one process at a time may have it open.

    Opening it drops lines that no longer count.  Safe to use from several threads.

    Args:
        path: the file; its folder exists.

    Raises:
        OSError: it can't be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._records, clean = _read(path)
        if not clean:
            with whole_file(path, overwrite=True) as stream:
                for record in self._records.values():
                    stream.write(_line(asdict(record)))
        self.path = path
        self._made = {record.key: record for record in self._records.values()}
        self._lock = threading.Lock()
        # Not buffered: what could not be written must not be tried again later.
        self._stream = path.open("ab", buffering=0)
        self._size = self._stream.tell()

    @property
    def records(self) -> Mapping[str, Record]:
        """The last record of each result, by its path."""
        return self._records

    def alike(self, key: tuple[str, str]) -> Record | None:
        """Return a record whose result is byte-identical to what `key` gives."""
        with self._lock:
            return self._made.get(key)

    def add(self, *records: Record) -> None:
        """Write records and wait until the disk has them.

        Raises:
            OSError: they can't be written; then none was.
        """
        with self._lock:
            self._append(b"".join(_line(asdict(record)) for record in records))
            self._records |= {record.result: record for record in records}
            self._made |= {record.key: record for record in records}

    def forget(self, result: str) -> None:
        """Take back the record of a result.

        Raises:
            OSError: as `add`.
        """
        with self._lock:
            self._append(_line({"result": result, "forget": True}))
            record = self._records.pop(result, None)
            if record is not None and self._made.get(record.key) == record:
                del self._made[record.key]

    def is_in_place(self) -> bool:
        """Tell whether the file is still where it was opened."""
        try:
            found = self.path.stat()
        except OSError:
            return False
        return os.path.samestat(found, os.fstat(self._stream.fileno()))

    def close(self) -> None:
        """Write no more."""
        self._stream.close()

    def _append(self, lines: bytes) -> None:
        number, rest = self._stream.fileno(), lines
        try:
            while rest:
                rest = rest[os.write(number, rest) :]
            os.fsync(number)
        except BaseException:
            with suppress(OSError):
                os.ftruncate(number, self._size)
            raise
        self._size += len(lines)


def _line(facts: Mapping[str, Any]) -> bytes:
    return json.dumps(facts).encode("ascii") + b"\n"


def _read(path: Path) -> tuple[dict[str, Record], bool]:
    """Return the records, and whether the file holds them and nothing else."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}, True
    records: dict[str, Record] = {}
    lines = data.splitlines(keepends=True)
    for line in lines:
        try:
            facts = json.loads(line)
            if facts.get("forget"):
                records.pop(facts["result"], None)
                continue
            record = _record(facts)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        records[record.result] = record
    clean = len(records) == len(lines) and (not data or data.endswith(b"\n"))
    return records, clean


def _record(facts: dict[str, Any]) -> Record:
    place = PurePosixPath(facts["result"])
    # Nobody but us writes here; but nothing outside the folder is ever believed.
    if place.is_absolute() or ".." in place.parts:
        raise ValueError(place)
    return Record(
        **{
            **facts,
            "made": Content(**facts["made"]),
            "read": Content(**facts["read"]),
        }
    )
