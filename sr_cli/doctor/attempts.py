"""Engines opened and run on a small picture: what a process of its own does."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module

from sr_cli.engines import Batch, EngineChoice, EngineName, open_engine
from sr_cli.errors import DeviceError
from sr_cli.networks.fuse import Network


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """What came of asking for one way to compute."""

    engine: str | None
    """None where there is no result."""
    device: str
    """That was used, or else asked for; so is the precision."""
    precision: str
    result: Batch | None = None
    ready_seconds: float = 0.0
    """Until the first result."""
    seconds: float = 0.0
    """For the next one."""
    refused: str = ""
    """Why it can't be had here, which is no fault."""
    fault: str = ""
    """What the engine raised, in a line."""
    because: tuple[str, ...] = ()
    """Each choice that was made with its reason."""
    said: tuple[str, ...] = ()
    """What the user of a command would be told."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a process found."""

    version: str
    """Of the engine."""
    attempts: tuple[Attempt, ...]
    """One for each choice."""
    auto: Attempt | None
    """Asking for nothing, if that was wanted."""
    gpus: tuple[str, ...]
    """That torch can use, of the process that has it."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What a process is to do; it crosses to it."""

    engine: EngineName
    choices: tuple[EngineChoice, ...]
    """All of this engine."""
    with_auto: bool
    """Whether to ask for nothing as well."""
    network: Network
    low: Batch

    def __call__(self) -> Callable[[], Answer]:
        """Return what answers."""
        return self._answer

    def _answer(self) -> Answer:
        # torch's threads, waiting for each other beside the other processes, made
        # each attempt take 0.9 s instead of 0.1 on two cores.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        version = str(import_module(self.engine).__version__)
        auto = (
            _attempt(self.network, self.low, EngineChoice()) if self.with_auto else None
        )
        attempts = tuple(
            # What was taken already needn't be tried again by its name.
            auto
            if auto and _means(choice, auto)
            else _attempt(self.network, self.low, choice)
            for choice in self.choices
        )
        if self.engine != "torch":
            return Answer(version, attempts, auto, ())
        from sr_cli.engines.torch_devices import gpus

        return Answer(version, attempts, auto, gpus())


def _means(choice: EngineChoice, attempt: Attempt) -> bool:
    found = attempt.engine, attempt.device, attempt.precision
    return found == (choice.engine, choice.device, choice.precision)


def _attempt(network: Network, low: Batch, choice: EngineChoice) -> Attempt:
    because: list[str] = []
    said: list[str] = []
    found = Attempt(None, choice.device, choice.precision)
    began = time.perf_counter()
    try:
        engine = open_engine(network, choice, said.append, because.append)
        engine(low)
        ready = time.perf_counter()
        result = engine(low)
        done = time.perf_counter()
    except DeviceError as error:
        found = replace(found, refused=error.message)
    # Whatever else an engine raises is what this is here to find out.
    except Exception as error:
        fault = f"{type(error).__name__}: {error}".splitlines()[0]
        found = replace(found, fault=fault)
    else:
        found = Attempt(
            engine.name,
            engine.device,
            engine.precision,
            result,
            ready_seconds=ready - began,
            seconds=done - ready,
        )
    return replace(found, because=tuple(because), said=tuple(said))
