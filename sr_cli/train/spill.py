"""Bytes that wait on the disk when memory is too small for them."""

import errno
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sr_cli.errors import DataError

Bytes = NDArray[np.uint8]

KEPT_FREE = 2**30
"""Bytes of the disk that are left to checkpoints and everybody else."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an array lies in the file."""

    start: int
    shape: tuple[int, ...]

    def cut(self, memory: Bytes) -> Bytes:
        """Return the array as a view of `memory`, the whole file."""
        stop = self.start + math.prod(self.shape)
        return memory[self.start : stop].reshape(self.shape)


class Spill:
    """Arrays in a file that no folder lists, read back as if they were in memory.

    POSIX frees such a file when its process ends, even if that is killed.  What is
    read stays in memory for as long as nothing else needs the room.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._size = 0
        with self._disk_errors():
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115

    def __enter__(self) -> "Spill":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise DataError(
                f"After {self._size / 2**30:.1f} GiB, {self._folder} takes no more "
                f"decoded photos: {reason}",
                "Make room there, use fewer photos, or raise --cache-gib",
            ) from error

    def add(self, array: Bytes) -> Place:
        """Write an array behind the others.

        Raises:
            DataError: the disk is as good as full.
        """
        place = Place(self._size, array.shape)
        with self._disk_errors():
            # A write to a mapped file on a full disk would kill the process, so
            # nothing is mapped until all is written.
            if shutil.disk_usage(self._folder).free < array.nbytes + KEPT_FREE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._file.write(np.ascontiguousarray(array).data)
        self._size += array.nbytes
        return place

    def memory(self) -> Bytes:
        """Map all that was written; that outlasts this object.

        Raises:
            DataError: the disk is full.
        """
        with self._disk_errors():
            self._file.flush()
            # As a plain array: slicing memmap's own class takes longer.
            return np.asarray(np.memmap(self._file, np.uint8, "r"))
