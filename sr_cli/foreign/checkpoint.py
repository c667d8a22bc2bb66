"""What torch saved, opened without torch: a tree of data, and the numbers behind it.

Two containers hold them.  Since torch 1.6 it is a zip archive whose members are stored
as they are; before, pickles and raw numbers follow one another.  Nothing is read until
it is asked for, and nothing is made that is larger than the file.
"""

import io
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from sr_cli.foreign.pickled import (
    LARGEST,
    Storage,
    StoredTensor,
    UnreadableError,
    read_pickle,
)

_MAGIC = 0x1950A86A20F9469CFC6C  # of the older container
_PROTOCOL = 1001
_DIRECTORY = 4 * 2**20  # bytes of a zip's; torch's has 100 for each tensor

_BFLOAT16 = "BFloat16Storage"
_NUMBERS = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    _BFLOAT16: "<u2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}


def _dtype(storage: Storage) -> np.dtype[Any]:
    if storage.kind not in _NUMBERS:
        raise UnreadableError(f"it holds a {storage.kind}, which srup doesn't know")
    return np.dtype(_NUMBERS[storage.kind])


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """An open file."""

    tree: Any
    """Dictionaries, lists and plain values, with `StoredTensor` and `Instance`."""
    read: Callable[[Storage], bytes]

    def numbers(self, tensor: StoredTensor) -> NDArray[Any]:
        """Read `tensor` as it is, bfloat16 as float32.

        Raises:
            UnreadableError: it is larger than the file.
        """
        storage, dtype = tensor.storage, _dtype(tensor.storage)
        if len(tensor.shape) != len(tensor.strides):
            raise UnreadableError("a tensor in it has an impossible shape")
        count = prod(tensor.shape)
        if count == 0:
            return np.zeros(tensor.shape, dtype)
        steps = zip(tensor.shape, tensor.strides, strict=True)
        last = tensor.offset + sum((n - 1) * stride for n, stride in steps)
        if count > storage.count or last >= storage.count:
            raise UnreadableError("a tensor in it is larger than its numbers")
        numbers = np.frombuffer(self.read(storage), dtype)
        # Beyond the end, `as_strided` would show what else is in memory.
        if last >= numbers.size:
            raise UnreadableError("it ends too early")
        if storage.kind == _BFLOAT16:
            numbers = (numbers.astype(np.uint32) << np.uint32(16)).view(np.float32)
        strides = [stride * numbers.itemsize for stride in tensor.strides]
        return np.array(as_strided(numbers[tensor.offset :], tensor.shape, strides))

    def tensor(self, tensor: StoredTensor) -> NDArray[np.float32]:
        """Read the numbers of a weight.

        Raises:
            UnreadableError: they are none, or more than the file has.
        """
        kind = tensor.storage.kind
        if _dtype(tensor.storage).kind != "f" and kind != _BFLOAT16:
            raise UnreadableError(f"a weight in it is a {kind}")
        return np.array(self.numbers(tensor), np.float32, order="C")


class _Cautious(io.FileIO):
    """A file of which nothing larger than `most` bytes is read at once."""

    most = _DIRECTORY

    def read(self, size: int | None = -1) -> bytes:
        wanted = self.most + 1 if size is None or size < 0 else size
        if wanted <= self.most + 1:
            found = super().read(wanted) or b""
            if len(found) <= self.most:
                return found
        raise UnreadableError("its directory is too large")


def _member(archive: zipfile.ZipFile, name: str, size: int, most: int) -> bytes:
    """Read a member that is as large as it says and no larger than `most`."""
    try:
        member = archive.getinfo(name)
    except KeyError:
        raise UnreadableError(f"it lacks its part {name}") from None
    if member.compress_type != zipfile.ZIP_STORED:
        # Only so is what is read never larger than the file.
        raise UnreadableError(f"its part {name} is compressed, which torch never does")
    if member.file_size > most or size not in (-1, member.file_size):
        raise UnreadableError(f"its part {name} has the wrong size")
    content = archive.read(member)
    # A directory may tell two sizes; the smaller one is read, and isn't checked.
    if len(content) < member.file_size:
        raise UnreadableError(f"its part {name} has the wrong size")
    return content


@contextmanager
def _open_zip(path: Path) -> Iterator[Checkpoint]:
    with _Cautious(path) as stream, zipfile.ZipFile(stream) as archive:
        size = stream.most = path.stat().st_size
        names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(names) != 1:
            raise UnreadableError("it is a zip archive, but not torch's")
        entries = archive.infolist()
        stored = [one for one in entries if one.compress_type == zipfile.ZIP_STORED]
        if sum(one.file_size for one in stored) > size:
            raise UnreadableError("its parts lie on one another")
        root = names[0].removesuffix("data.pkl")
        if f"{root}constants.pkl" in archive.namelist():
            raise UnreadableError("it is a TorchScript program, not weights alone")
        order = f"{root}byteorder"
        if order in archive.namelist() and _member(archive, order, 6, 6) != b"little":
            raise UnreadableError("it was saved on a big-endian machine")
        pickled = read_pickle(io.BytesIO(_member(archive, names[0], -1, LARGEST)))

        # Once, however many tensors share it: 100 MB take 0.16 s, and there is room
        # for the names of 40,000 tensors.
        @cache
        def read(storage: Storage) -> bytes:
            name = f"{root}data/{storage.key}"
            return _member(
                archive, name, storage.count * _dtype(storage).itemsize, size
            )

        yield Checkpoint(pickled.value, read)


def _places(
    keys: Any, storages: dict[str, Storage], stream: IO[bytes], size: int
) -> dict[str, int]:
    """Return where the numbers of each storage begin."""
    found = {}
    for key in keys:
        storage = storages.get(str(key))
        (count,) = struct.unpack("<q", stream.read(8))
        if storage is None or storage.count != count:
            raise UnreadableError("its tensors don't fit their numbers")
        found[storage.key] = stream.tell()
        end = stream.tell() + count * _dtype(storage).itemsize
        if end > size:
            raise UnreadableError("it ends too early")
        stream.seek(end)
    return found


@contextmanager
def _open_legacy(path: Path) -> Iterator[Checkpoint]:
    with path.open("rb") as stream:
        size = path.stat().st_size
        beginning = io.BytesIO(stream.read(LARGEST))
        values = [read_pickle(beginning).value for _ in range(3)]
        if values[:2] != [_MAGIC, _PROTOCOL]:
            raise UnreadableError("torch did not save it")
        if not isinstance(values[2], dict) or not values[2].get("little_endian"):
            raise UnreadableError("it was saved on a big-endian machine")
        pickled = read_pickle(beginning)
        keys = read_pickle(beginning).value
        stream.seek(beginning.tell())
        places = _places(keys, pickled.storages, stream, size)

        @cache
        def read(storage: Storage) -> bytes:
            stream.seek(places[storage.key])
            return stream.read(storage.count * _dtype(storage).itemsize)

        yield Checkpoint(pickled.value, read)


@contextmanager
def open_checkpoint(path: Path) -> Iterator[Checkpoint]:
    """Open what `torch.save` wrote.

    Raises:
        UnreadableError: it is something else, damaged, or would run something.
        OSError: the file can't be read.
    """
    with path.open("rb") as stream:
        is_zip = stream.read(4) == b"PK\3\4"
    try:
        with _open_zip(path) if is_zip else _open_legacy(path) as checkpoint:
            yield checkpoint
    # zipfile meets encryption, and methods it lacks, with kinds of RuntimeError.
    except (zipfile.BadZipFile, EOFError, RuntimeError) as error:
        raise UnreadableError(f"it is damaged ({error})") from error
    except (ValueError, LookupError, TypeError, struct.error) as error:
        raise UnreadableError("it is damaged") from error
