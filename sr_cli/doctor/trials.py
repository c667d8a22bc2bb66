"""Engines put to the test: what they answer, beside what the network means."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, product
from threading import Event, Timer
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from sr_cli.bench.processes import FailedError, Process
from sr_cli.doctor.attempts import Answer, Attempt, Task
from sr_cli.engines import (
    CPU_ENGINES,
    Device,
    EngineChoice,
    Precision,
    installed_cpu_engines,
    likely_gpu,
)
from sr_cli.engines.trial import trial_picture
from sr_cli.networks import reference
from sr_cli.networks.fuse import Network

_SIDE = 16  # of the picture, in pixels
_PATIENCE = 60.0  # seconds for all that a process does; an idle machine takes two

WRONG = {"float32": 2.0, "bfloat16": 16.0, "float16": 4.0}
"""Levels of 255 from which on a result is wrong: several times what rounding does to
srresnet here, which is 0.001, 2.3 and 0.4.  On a GPU float32 may be rounded as float16
is."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One way to compute, judged."""

    device: str
    precision: str
    levels_off: float | None = None
    """Largest difference from the network's true answer, in levels of 255; None where
    nothing was computed, or no numbers."""
    ready_seconds: float = 0.0
    """Until the first result."""
    seconds: float = 0.0
    """For the next one."""
    refused: str = ""
    """Why it can't be had here, which is no fault; without a full stop."""
    fault: str = ""
    """What is wrong; without a full stop."""


@dataclass(frozen=True, slots=True)
class EngineFound:
    """An engine, and each way to compute with it."""

    name: str
    installed: bool
    version: str = ""
    """Empty where it can't be imported."""
    fault: str = ""
    """Why it can't be used at all; without a full stop."""
    trials: tuple[Trial, ...] = ()


@dataclass(frozen=True, slots=True)
class AutoFound:
    """What srup takes where nothing is asked for."""

    engine: str | None
    """None where it comes to nothing."""
    trial: Trial
    because: tuple[str, ...] = ()
    """Each choice with its reason; without full stops."""
    said: tuple[str, ...] = ()
    """What the user of a command would be told."""


@dataclass(frozen=True, slots=True)
class EnginesFound:
    """All of them."""

    auto: AutoFound
    engines: tuple[EngineFound, ...]
    gpus: tuple[str, ...]
    """That torch can use."""


def try_engines(network: Network) -> EnginesFound:
    """Try every engine in every precision, and what is taken by itself."""
    low = trial_picture(_SIDE).transpose(2, 0, 1)[None].astype(np.float32)
    low /= np.float32(255)
    gpu = likely_gpu()
    installed = installed_cpu_engines()
    # Where it would be taken, so that it starts only once; and if that one crashes,
    # so would a command.
    likely = "torch" if gpu and "torch" in installed else next(iter(installed), None)
    devices: list[Device] = ["cpu"] if gpu is None else ["cpu", gpu]
    ways = list(product(devices, get_args(Precision)))
    tasks = [
        Task(
            name,
            tuple(EngineChoice(name, device, precision) for device, precision in ways),
            name == likely,
            network,
            low,
        )
        for name in installed
    ]
    with ThreadPoolExecutor(max(len(tasks), 1)) as pool:
        asked = pool.map(_ask, tasks)
        truth = reference.compute(network, low[0])
    answers = dict(zip(installed, asked, strict=True))
    auto = answers[likely] if likely else "No engine is installed"
    engines = [_engine(name, answers.get(name), truth) for name in CPU_ENGINES]
    whole = [answer for answer in answers.values() if isinstance(answer, Answer)]
    gpus = tuple(chain.from_iterable(answer.gpus for answer in whole))
    return EnginesFound(_auto(auto, truth), tuple(engines), gpus)


def _ask(task: Task) -> Answer | str:
    """Have a process do it; return its answer, or why there is none."""
    process: Process[Answer] = Process(task)
    expired = Event()

    def expire() -> None:
        expired.set()
        process.close()

    timer = Timer(_PATIENCE, expire)
    timer.start()
    try:
        return process.compute().value
    except FailedError as error:
        if expired.is_set():
            return f"It did not answer within {_PATIENCE:.0f} seconds"
        return str(error)
    finally:
        timer.cancel()
        process.close()


def _engine(
    name: str, answer: Answer | str | None, truth: NDArray[np.float64]
) -> EngineFound:
    if answer is None:
        return EngineFound(name, False)
    if isinstance(answer, str):
        return EngineFound(name, True, fault=answer)
    trials = tuple(_judged(attempt, truth) for attempt in answer.attempts)
    return EngineFound(name, True, answer.version, trials=trials)


def _auto(answer: Answer | str, truth: NDArray[np.float64]) -> AutoFound:
    if isinstance(answer, str):
        return AutoFound(None, Trial("auto", "auto", fault=answer))
    attempt = answer.auto
    assert attempt
    trial = _judged(attempt, truth)
    if trial.refused:  # asked for nothing, it must find something
        trial = replace(trial, refused="", fault=trial.refused)
    return AutoFound(attempt.engine, trial, attempt.because, attempt.said)


def _judged(attempt: Attempt, truth: NDArray[np.float64]) -> Trial:
    trial = Trial(
        attempt.device,
        attempt.precision,
        ready_seconds=attempt.ready_seconds,
        seconds=attempt.seconds,
        refused=attempt.refused,
        fault=attempt.fault,
    )
    if attempt.result is None:
        return trial
    answers = (np.clip(one, 0, 1) for one in (attempt.result[0], truth))
    off = float(255 * np.abs(np.subtract(*answers)).max())
    if not np.isfinite(off):
        return replace(trial, fault="The result is not a number")
    wrong = off > WRONG[attempt.precision]
    fault = "The result is wrong" if wrong else ""
    return replace(trial, levels_off=off, fault=fault)
