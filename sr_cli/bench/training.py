"""How fast a network is trained: our loop beside a plain one, and the loader alone.

Everything is measured in turns, again and again (A B C D A B C D …), so that a machine
that grows slower is slower for all.  Ratios are taken within a round, and of these the
median.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from sr_cli import __version__
from sr_cli.bench.quiet import Quietness, open_watch
from sr_cli.train.checkpoint import RunState
from sr_cli.train.config import Optimizer, TrainConfig
from sr_cli.train.data import Crops
from sr_cli.train.device_crops import DeviceCrops, fits
from sr_cli.train.devices import RealDevice
from sr_cli.train.loop import Means, Rhythm, start, train
from sr_cli.train.machine import Machine, describe_machine, wait_for
from sr_cli.train.photos import SCALE, Pair
from sr_cli.train.plain import PlainSRResNet, plain_updates

PLAIN, OURS, OURS_ADAM, LOADER = "plain", "srup-muon", "srup-adam", "loader"
TITLES: Mapping[str, str] = {
    PLAIN: "plain torch, Adam",
    OURS: "srup train, Muon",
    OURS_ADAM: "srup train, Adam",
    LOADER: "loader, one thread",
}

_WARM_UP = 3  # turns of one update: torch chooses its kernels, optimisers get memory
_SETTLE = 0.5  # seconds of doing nothing, in which only others can be busy
_LOADER_BATCHES = 20  # that the loader makes where a loop does one update
_FOREVER = 1_000_000_000  # updates, more than anybody waits for

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Workload:
    """What is measured, how long and on what."""

    batch: int = 16
    crop: int = 96
    """Side of the high-resolution crops, in pixels."""
    repeats: int = 5
    """Turns of each."""
    updates: int = 10
    """Per turn."""
    device: RealDevice = "cpu"
    blocks: int = 16
    channels: int = 64
    photos: int = 32
    photo_side: int = 1024

    def config(self, optimizer: Optimizer) -> TrainConfig:
        """Return the settings of such a run, otherwise those of our recipe.

        Raises:
            ConfigError: there can be no such run.
        """
        return TrainConfig(
            blocks=self.blocks,
            channels=self.channels,
            batch=self.batch,
            crop=self.crop,
            steps=_FOREVER,
            optimizer=optimizer,
        )


@dataclass(frozen=True, slots=True)
class Spread:
    """Some values of one thing."""

    median: float
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class Row:
    """One contestant."""

    id: str
    crops_per_second: Spread
    seconds: Spread
    """Per update, or per batch for the loader."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """What was found."""

    workload: Workload
    precision: str
    """Of the convolutions, everybody's."""
    rows: tuple[Row, ...]
    ratio_to_plain: Mapping[str, Spread]
    """How many times as fast as the plain loop, by row."""
    loader_ratio: Spread
    """How many times as many crops the loader makes as our step uses."""
    machine: Machine
    quietness: Quietness


def synthetic_pairs(number: int, side: int, seed: int = 0) -> list[Pair]:
    """Make `number` photos (side, side, 3), side a multiple of 32, with texture.

    For speed alone: their low resolution is a mean of 4×4 pixels.
    """
    random = np.random.default_rng(seed)
    pairs = []
    for _ in range(number):
        coarse = random.integers(40, 200, (side // 32, side // 32, 3), np.uint8)
        fine = random.integers(0, 56, (side, side, 3), np.uint8)
        high = coarse.repeat(32, axis=0).repeat(32, axis=1) + fine
        cells = high.reshape(side // SCALE, SCALE, side // SCALE, SCALE, 3)
        low = cells.mean(axis=(1, 3), dtype=np.float32).round().astype(np.uint8)
        pairs.append(Pair(high, low))
    return pairs


def spread(values: Sequence[float]) -> Spread:
    """Sum up at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def _advance(updates: Iterator[object], number: int) -> None:
    for _ in range(number):
        next(updates)


def _batches(crops: Crops) -> Iterator[object]:
    step = 0
    while True:
        yield crops.batch(step)
        step += 1


@contextmanager
def _our_updates(
    state: RunState, crops: Crops | DeviceCrops
) -> Iterator[Iterator[object]]:
    """Yield the real loop, which does an update whenever it is asked for a report."""
    with tempfile.TemporaryDirectory() as folder:
        # Closed before its end, it saves nothing.
        path = Path(folder) / "checkpoint.safetensors"
        rhythm = Rhythm(save_every=_FOREVER, validate_every=0)
        with closing(train(state, Means(crops), path, rhythm)) as reports:
            yield reports


def _plain(state: RunState, crops: Crops, workload: Workload) -> Iterator[object]:
    """Begin the plain loop with the weights of `state`."""
    network = PlainSRResNet(workload.blocks, workload.channels)
    network.load_state_dict(state.network.state_dict())
    half = state.config.precision == "bfloat16"
    return plain_updates(network, crops.batch(0), workload.device, half=half)


@dataclass(frozen=True, slots=True)
class _Contest:
    """All that is measured, ready to go on."""

    updates: Mapping[str, Iterator[object]]
    workload: Workload
    precision: str

    def turn(self, name: str, number: int) -> float:
        """Have `name` do `number` updates; return the seconds of one."""
        if name == LOADER:
            number *= _LOADER_BATCHES
        wait_for(self.workload.device)
        began = time.perf_counter()
        _advance(self.updates[name], number)
        wait_for(self.workload.device)
        return (time.perf_counter() - began) / number


@contextmanager
def _open_contest(workload: Workload) -> Iterator[_Contest]:
    device = workload.device
    configs = {
        OURS: workload.config("muon"),
        OURS_ADAM: workload.config("adam"),
    }
    pairs = synthetic_pairs(workload.photos, workload.photo_side)
    crops = Crops(pairs, workload.crop, workload.batch, seed=0)
    real = DeviceCrops(crops, device) if fits(crops, device) else crops
    with ExitStack() as stack:
        updates: dict[str, Iterator[object]] = {}
        states = {name: start(config, device) for name, config in configs.items()}
        updates[PLAIN] = _plain(states[OURS], crops, workload)
        for name, state in states.items():
            updates[name] = stack.enter_context(_our_updates(state, real))
        updates[LOADER] = _batches(crops)
        precision = states[OURS].config.precision
        yield _Contest(updates, workload, precision)


def _ratios(over: Sequence[float], under: Sequence[float]) -> Spread:
    return spread([one / other for one, other in zip(over, under, strict=True)])


def measure(
    workload: Workload,
    on_progress: OnProgress = lambda *_: None,
) -> Throughput:
    """Measure on random photos; `on_progress` gets (turns done, all turns).

    Raises:
        ConfigError: the workload can't be trained.
        DataError: the crops are larger than the photos made for it.
        OutOfMemoryError: it doesn't fit.
    """
    machine = describe_machine(workload.device)
    with _open_contest(workload) as contest:
        names = tuple(contest.updates)
        seconds: dict[str, list[float]] = {name: [] for name in names}
        for turn in [contest.turn] * _WARM_UP:
            for name in names:
                turn(name, 1)
        watch = open_watch(machine.cores)
        time.sleep(_SETTLE)
        watch.look()
        turns = workload.repeats * len(names)
        for done in range(turns):
            on_progress(done, turns)
            name = names[done % len(names)]
            seconds[name].append(contest.turn(name, workload.updates))
            watch.look()
        on_progress(turns, turns)
        quietness = watch.found()
    rows = tuple(
        Row(name, spread([workload.batch / s for s in taken]), spread(taken))
        for name, taken in seconds.items()
    )
    return Throughput(
        workload=workload,
        precision=contest.precision,
        rows=rows,
        ratio_to_plain={
            name: _ratios(seconds[PLAIN], seconds[name]) for name in (OURS, OURS_ADAM)
        },
        loader_ratio=_ratios(seconds[OURS], seconds[LOADER]),
        machine=machine,
        quietness=quietness,
    )


def document(found: Throughput) -> Mapping[str, object]:
    """Return what --json writes."""
    rows = [{"title": TITLES[row.id], **asdict(row)} for row in found.rows]
    ratios = {name: asdict(ratio) for name, ratio in found.ratio_to_plain.items()}
    return {
        "srup": __version__,
        "workload": {**asdict(found.workload), "precision": found.precision},
        "rows": rows,
        "ratio_to_plain": ratios,
        "loader_ratio": asdict(found.loader_ratio),
        "machine": asdict(found.machine),
        "quiet": found.quietness.quiet,
        "disturbance": asdict(found.quietness),
    }


def to_json(found: Throughput) -> str:
    """Write the document, with its figures in full."""
    return json.dumps(document(found), indent=2, allow_nan=False) + "\n"
