"""From a file to a network, or to one sentence that says why not."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from sr_cli.catalog import Architecture
from sr_cli.errors import WeightsError
from sr_cli.foreign.checkpoint import open_checkpoint
from sr_cli.foreign.convert import UnfitError, convert
from sr_cli.foreign.layouts import LAYOUTS, UNUSED, Layout, translate
from sr_cli.foreign.pickled import UnreadableError
from sr_cli.foreign.safetensors_file import open_tensors
from sr_cli.foreign.state_dict import state_dicts, without_prefixes
from sr_cli.networks.fuse import Conv, Floats, Network, fuse

SUFFIXES = (".pth", ".pt", ".tar", ".ckpt", ".safetensors", ".onnx")
"""Of the files that `read_foreign` takes; `.tar` as in `.pth.tar`."""

HEADER_ARCHITECTURE = "srup.architecture"
"""Where srup's own files say what network they are for."""

_KNOWN = (
    "Known are the SRResNets and MSRResNets of BasicSR, mmagic, KAIR, Lornatang, "
    "sgrvinod, leftthomas and twtygqyy"
)
_SAVE_AGAIN = (
    "Get the file again, or ask for the weights alone, as "
    "torch.save(model.state_dict(), …) writes them"
)


class UnknownNetworkError(WeightsError):
    """Weights that can be read, but are for no network that srup knows."""


class _Stored(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...


S = TypeVar("S", bound=_Stored)
A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Foreign:
    """A network whose weights come from elsewhere."""

    layout: str
    """Whose it is, such as `SRGAN of leftthomas`."""
    network: Network
    architecture: Architecture | None
    """What srup's own files say; a network of others is no `Architecture`."""
    state: Mapping[str, Floats]
    """The tensors by the names that they have in the file, prefixes left out; none of
    a graph."""


def _numbers(
    stored: dict[str, S], read: Callable[[S], A], size: int, least: int = 2
) -> dict[str, A]:
    """Read all tensors of a file that has `size` bytes, `least` for each number."""
    # So no more are made than it has.
    if least * sum(prod(one.shape) for one in stored.values()) > size:
        raise UnreadableError("it claims more weights than it holds")
    return {name: read(one) for name, one in stored.items()}


def _check_finite(network: Network) -> None:
    convolutions = (layer for layer in network.layers if isinstance(layer, Conv))
    arrays = (a for c in convolutions for a in (c.weight, c.bias, c.slope))
    if not all(a is None or np.isfinite(a).all() for a in arrays):
        raise UnreadableError("its weights are no finite numbers")


@dataclass(frozen=True, slots=True)
class _Weights:
    """What a file turned out to hold."""

    kind: Layout | Architecture
    state: dict[str, Floats]
    """By the file's names."""

    def foreign(self) -> Foreign:
        if isinstance(self.kind, Architecture):
            try:
                network = fuse(self.state, self.kind)
            # Of shapes that don't fit, numpy may find anything wrong.
            except (ValueError, IndexError, TypeError) as error:
                reason = "they are not those of the network that it names"
                raise UnfitError(reason) from error
            return Foreign("srup", network, self.kind, self.state)
        names = translate(self.kind, self.state) or {}
        translated = {ours: self.state[theirs] for ours, theirs in names.items()}
        network = convert(self.kind, translated)
        return Foreign(self.kind.name, network, None, self.state)


def _recognised(
    candidates: Iterable[dict[str, S]], read: Callable[[S], Floats], size: int
) -> _Weights:
    called: list[str] = []
    for stored in candidates:
        called = called or list(stored)[:3]
        for layout in LAYOUTS:
            names = translate(layout, stored)
            if names is not None:
                chosen = {name: stored[name] for name in names.values()}
                return _Weights(layout, _numbers(chosen, read, size))
    if not called:
        raise UnfitError("it holds no tensors by name")
    raise UnfitError(f"its tensors are called {', '.join(called)} …")


def _of_checkpoint(path: Path) -> _Weights:
    size = path.stat().st_size
    with open_checkpoint(path) as checkpoint:
        states = state_dicts(checkpoint.tree)
        facts = None
        if isinstance(checkpoint.tree, dict):
            facts = checkpoint.tree.get(HEADER_ARCHITECTURE)
        if isinstance(facts, str):
            own = {k: v for k, v in next(states, {}).items() if UNUSED not in k}
            state = _numbers(own, checkpoint.tensor, size)
            return _Weights(Architecture.from_json(facts), state)
        candidates = (part for state in states for part in without_prefixes(state))
        return _recognised(candidates, checkpoint.tensor, size)


def _of_safetensors(path: Path) -> _Weights:
    with open_tensors(path) as file:
        size = path.stat().st_size
        return _recognised(without_prefixes(file.tensors), file.tensor, size)


def _of_graph(path: Path) -> Foreign:
    from sr_cli.foreign.onnx_graph import read_onnx  # onnx takes 0.1 s to import

    return Foreign("ONNX", read_onnx(path), None, {})


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except UnreadableError as error:
        raise WeightsError(
            f"The weights {path} can't be used: {error}", _SAVE_AGAIN
        ) from error
    except (UnfitError, KeyError) as error:
        reason = error if isinstance(error, UnfitError) else f"it lacks {error.args[0]}"
        raise UnknownNetworkError(
            f"The weights {path} are for no network that srup knows: {reason}", _KNOWN
        ) from error
    except OSError as error:
        raise WeightsError(
            f"Cannot read the weights {path} ({error.strerror or error})",
            "Check the path",
        ) from error


def read_foreign(path: Path) -> Foreign:
    """Read the weights that torch, or safetensors without srup's header, saved.

    A `.pth` may hold a state dict, a checkpoint with one in it, or a whole module; an
    `.onnx` a graph of what SRResNets are made of.

    Raises:
        WeightsError: it is damaged, hostile, or of a network that srup doesn't know.
    """
    # What overflows, or has no square root, is seen at the end.
    with _refusals(path), np.errstate(all="ignore"):
        match path.suffix.lower():
            case ".onnx":
                foreign = _of_graph(path)
            case ".safetensors":
                foreign = _of_safetensors(path).foreign()
            case _:
                foreign = _of_checkpoint(path).foreign()
        _check_finite(foreign.network)
        return foreign


def read_states(path: Path) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield what a file may hold as a network's state, the likeliest first.

    Names are as in the file, without the wrappers' prefixes in later ones; numbers of
    every type are kept.

    Raises:
        WeightsError: it is damaged, hostile, or no file of tensors.
    """
    with _refusals(path):
        size = path.stat().st_size
        if path.suffix.lower() == ".safetensors":
            with open_tensors(path) as file:
                for part in without_prefixes(file.tensors):
                    yield _numbers(part, file.numbers, size, 1)
            return
        with open_checkpoint(path) as checkpoint:
            for state in state_dicts(checkpoint.tree):
                for named in without_prefixes(state):
                    yield _numbers(named, checkpoint.numbers, size, 1)
