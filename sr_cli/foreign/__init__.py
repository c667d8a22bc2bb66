"""Weights that other programs wrote, as networks that srup runs.

What a file holds is read as data: nothing in it is executed, torch isn't needed, and no
memory is taken for more than the file has.  `sr_cli.foreign.layouts` lists whose
SRResNets are known; they are recognised by the names and shapes of their tensors.  For
what else there is, `read_opaque` asks spandrel, where that is installed.
"""

from importlib.util import find_spec
from pathlib import Path

from sr_cli.errors import WeightsError
from sr_cli.foreign.reading import (
    HEADER_ARCHITECTURE,
    SUFFIXES,
    Foreign,
    UnknownNetworkError,
    read_foreign,
)
from sr_cli.networks.opaque import Opaque

__all__ = [
    "HEADER_ARCHITECTURE",
    "SUFFIXES",
    "Foreign",
    "UnknownNetworkError",
    "read_foreign",
    "read_opaque",
]


def read_opaque(path: Path, unknown: UnknownNetworkError) -> Opaque:
    """Read the weights of a network that only spandrel knows, and runs with torch.

    Args:
        path: the file.
        unknown: what `read_foreign` said of it.

    Raises:
        WeightsError: spandrel isn't installed, or doesn't know it either.
    """
    if path.suffix.lower() == ".onnx":
        raise unknown
    if find_spec("spandrel") is None:
        raise WeightsError(
            unknown.message,
            "Run `pip install 'srup[spandrel]'`, which knows many more networks",
        ) from unknown
    from sr_cli.foreign.spandrel_state import recognised

    return recognised(path, unknown)
