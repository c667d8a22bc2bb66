"""Networks that spandrel knows, from a state that srup has read as data.

spandrel only gets arrays by name, so nothing of the file is executed.  It builds a
network from their names and shapes, which may lie too: what it makes meanwhile is
counted, and bounded by what the file has.
"""

import copy
import re
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from math import lcm, prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils._python_dispatch import TorchDispatchMode

from sr_cli.errors import WeightsError
from sr_cli.foreign.reading import UnknownNetworkError, read_states
from sr_cli.networks.opaque import Opaque

_ANOTHER_FILE = "Get the file again, or use the weights of another network"

_LARGE_NUMBER = re.compile(r"\d{5}")
"""In a tensor's name it would be the number of a block, up to which spandrel counts."""

_SPARE_NUMBERS = 2**25
_SPARE_TENSORS = 10_000
"""What a network may make beside its weights, such as masks of its windows: SwinIR has
2 MiB of them."""

_BLOCK = 16
"""Pixels: the largest blocks of networks with attention, which don't tell (HAT and DRCT
have 16, SwinIR has 8)."""

_FACTORIES = ("empty", "zeros", "ones", "full", "rand", "arange", "linspace", "eye")


class _TooLargeError(Exception):
    """A network would be larger than its weights."""


def _requested(arguments: tuple[Any, ...]) -> int:
    """Return how many numbers a factory is asked for at most."""
    sizes = [1.0]
    for argument in arguments:
        if isinstance(argument, list | tuple):
            sizes.append(prod(n for n in argument if isinstance(n, int)))
        elif isinstance(argument, int | float):
            sizes.append(abs(argument))
    return int(max(sizes))


class _Bounded(TorchDispatchMode):
    """Lets torch make only so many tensors and numbers."""

    def __init__(self, state: Mapping[str, NDArray[Any]]) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # torch leaves it untyped
        # Twice: spandrel renames some, and a linear layer is copied by a few.
        own = sum(array.size for array in state.values())
        self._numbers = 2 * own + _SPARE_NUMBERS
        self._tensors = 20 * len(state) + _SPARE_TENSORS

    def __torch_dispatch__(
        self, func: Any, _types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if func._schema.name.removeprefix("aten::").startswith(_FACTORIES):
            self._numbers -= _requested(args)
            self._tensors -= 1
            if self._numbers < 0 or self._tensors < 0:
                raise _TooLargeError
        return func(*args, **(kwargs or {}))


def imported() -> Any:
    """Return spandrel.

    Raises:
        WeightsError: it, or what it needs, can't be loaded.
    """
    try:
        # torchvision, which spandrel imports, warns of what it lacks for its pictures.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import spandrel
    # A torchvision for another torch ends in any of these.
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        raise WeightsError(
            f"spandrel is installed, but can't be loaded ({_line(error)})",
            f"Install the torchvision that belongs to torch {torch.__version__}, from "
            "where torch came",
        ) from error
    return spandrel


def _line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _check(path: Path, state: Mapping[str, NDArray[Any]]) -> None:
    """See that spandrel may count by names and shapes."""
    for name, array in state.items():
        if array.size == 0 or _LARGE_NUMBER.search(name):
            raise WeightsError(
                f"The weights {path} have an impossible tensor, {name[:60]}",
                _ANOTHER_FILE,
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise WeightsError(
                f"The weights {path} can't be used: they are no finite numbers",
                _ANOTHER_FILE,
            )


def _tensors(state: Mapping[str, NDArray[Any]]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in state.items()}


def _loaded(path: Path, state: Mapping[str, NDArray[Any]], spandrel: Any) -> Any:
    """Return spandrel's model of a state; None if it knows none."""
    _check(path, state)
    tensors = _tensors(state)
    try:
        with warnings.catch_warnings(), _Bounded(state):
            warnings.simplefilter("ignore")  # what torch says to architectures' authors
            return spandrel.ModelLoader("cpu").load_from_state_dict(tensors)
    except spandrel.UnsupportedModelError:
        return None
    # Of shapes that don't fit, an architecture may find anything wrong.
    except Exception as error:
        large = isinstance(error, _TooLargeError)
        reason = "it would be larger than its weights" if large else _line(error)
        raise WeightsError(
            f"The weights {path} are not those of the network that they look like "
            f"({reason})",
            _ANOTHER_FILE,
        ) from error


_PURPOSES = {
    "FaceSR": "restores faces that are cut out and aligned, not whole pictures",
    "Inpainting": "fills what a mask marks, and there is none",
}


def _refuse(path: Path, kind: str, reason: str) -> WeightsError:
    return WeightsError(
        f"The weights {path} are of {kind}, which {reason}",
        "Use a network for super-resolution, or one that restores pictures",
    )


def _placed(model: Any, device: Any, dtype: Any) -> Callable[[Any], Any]:
    """Return a copy of `model`, which its caller may run in another type beside it."""
    placed: Callable[[Any], Any] = copy.deepcopy(model).to(device, dtype).eval()
    return placed


def _described(path: Path, model: Any, spandrel: Any) -> Opaque:
    kind = model.architecture.name
    if model.purpose in _PURPOSES:
        raise _refuse(path, kind, _PURPOSES[model.purpose])
    channels = model.input_channels
    if channels != model.output_channels or channels not in (1, 3):
        turns = f"turns {channels} channels into {model.output_channels}"
        raise _refuse(path, kind, f"{turns}, where a picture has one or three")
    return Opaque(
        kind,
        int(model.scale),
        channels,
        bool(model.supports_half),
        bool(model.supports_bfloat16),
        model.tiling is not spandrel.ModelTiling.SUPPORTED,
        lcm(int(model.size_requirements.multiple_of), _BLOCK),
        partial(_placed, model),
    )


def recognised(path: Path, unknown: UnknownNetworkError) -> Opaque:
    """Return the network whose weights `path` has, if spandrel knows it.

    Raises:
        UnknownNetworkError: `unknown`, if it doesn't.
        WeightsError: the weights are damaged, or those of another kind of network.
    """
    spandrel = imported()
    for state in read_states(path):
        model = _loaded(path, state, spandrel)
        if model is not None:
            return _described(path, model, spandrel)
    raise UnknownNetworkError(
        f"{unknown.message}, nor spandrel {spandrel.__version__}", unknown.hint
    )
