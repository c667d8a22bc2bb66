"""What `srup bench speed` found: seconds, and the ratios that are made of them.

Ratios are taken within a round, whose rows were measured one after the other: a machine
that grows slower is slower for all.  A row's share of the machine's peak is a share of
what the machine could do at that moment.  Where rounds take so long that the machine's
clock changes within one, ratios "at one clock" are of seconds that are scaled to the
usual peak.

All shares are of the arithmetic of the plain graph, also where srup gets the same
result with more or with less.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from sr_cli import __version__
from sr_cli.bench.contestants import Ran
from sr_cli.bench.peak import Peak
from sr_cli.bench.quiet import Quietness
from sr_cli.bench.training import Spread, spread
from sr_cli.train.machine import Machine
from sr_cli.weights import Model


@dataclass(frozen=True, slots=True)
class Workload:
    """What is measured, and how often."""

    model: Model
    width: int = 1024
    """Of the input, in pixels."""
    height: int = 768
    repeats: int = 3
    """Turns of each row."""
    only: tuple[str, ...] = ()
    """The rows to measure; none for all."""

    @property
    def megapixels(self) -> float:
        """Of the output."""
        return self.width * self.height * self.model.architecture.scale**2 / 1e6


@dataclass(frozen=True, slots=True)
class Turn:
    """A row computed the picture once."""

    seconds: float
    peaks: tuple[Peak, Peak] | None
    """Just before and just after, in the row's precision; None where there are none."""

    @property
    def peak(self) -> float | None:
        """The mean of both, in FLOP/s."""
        if self.peaks is None:
            return None
        return statistics.fmean(peak.flops_per_second for peak in self.peaks)


@dataclass(frozen=True, slots=True)
class Row:
    """One contestant's turns, or why there are none."""

    id: str
    title: str
    peer: bool
    """Whether it isn't srup."""
    flops: int
    """Of the plain graph: two for each multiply-add of its convolutions."""
    ran: Ran | None = None
    turns: tuple[Turn, ...] = ()
    """One for each round; none if it was not measured."""
    memory: int | None = None
    """Bytes that a process has at most that runs it once, if the system tells."""
    not_measured: str | None = None
    """Why, without a full stop."""

    @property
    def seconds(self) -> list[float]:
        """Those of each round."""
        return [turn.seconds for turn in self.turns]

    @property
    def precision(self) -> str | None:
        """What it computed in; None if it was not measured."""
        return self.ran.precision if self.ran else None

    def share_of_peak(self) -> Spread | None:
        """What part of the peak around each turn it reached, by the plain count."""
        shares = [
            self.flops / turn.seconds / turn.peak for turn in self.turns if turn.peak
        ]
        return spread(shares) if shares else None


@dataclass(frozen=True, slots=True)
class Speed:
    """What was found."""

    workload: Workload
    rows: tuple[Row, ...]
    no_peak: str | None
    """Why the peak was not measured, without a full stop."""
    machine: Machine
    versions: Mapping[str, str]
    quietness: Quietness
    date: str
    """When it began: ISO 8601, UTC."""

    def seconds_per_megapixel(self, row: Row) -> Spread:
        """Of output; the row was measured."""
        return spread([s / self.workload.megapixels for s in row.seconds])

    def ratios(
        self, precision: str | None = None, *, at_one_clock: bool = False
    ) -> Mapping[str, tuple[str, Spread]]:
        """Compare every measured row with the best peer, or those that compute in
        `precision` with the best one that does.

        Returns:
            By row, the peer, and how many times as fast as that the row is.
        """
        rows = [row for row in self.rows if row.turns]
        if at_one_clock:
            rows = scaled_to_usual_peak(rows)
        if precision:
            rows = [row for row in rows if row.precision == precision]
        best = best_peer(rows)
        if best is None:
            return {}
        return {row.id: (best.id, times_as_fast(row, best)) for row in rows}


def scaled_to_usual_peak(rows: Sequence[Row]) -> list[Row]:
    """Return `rows` as if the peak of each precision had always been its median.

    Rows without a peak are left out.
    """
    peaks: dict[str | None, list[float]] = {}
    for row in rows:
        found = [turn.peak for turn in row.turns if turn.peak]
        peaks.setdefault(row.precision, []).extend(found)

    def scaled(turn: Turn, usual: float) -> Turn:
        return replace(turn, seconds=turn.seconds * (turn.peak or usual) / usual)

    return [
        replace(row, turns=tuple(scaled(turn, usual) for turn in row.turns))
        for row in rows
        if all(turn.peak for turn in row.turns)
        for usual in [statistics.median(peaks[row.precision])]
    ]


def times_as_fast(row: Row, other: Row) -> Spread:
    """Compare two measured rows, round by round."""
    return spread([b / a for a, b in zip(row.seconds, other.seconds, strict=True)])


def best_peer(rows: Sequence[Row]) -> Row | None:
    """Return the peer that, round by round, was nearest to the fastest peer."""
    peers = [row for row in rows if row.peer and row.turns]
    if not peers:
        return None
    fastest = [min(round_) for round_ in zip(*(p.seconds for p in peers), strict=True)]

    def behind(peer: Row) -> float:
        ratios = [s / f for s, f in zip(peer.seconds, fastest, strict=True)]
        return spread(ratios).median

    return min(peers, key=behind)


def _row_document(found: Speed, row: Row) -> Mapping[str, object]:
    measured = row.ran is not None
    spread_ = found.seconds_per_megapixel(row) if measured else None
    return {
        "id": row.id,
        "title": row.title,
        "peer": row.peer,
        "engine": row.ran.engine if row.ran else None,
        "precision": row.precision,
        "seconds_per_megapixel": asdict(spread_) if spread_ else None,
        "seconds": row.seconds,
        "peaks": [
            [peak.flops_per_second for peak in turn.peaks or ()] for turn in row.turns
        ],
        "flops": row.flops,
        "peak_memory": row.memory,
        "not_measured": row.not_measured,
    }


def _ratios_document(ratios: Mapping[str, tuple[str, Spread]]) -> Mapping[str, object]:
    return {name: {"peer": p, **asdict(ratio)} for name, (p, ratio) in ratios.items()}


def _peaks_document(found: Speed) -> Mapping[str, object]:
    peaks: dict[str, list[Peak]] = {}
    for row in found.rows:
        for turn in row.turns:
            if row.precision and turn.peaks:
                peaks.setdefault(row.precision, []).extend(turn.peaks)
    return {
        precision: {
            "flops_per_second": asdict(spread([p.flops_per_second for p in several])),
            "side": several[0].side,
            "streams": several[0].streams,
        }
        for precision, several in peaks.items()
    }


def document(found: Speed) -> Mapping[str, object]:
    """Return what --json writes."""
    workload = found.workload
    shares = {row.id: row.share_of_peak() for row in found.rows}
    precisions = dict.fromkeys(row.precision for row in found.rows if row.precision)
    return {
        "srup": __version__,
        "date": found.date,
        "model": {"id": workload.model.id, "sha256": workload.model.sha256},
        "size": [workload.width, workload.height],
        "scale": workload.model.architecture.scale,
        "repeats": workload.repeats,
        "rows": [_row_document(found, row) for row in found.rows],
        "ratio_to_best_peer": _ratios_document(found.ratios()),
        "ratio_to_best_peer_in_precision": {
            precision: _ratios_document(found.ratios(precision))
            for precision in precisions
        },
        "ratio_to_best_peer_at_one_clock": _ratios_document(
            found.ratios(at_one_clock=True)
        ),
        "share_of_peak": {
            name: asdict(share) for name, share in shares.items() if share
        },
        "peak": _peaks_document(found),
        "no_peak": found.no_peak,
        "machine": asdict(found.machine),
        "versions": found.versions,
        "quiet": found.quietness.quiet,
        "disturbance": asdict(found.quietness),
    }
