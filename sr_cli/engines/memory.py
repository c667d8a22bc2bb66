"""Memory that runs out, however an engine says so."""

from collections.abc import Iterator
from contextlib import contextmanager

from sr_cli.engines import Batch
from sr_cli.errors import OutOfMemoryError


@contextmanager
def memory_errors(batch: Batch) -> Iterator[None]:
    """Turn what an engine raises when `batch` does not fit into one error.

    Raises:
        OutOfMemoryError: for MemoryError, and for the RuntimeError in whose message
            torch, onnxruntime and OpenVINO speak of an allocation.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        said = str(error).lower()
        if isinstance(error, MemoryError) or "alloc" in said or "out of memory" in said:
            height, width = batch.shape[2:]
            raise OutOfMemoryError(
                f"A tile of {width}×{height} doesn't fit into memory",
                "Use a smaller --tile",
            ) from error
        raise
