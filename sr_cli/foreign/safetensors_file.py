"""Safetensors files, read with every size checked before anything is made."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sr_cli.foreign.pickled import LARGEST, UnreadableError

_MOST_DIMENSIONS = 8  # as in `pickled`; numpy has 32, and since 2.0 64
_LARGEST_SIZE = 2**40
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_OTHERS = {
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1"},
    **{"U8": "u1", "U16": "<u2", "BOOL": "?"},
}
_ALL = {**_DTYPES, **_OTHERS}


@dataclass(frozen=True, slots=True)
class Slice:
    """A tensor that is still in its file."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    """Of its bytes, from the file's beginning."""


@dataclass(frozen=True, slots=True)
class TensorsFile:
    """An open file."""

    header: dict[str, str]
    """What the file says of itself."""
    tensors: dict[str, Slice]
    stream: IO[bytes]

    def numbers(self, tensor: Slice) -> NDArray[Any]:
        """Read `tensor` as it is, bfloat16 as float32."""
        dtype = np.dtype(_ALL[tensor.dtype])
        self.stream.seek(tensor.begin)
        raw = self.stream.read(prod(tensor.shape) * dtype.itemsize)
        numbers = np.frombuffer(raw, dtype)
        if tensor.dtype == "BF16":
            numbers = (numbers.astype(np.uint32) << np.uint32(16)).view(np.float32)
        return numbers.reshape(tensor.shape).copy()

    def tensor(self, tensor: Slice) -> NDArray[np.float32]:
        """Read the numbers of a weight.

        Raises:
            UnreadableError: they are no floating-point numbers.
        """
        if tensor.dtype not in _DTYPES:
            raise UnreadableError(f"a weight in it is {tensor.dtype}")
        return self.numbers(tensor).astype(np.float32)


def _slice(facts: Any, start: int, size: int) -> Slice:
    dtype, shape = facts["dtype"], tuple(facts["shape"])
    begin, end = facts["data_offsets"]
    possible = len(shape) <= _MOST_DIMENSIONS and max(shape, default=0) <= _LARGEST_SIZE
    if not possible or not all(
        isinstance(n, int) and n >= 0 for n in (*shape, begin, end)
    ):
        raise UnreadableError("a tensor in it has an impossible shape")
    if (
        end - begin != prod(shape) * np.dtype(_ALL[dtype]).itemsize
        or start + end > size
    ):
        raise UnreadableError("a tensor in it doesn't fit its numbers")
    return Slice(dtype, shape, start + begin)


def _parsed(stream: IO[bytes], size: int) -> tuple[dict[str, str], dict[str, Slice]]:
    length = int.from_bytes(stream.read(8), "little")
    if not 2 <= length <= min(LARGEST, size - 8):
        raise UnreadableError("it is no safetensors file, or damaged")
    content = json.loads(stream.read(length))
    facts = {str(k): str(v) for k, v in content.pop("__metadata__", {}).items()}
    return facts, {k: _slice(v, 8 + length, size) for k, v in content.items()}


@contextmanager
def open_tensors(path: Path) -> Iterator[TensorsFile]:
    """Open a safetensors file.

    Raises:
        UnreadableError: it is damaged, or claims more than it holds.
        OSError: the file can't be read.
    """
    with path.open("rb") as stream:
        try:
            header, tensors = _parsed(stream, path.stat().st_size)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise UnreadableError("it is no safetensors file, or damaged") from error
        except RecursionError as error:
            raise UnreadableError("its header is nested too deeply") from error
        yield TensorsFile(header, tensors, stream)
