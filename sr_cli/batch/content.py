"""Whether a file is still the one that it was."""

from dataclasses import dataclass, replace
from pathlib import Path

from sr_cli.weights import file_sha256


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the system says of a file without reading it."""

    size: int
    """In bytes."""
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> "Stamp":
        """Look at `path`, or at what it links to.

        Raises:
            OSError: there is nothing, or it may not be looked at.
        """
        found = path.stat()
        return cls(found.st_size, found.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Content:
    """What a file held when it was read."""

    size: int
    """In bytes."""
    mtime_ns: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "Content":
        """Read all of `path`.

        Raises:
            OSError: it can't be read.
        """
        found = path.stat()
        return cls(found.st_size, found.st_mtime_ns, file_sha256(path))

    def still(self, path: Path) -> "Content | None":
        """Return this, with the time that `path` has now, if it still holds it.

        It is read only if its size is the same and its time is not.

        Raises:
            OSError: it can't be read.
        """
        found = path.stat()
        if found.st_size != self.size:
            return None
        if found.st_mtime_ns == self.mtime_ns:
            return self
        if file_sha256(path) != self.sha256:
            return None
        return replace(self, mtime_ns=found.st_mtime_ns)
