"""The run's diary: one JSON object a line, from which plots can be made.

Lines about updates give `step` and, over the updates since the line before, the
mean and worst `loss` and `gradient_norm`, the last `learning_rate`, the mean
`seconds` per update and, where there were any, how many were `skipped`.  Lines
about validations give `step` and `psnr_y`.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from sr_cli.errors import DataError
from sr_cli.train.loop import Report, StepReport, ValidationReport
from sr_cli.whole_file import whole_file


@dataclass(frozen=True, slots=True)
class Summary:
    """Several updates in a row; skipped ones count only as such."""

    step: int
    loss: float | None
    """Mean; None if all were skipped."""
    worst_loss: float | None
    gradient_norm: float | None
    worst_gradient_norm: float | None
    learning_rate: float
    seconds: float
    skipped: int

    def to_json(self) -> str:
        """Write one line of the log."""
        facts = asdict(self)
        if not self.skipped:
            del facts["skipped"]
        return json.dumps(facts)


def summarize(reports: list[StepReport]) -> Summary:
    """Sum up `reports`, at least one."""
    done = [report for report in reports if not report.skipped]
    losses = [report.loss for report in done]
    norms = [report.gradient_norm for report in done]
    return Summary(
        step=reports[-1].step,
        loss=sum(losses) / len(losses) if losses else None,
        worst_loss=max(losses, default=None),
        gradient_norm=sum(norms) / len(norms) if norms else None,
        worst_gradient_norm=max(norms, default=None),
        learning_rate=reports[-1].learning_rate,
        seconds=sum(report.seconds for report in reports) / len(reports),
        skipped=len(reports) - len(done),
    )


class RunLog:
    """Appends to the log at `path`, a line every `every` updates."""

    def __init__(self, path: Path, every: int) -> None:
        self._path, self._every = path, every
        self._pending: list[StepReport] = []

    def rewind(self, step: int) -> None:
        """Drop the lines later than `step`, which are about to be lived again."""
        lines = []
        if self._path.exists():
            for line in self._path.read_text().splitlines():
                try:
                    keep = json.loads(line)["step"] <= step
                except (ValueError, KeyError, TypeError):
                    keep = False  # cut short by a crash
                if keep:
                    lines.append(line + "\n")
        with whole_file(self._path, overwrite=True) as stream:
            stream.write("".join(lines).encode())

    def _write(self, line: str) -> None:
        try:
            with self._path.open("a") as file:
                file.write(line + "\n")
        except OSError as error:
            raise DataError(
                f"Cannot write the log {self._path} ({error.strerror or error})",
                "Make room there, then go on with --resume",
            ) from error

    def add(self, report: Report) -> Summary | ValidationReport | None:
        """Take note of `report`; return what was written, if a line was due."""
        if isinstance(report, ValidationReport):
            self._write(json.dumps({"step": report.step, "psnr_y": report.psnr_y}))
            return report
        self._pending.append(report)
        return self.flush() if report.step % self._every == 0 else None

    def flush(self) -> Summary | None:
        """Write what is left over since the last line."""
        if not self._pending:
            return None
        summary = summarize(self._pending)
        self._pending = []
        self._write(summary.to_json())
        return summary
