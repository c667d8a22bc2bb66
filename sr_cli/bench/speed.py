"""How fast a network runs in srup, and in what a user would otherwise run it with.

Every row is a process of its own, and computes the same picture with the same weights.
They take turns, each round beginning with another one.  Before and after each turn the
machine's peak is measured (`sr_cli.bench.peak`).  `sr_cli.bench.speed_results` says
what is made of the seconds.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from importlib import metadata

from safetensors.numpy import load_file

from sr_cli.bench.contestants import (
    FAST,
    Contestant,
    Task,
    choose,
    open_contestant,
)
from sr_cli.bench.peak import PeakMeter
from sr_cli.bench.plain_graph import multiply_adds, plain_layers
from sr_cli.bench.processes import FailedError, Processes, cpu_seconds
from sr_cli.bench.quiet import Reading, Watch, open_watch, read_clocks
from sr_cli.bench.sample import Pixels, Sample
from sr_cli.bench.speed_results import Row, Speed, Turn, Workload
from sr_cli.train.machine import describe_machine
from sr_cli.weights import load_model

_SETTLE = 0.3  # seconds, in which the threads of a turn stop spinning
_GUESS = 1 << 14
"""Bytes per input pixel that a row may need, before it has shown what it needs: four
times the widest tensor of the plain SRResNet in float32."""
_LIBRARIES = ("torch", "onnxruntime", "openvino", "ncnn", "numpy")

OnProgress = Callable[[int, int], None]


def _versions() -> Mapping[str, str]:
    found = {}
    for library in _LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found


def _watch(cores: int, pids: Callable[[], list[int]]) -> Watch:
    """Watch others than this process and its children `pids`."""

    def read() -> Reading:
        reading = read_clocks()  # which knows of children that have ended
        return replace(reading, own=reading.own + sum(map(cpu_seconds, pids())))

    return open_watch(cores, read)


def _enter(
    contestant: Contestant, workload: Workload, pixels: Pixels
) -> tuple[Row, Task]:
    """Return a row that is not yet measured, and what is to be done for it."""
    model = load_model(FAST) if contestant.fast else workload.model
    layers = plain_layers(load_file(model.path), model.architecture)
    row = Row(
        id=contestant.id,
        title=contestant.title,
        peer=contestant.peer is not None,
        flops=2 * multiply_adds(layers, workload.height, workload.width),
    )
    return row, Task(contestant, model.path, pixels)


class _Contest:
    """The rows, each in its process, and what else is measured beside them."""

    def __init__(self, workload: Workload, meter: PeakMeter) -> None:
        pixels = Sample(workload.width, workload.height).read(workload.height)
        entries = [
            _enter(contestant, workload, pixels)
            for contestant in choose(workload.only)
            # Where it is the network measured, it is a row already.
            if workload.only or not (contestant.fast and workload.model.id == FAST)
        ]
        self.rows = {row.id: row for row, _ in entries}
        openers = {row.id: partial(open_contestant, task) for row, task in entries}
        self._processes = Processes(openers, _GUESS * workload.width * workload.height)
        self._meter = meter

    def pids(self) -> list[int]:
        """List all processes that take part."""
        return [*self._processes.pids(), *self._meter.processes.pids()]

    def warm_up(self, name: str) -> None:
        """Have `name` compute for the first time."""
        row = self.rows[name]
        try:
            answer = self._processes.warm_up(name)
        except FailedError as error:
            self.rows[name] = replace(row, not_measured=str(error))
            return
        self.rows[name] = replace(row, ran=answer.value, memory=answer.most)
        self._meter.measure(answer.value.precision)

    def turn(self, name: str) -> None:
        """Measure `name` once, unless it has failed before."""
        row = self.rows[name]
        if row.ran is None:
            return
        try:
            self._processes.get_ready(name)
            time.sleep(_SETTLE)
            before = self._meter.measure(row.ran.precision)
            answer = self._processes.compute(name)
            time.sleep(_SETTLE)
            after = self._meter.measure(row.ran.precision)
        except FailedError as error:
            # Half a row can't be compared.
            failed = replace(row, ran=None, turns=(), memory=None)
            self.rows[name] = replace(failed, not_measured=str(error))
            return
        turn = Turn(answer.seconds, (before, after) if before and after else None)
        self.rows[name] = replace(row, ran=answer.value, turns=(*row.turns, turn))

    def close(self) -> None:
        """End the rows' processes."""
        self._processes.close()


def measure(
    workload: Workload,
    meter: PeakMeter,
    on_progress: OnProgress = lambda *_: None,
) -> Speed:
    """Measure on this machine's CPU; `on_progress` gets (turns done, all turns).

    Raises:
        ConfigError: there is no such row.
        WeightsError: the weights of the fast mode are missing.
    """
    date = datetime.now(timezone.utc).isoformat(timespec="seconds")
    machine = describe_machine("cpu")
    with closing(_Contest(workload, meter)) as contest:
        names = list(contest.rows)
        total = len(names) * (1 + workload.repeats)
        for done, name in enumerate(names):
            on_progress(done, total)
            contest.warm_up(name)
        watch = _watch(machine.cores, contest.pids)
        time.sleep(_SETTLE)
        watch.look()
        for done in range(len(names), total):
            on_progress(done, total)
            round_, number = divmod(done - len(names), len(names))
            contest.turn(names[(number + round_) % len(names)])
            watch.look()
        on_progress(total, total)
        return Speed(
            workload=workload,
            rows=tuple(contest.rows.values()),
            no_peak=meter.not_measured,
            machine=machine,
            versions=_versions(),
            quietness=watch.found(),
            date=date,
        )
