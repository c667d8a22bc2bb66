import json
import math

import pytest

from sr_cli.errors import DataError
from sr_cli.train.log import RunLog
from sr_cli.train.loop import StepReport, ValidationReport


def report(step: int, loss: float = 1.0) -> StepReport:
    return StepReport(step, loss, 2.0 * loss, 1e-3, 0.5)


def lines(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_every_few_updates_and_every_validation(tmp_path):
    log = RunLog(tmp_path / "log.jsonl", every=2)
    assert log.add(report(1, 1.0)) is None
    summary = log.add(report(2, 3.0))
    assert summary is not None
    assert summary.loss == 2.0
    log.add(ValidationReport(2, 27.5, True))
    log.add(report(3))
    log.flush()
    assert log.flush() is None
    first, validation, last = lines(tmp_path / "log.jsonl")
    assert first == {
        "step": 2,
        "loss": 2.0,
        "worst_loss": 3.0,
        "gradient_norm": 4.0,
        "worst_gradient_norm": 6.0,
        "learning_rate": 1e-3,
        "seconds": 0.5,
    }
    assert validation == {"step": 2, "psnr_y": 27.5}
    assert last["step"] == 3


def test_skipped_updates_are_counted_and_left_out_of_means(tmp_path):
    log = RunLog(tmp_path / "log.jsonl", every=2)
    for step, loss in enumerate([math.nan, 4.0, math.inf, math.nan], start=1):
        log.add(report(step, loss))
    first, second = lines(tmp_path / "log.jsonl")
    assert (first["loss"], first["skipped"]) == (4.0, 1)
    assert (second["loss"], second["worst_loss"], second["skipped"]) == (None, None, 2)


def test_what_will_be_lived_again_is_dropped(tmp_path):
    path = tmp_path / "log.jsonl"
    log = RunLog(path, every=1)
    for step in range(1, 6):
        log.add(report(step))
    with path.open("a") as file:
        file.write('{"step": 6, "lo')  # a crash while writing
    RunLog(path, every=1).rewind(3)
    assert [line["step"] for line in lines(path)] == [1, 2, 3]
    RunLog(path, every=1).rewind(0)
    assert lines(path) == []
    RunLog(tmp_path / "new.jsonl", every=1).rewind(3)
    assert (tmp_path / "new.jsonl").read_text() == ""


def test_a_log_that_cannot_be_written(tmp_path):
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(DataError, match="Cannot write the log"):
        RunLog(tmp_path / "log.jsonl", every=1).add(report(1))
