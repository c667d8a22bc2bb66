"""How the time of an upscaling grows with the picture, and whether its memory does.

Each size is a process of its own, which makes the picture's rows as they are asked for
and throws the result's away: neither is ever whole in memory.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from math import sqrt
from pathlib import Path
from statistics import fmean

import numpy as np

from sr_cli.bench.contestants import Ran
from sr_cli.bench.peak import Peak, PeakMeter
from sr_cli.bench.processes import Answer, FailedError, Process
from sr_cli.bench.sample import Sample
from sr_cli.engines import EngineChoice
from sr_cli.errors import DeviceError
from sr_cli.upscale import Upscaler
from sr_cli.weights import Model, read_weights

_SHORT = 60.0  # seconds; what takes less is computed twice, the first time to warm up
_PROBE = 64  # pixels, the side of a picture that only shows what computes

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Point:
    """A square picture."""

    megapixels: float
    """Of the input."""
    seconds: float | None = None
    memory: int | None = None
    """Bytes that the process had at most, if the system tells."""
    peaks: tuple[Peak, Peak] | None = None
    """The machine's, just before and just after, where they can be had."""
    not_measured: str | None = None
    """Why there are no seconds, without a full stop."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """What was found for pictures of several sizes."""

    model: str
    ran: Ran
    points: tuple[Point, ...]

    @property
    def law(self) -> tuple[float, float] | None:
        """The e and c of seconds = c·megapixels^e that fit best; None for one size."""
        return _fit([(p.megapixels, p.seconds) for p in self.points if p.seconds])

    @property
    def law_at_one_clock(self) -> tuple[float, float] | None:
        """The same, had the machine's peak always been its mean.

        None without peaks.
        """
        timed = [
            (p.megapixels, p.seconds, fmean(at.flops_per_second for at in p.peaks))
            for p in self.points
            if p.seconds and p.peaks
        ]
        if not timed:
            return None
        usual = fmean(peak for _, _, peak in timed)
        return _fit([(size, seconds * peak / usual) for size, seconds, peak in timed])


def _fit(points: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    if len(points) < 2:
        return None
    x, y = np.log(points).T
    exponent, constant = np.polyfit(x, y, 1)
    return float(exponent), float(np.exp(constant))


def side_of(megapixels: float) -> int:
    """Return the side of a square of so many megapixels, in pixels."""
    return round(sqrt(megapixels * 1e6))


def open_size(weights: Path, side: int) -> Callable[[], Ran]:
    """Make ready to upscale a square picture; each call of the result does.

    Raises:
        WeightsError: `weights` is no file of `srup train`.
    """
    network = read_weights(weights, weights.stem).network
    upscaler = Upscaler(network, EngineChoice(device="cpu"))

    def run() -> Ran:
        for _ in upscaler.stream(Sample(side, side)):
            pass
        return Ran(upscaler.engine.name, upscaler.engine.precision)

    return run


def _compute(weights: Path, side: int) -> Answer[Ran]:
    with closing(Process(partial(open_size, weights, side))) as process:
        answer = process.compute()
        return process.compute() if answer.seconds < _SHORT else answer


def _measure(
    weights: Path, megapixels: float, precision: str, meter: PeakMeter
) -> Point:
    before = meter.measure(precision)
    try:
        answer = _compute(weights, side_of(megapixels))
    except FailedError as error:
        return Point(megapixels, not_measured=str(error))
    after = meter.measure(precision)
    peaks = (before, after) if before and after else None
    return Point(megapixels, answer.seconds, answer.most, peaks)


def measure_scaling(
    model: Model,
    megapixels: Sequence[float],
    meter: PeakMeter,
    on_progress: OnProgress = lambda *_: None,
) -> Scaling:
    """Measure on this machine's CPU; `on_progress` gets (sizes done, all sizes).

    Raises:
        DeviceError: not even a small picture can be upscaled.
    """
    try:
        ran = _compute(model.path, _PROBE).value
    except FailedError as error:
        raise DeviceError(
            f"{model.id} can't be run here ({error})",
            "Upscale a small picture with `srup upscale`, which says more",
        ) from error
    points: list[Point] = []
    sizes = sorted(set(megapixels))
    for size in sizes:
        on_progress(len(points), len(sizes))
        points.append(_measure(model.path, size, ran.precision, meter))
    on_progress(len(points), len(sizes))
    return Scaling(model.id, ran, tuple(points))


def document(found: Scaling) -> dict[str, object]:
    """Return what --json writes."""
    return {
        **asdict(found),
        "exponent": found.law and found.law[0],
        "exponent_at_one_clock": found.law_at_one_clock and found.law_at_one_clock[0],
    }
