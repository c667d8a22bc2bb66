"""The run's diary `metrics.csv`, for spreadsheets, pandas and `srup train plot`.

Rows about updates sum up those since the row before: `step` (the last), the mean
and worst `loss`, the means of the other losses by name, the mean and worst
`gradient_norm`, the last `learning_rate`, the mean `seconds` per update and how many
updates were `skipped`, which count in no mean.  Rows about validations give `step`
and `psnr_y`.  What a row doesn't give is left empty.
"""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sr_cli.errors import DataError
from sr_cli.train.reports import Report, StepReport, ValidationReport
from sr_cli.whole_file import whole_file

FIRST = ("step", "loss", "worst_loss")
LAST = (
    "gradient_norm",
    "worst_gradient_norm",
    "learning_rate",
    "seconds",
    "skipped",
    "psnr_y",
)
"""`FIRST`, then the losses that differ from run to run, then `LAST`."""

Cell = float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """Several updates in a row; skipped ones count only as such."""

    step: int
    losses: Mapping[str, float]
    """Means by name; none if all updates were skipped."""
    worst_loss: float | None
    gradient_norm: float | None
    worst_gradient_norm: float | None
    learning_rate: float
    seconds: float
    skipped: int

    @property
    def loss(self) -> float | None:
        """What the generator minimises; None if all updates were skipped."""
        return self.losses.get("loss")

    def row(self) -> dict[str, Cell]:
        """Return the cells by column."""
        return {
            "step": self.step,
            **self.losses,
            "worst_loss": self.worst_loss,
            "gradient_norm": self.gradient_norm,
            "worst_gradient_norm": self.worst_gradient_norm,
            "learning_rate": self.learning_rate,
            "seconds": self.seconds,
            "skipped": self.skipped,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Metrics:
    """What a diary says."""

    columns: tuple[str, ...]
    values: NDArray[np.float64]
    """(rows, columns), NaN where a cell is empty."""

    @property
    def losses(self) -> tuple[str, ...]:
        """The names of the losses, the total first."""
        parts = (name for name in self.columns if name not in FIRST + LAST)
        return ("loss", *parts)

    def curve(self, column: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the steps and the values (n,) of a column where it has any."""
        if column not in self.columns:
            return np.empty(0), np.empty(0)
        steps = self.values[:, self.columns.index("step")]
        values = self.values[:, self.columns.index(column)]
        there = ~np.isnan(values)
        return steps[there], values[there]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def summarize(reports: Sequence[StepReport]) -> Summary:
    """Sum up `reports`, at least one."""
    done = [report for report in reports if not report.skipped]
    names = dict.fromkeys(name for report in done for name in report.losses)
    norms = [report.gradient_norm for report in done]
    return Summary(
        step=reports[-1].step,
        losses={
            name: _mean([r.losses[name] for r in done if name in r.losses])
            for name in names
        },
        worst_loss=max((report.loss for report in done), default=None),
        gradient_norm=_mean(norms) if norms else None,
        worst_gradient_norm=max(norms, default=None),
        learning_rate=reports[-1].learning_rate,
        seconds=_mean([report.seconds for report in reports]),
        skipped=len(reports) - len(done),
    )


def _table(text: str) -> tuple[tuple[str, ...], list[list[str]]]:
    """Split a diary into its columns and its whole rows.

    A crash or a power cut may leave a row torn, or with bytes that never were
    written: such rows are left out, as is a last one without its line's end.
    """
    lines = [line for line in text.splitlines(keepends=True) if line[-1] == "\n"]
    found = [row for line in lines if "\0" not in line for row in csv.reader([line])]
    columns, *rows = [row for row in found if row] or [[]]
    return tuple(columns), [row for row in rows if _whole(row, len(columns))]


def _whole(row: Sequence[str], width: int) -> bool:
    try:
        for cell in row:
            float(cell or "nan")
    except ValueError:
        return False
    return len(row) == width and row[0].isdecimal()


def _load(path: Path) -> tuple[tuple[str, ...], list[list[str]]]:
    """Read the diary at `path`; no file is an empty one.

    Raises:
        DataError: it can't be read, or is something else.
    """
    hint = "See that it is a file that srup train wrote, or move it away"
    try:
        # Spreadsheets put a mark at the beginning; a power cut puts anything anywhere.
        text = path.read_bytes().decode("utf-8-sig", errors="replace")
        columns, rows = _table(text)
    except FileNotFoundError:
        return (), []
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"Cannot read the log {path} ({reason})", hint) from error
    except csv.Error as error:
        raise DataError(f"Cannot read the log {path} ({error})", hint) from error
    if text and (columns[:1] != FIRST[:1] or not {*FIRST, *LAST} <= {*columns}):
        raise DataError(f"Cannot read the log {path} (columns are missing)", hint)
    return columns, rows


def read_metrics(path: Path) -> Metrics:
    """Read the diary at `path`, also while a run is writing it.

    Raises:
        DataError: it is missing, can't be read, or is something else.
    """
    if not path.exists():
        raise DataError(
            f"There is no {path}", "Name the folder of a run that srup train made"
        )
    columns, rows = _load(path)
    cells = [[float(cell or "nan") for cell in row] for row in rows]
    values = np.array(cells, np.float64).reshape(len(rows), len(columns))
    return Metrics(columns, values)


def _text(rows: Iterable[Sequence[str]]) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue().encode()


def _cell(value: Cell) -> str:
    return "" if value is None or math.isnan(value) else str(value)


class RunLog:
    """Appends to the diary at `path`, a row every `every` updates."""

    def __init__(self, path: Path, every: int) -> None:
        self._path, self._every = path, every
        self._pending: list[StepReport] = []
        self._columns: tuple[str, ...] = ()

    def rewind(self, step: int) -> None:
        """Drop the rows later than `step`, which are about to be lived again.

        Raises:
            DataError: the diary can't be read or written.
        """
        columns, rows = _load(self._path)
        self._replace(columns, [row for row in rows if int(row[0]) <= step])

    def add(self, report: Report) -> Summary | ValidationReport | None:
        """Take note of `report`; return what was written, if a row was due.

        Raises:
            DataError: the diary can't be written.
        """
        if isinstance(report, ValidationReport):
            self._append({"step": report.step, "psnr_y": report.psnr_y})
            return report
        self._pending.append(report)
        return self.flush() if report.step % self._every == 0 else None

    def flush(self) -> Summary | None:
        """Write what is left over since the last row.

        Raises:
            DataError: the diary can't be written.
        """
        if not self._pending:
            return None
        summary = summarize(self._pending)
        self._pending = []
        self._append(summary.row())
        return summary

    def _append(self, row: Mapping[str, Cell]) -> None:
        if not self._columns or row.keys() - set(self._columns):
            self._widen(row)
        cells = [_cell(row.get(name)) for name in self._columns]
        try:
            with self._path.open("ab") as file:
                file.write(_text([cells]))
        except OSError as error:
            raise self._refusal(error) from error

    def _widen(self, row: Mapping[str, Cell]) -> None:
        """Make room for the losses in `row` that the diary doesn't have yet."""
        old, rows = _load(self._path)
        parts = [name for name in (*old, *row) if name not in FIRST + LAST]
        columns = (*FIRST, *dict.fromkeys(parts), *LAST)
        known = (dict(zip(old, cells, strict=True)) for cells in rows)
        self._replace(columns, [[r.get(c, "") for c in columns] for r in known])

    def _replace(self, columns: tuple[str, ...], rows: list[list[str]]) -> None:
        try:
            with whole_file(self._path, overwrite=True) as stream:
                if columns:
                    stream.write(_text([columns, *rows]))
        except OSError as error:
            raise self._refusal(error) from error
        self._columns = columns

    def _refusal(self, error: OSError) -> DataError:
        return DataError(
            f"Cannot write the log {self._path} ({error.strerror or error})",
            "Make room there, then go on with --resume",
        )
