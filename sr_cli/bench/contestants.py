"""Who takes part in `srup bench speed`: other programs, and srup in several ways.

srup's rows take 8-bit pixels and give 8-bit pixels, through the `Upscaler` that
`srup upscale` has: cutting, conversion and rounding are in their time.  The others get
a float32 tensor and do nothing but run the network.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from sr_cli.bench.peers import PeerName, PeerPrecision, open_peer
from sr_cli.engines import EngineChoice
from sr_cli.engines.memory import memory_errors
from sr_cli.errors import ConfigError, OutOfMemoryError
from sr_cli.picture import Picture
from sr_cli.upscale import Upscaler
from sr_cli.weights import read_weights

FAST = "espcn"
"""The catalog's model for those in a hurry."""


_on_cpu = partial(EngineChoice, device="cpu")


@dataclass(frozen=True, slots=True)
class Contestant:
    """One row."""

    id: str
    title: str
    peer: tuple[PeerName, PeerPrecision] | None = None
    """What else runs the network; None for srup."""
    choice: EngineChoice = field(default_factory=_on_cpu)
    """How srup runs it."""
    fast: bool = False
    """Whether it runs the catalog's fastest network instead of the one measured."""


def _peer(name: PeerName, precision: PeerPrecision) -> Contestant:
    return Contestant(f"{name}-{precision}", f"{name}, {precision}", (name, precision))


CONTESTANTS: tuple[Contestant, ...] = (
    _peer("torch", "float32"),
    _peer("torch", "bfloat16"),
    _peer("onnxruntime", "float32"),
    _peer("openvino", "float32"),
    _peer("openvino", "bfloat16"),
    _peer("ncnn", "float32"),
    Contestant("srup-auto", "srup"),
    Contestant("srup-float32", "srup in float32", choice=_on_cpu(precision="float32")),
    Contestant("srup-openvino", "srup on openvino", choice=_on_cpu("openvino")),
    Contestant(
        "srup-onnxruntime", "srup on onnxruntime", choice=_on_cpu("onnxruntime")
    ),
    Contestant("srup-torch", "srup on torch", choice=_on_cpu("torch")),
    Contestant("srup-espcn", f"srup -m {FAST}", fast=True),
)


def choose(ids: Sequence[str]) -> tuple[Contestant, ...]:
    """Return the rows called `ids`, in their usual order; all of them for none.

    Raises:
        ConfigError: there is no such row.
    """
    known = {contestant.id: contestant for contestant in CONTESTANTS}
    for name in ids:
        if name not in known:
            raise ConfigError(
                f"There is no row called {name!r}", f"The rows are {', '.join(known)}"
            )
    return tuple(c for c in CONTESTANTS if not ids or c.id in ids)


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """All that a process needs to measure one row."""

    contestant: Contestant
    weights: Path
    """A file of `srup train`."""
    pixels: NDArray[np.uint8]
    """(h, w, 3)."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What really computed."""

    engine: str
    precision: str


def _open_peer(
    task: Task, name: PeerName, precision: PeerPrecision
) -> Callable[[], Ran]:
    architecture = read_weights(task.weights, task.weights.stem).architecture
    planes = task.pixels.transpose(2, 0, 1)[None].astype(np.float32)
    low = np.ascontiguousarray(planes / np.float32(255.0))
    run = open_peer(name, load_file(task.weights), architecture, low, precision)
    height, width = low.shape[2:]

    def measured() -> Ran:
        try:
            with memory_errors(height, width):
                run()
        except OutOfMemoryError as error:
            raise OutOfMemoryError(
                "The whole picture doesn't fit into memory", "Use a smaller --size"
            ) from error
        return Ran(name, precision)

    return measured


def open_contestant(task: Task) -> Callable[[], Ran]:
    """Make ready to run the row of `task`; each call of the result runs it once.

    Raises:
        DeviceError: what it runs on is not installed, or can't be had.
        ModelError: it can't run this network.
    """
    contestant = task.contestant
    if contestant.peer:
        return _open_peer(task, *contestant.peer)
    network = read_weights(task.weights, task.weights.stem).network
    upscaler = Upscaler(network, contestant.choice)
    picture = Picture(task.pixels)

    def run() -> Ran:
        upscaler.upscale(picture)
        return Ran(upscaler.engine.name, upscaler.engine.precision)

    return run
