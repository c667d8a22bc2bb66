"""Memory that runs out, however an engine says so."""

from collections.abc import Iterator
from contextlib import contextmanager

from sr_cli.errors import OutOfMemoryError


@contextmanager
def memory_errors(height: int, width: int) -> Iterator[None]:
    """Turn what an engine raises when its input does not fit into one error.

    Raises:
        OutOfMemoryError: for MemoryError, and for the RuntimeError in whose message
            torch, onnxruntime and OpenVINO speak of an allocation.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        said = str(error).lower()
        if isinstance(error, MemoryError) or "alloc" in said or "out of memory" in said:
            raise OutOfMemoryError(
                f"A tile of {width}×{height} doesn't fit into memory",
                "Use a smaller --tile",
            ) from error
        raise
