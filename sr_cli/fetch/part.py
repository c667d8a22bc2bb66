"""The beginning of a file that is on its way, kept on disk."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sr_cli.errors import DataError

_BLOCK = 1 << 18


class Part:
    """What has arrived of a file, beside its target.

    A note says which version of the file it is the beginning of, so that another
    process can go on with it.

    Attributes:
        done: how many bytes have arrived.
        digest: their sha256.
        tag: by what the server knows the version, if it said.
        total: how many bytes there will be, if it said.
    """

    def __init__(self, target: Path, url: str) -> None:
        self.target, self.url = target, url
        self.path = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f"{target.name}.part.json")
        self.tag, self.total = self._read_note()
        self._stream = self.path.open("a+b")
        self.done, self.digest = 0, hashlib.sha256()
        self._stream.seek(0)
        while block := self._stream.read(_BLOCK):
            self.digest.update(block)
            self.done += len(block)

    def _read_note(self) -> tuple[str | None, int | None]:
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            if note["url"] == self.url:
                return note["tag"], note["total"]
        except (OSError, ValueError, KeyError, TypeError):
            pass
        self.path.unlink(missing_ok=True)  # nobody knows what it is the beginning of
        return None, None

    def restart(self) -> None:
        """Forget what has arrived."""
        self._stream.truncate(0)
        self.done, self.digest = 0, hashlib.sha256()

    def describe(self, tag: str | None, total: int | None) -> None:
        """Note by what the server knows this version, and its size in bytes."""
        if not self._note.exists() or (tag, total) != (self.tag, self.total):
            note = {"url": self.url, "tag": tag, "total": total}
            self._note.write_text(json.dumps(note), encoding="utf-8")
        self.tag, self.total = tag, total

    def append(self, block: bytes) -> None:
        """Add what has arrived next."""
        self._stream.write(block)
        self.digest.update(block)
        self.done += len(block)

    def finish(self) -> None:
        """Give the file its name; it is complete."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self.close()
        self.path.replace(self.target)
        self._note.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove everything; it is of no use."""
        self.close()
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def close(self) -> None:
        """Keep what has arrived for another time."""
        self._stream.close()


@contextmanager
def writing(part: Part) -> Iterator[None]:
    """Tell failures of the disk from those of the network."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"Cannot write {part.path} ({error.strerror or error})",
            "Free some space there, and try again: what has arrived is kept",
        ) from error
