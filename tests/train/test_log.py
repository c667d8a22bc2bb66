import csv
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_cli.errors import DataError
from sr_cli.train.log import RunLog, read_metrics, summarize
from sr_cli.train.reports import StepReport, ValidationReport


def report(step: int, loss: float = 1.0, **parts: float) -> StepReport:
    return StepReport(step, {"loss": loss, **parts}, 2.0 * loss, 1e-3, 0.5)


def rows(path) -> list[dict]:
    """The rows, as any reader of CSV finds them, without empty cells."""
    with path.open(newline="") as file:
        found = list(csv.DictReader(file))
    return [{k: float(v) for k, v in row.items() if v} for row in found]


def steps(path) -> list[float]:
    return [row["step"] for row in rows(path)]


def test_a_row_every_few_updates_and_every_validation(tmp_path):
    path = tmp_path / "metrics.csv"
    log = RunLog(path, every=2)
    assert log.add(report(1, 1.0, content=5.0)) is None
    summary = log.add(report(2, 3.0, content=7.0))
    assert summary is not None
    assert summary.loss == 2.0
    validation = ValidationReport(2, 27.5, True)
    assert log.add(validation) is validation
    log.add(report(3))
    assert log.flush() is not None
    assert log.flush() is None
    header = path.read_text().splitlines()[0].split(",")
    assert header[:4] == ["step", "loss", "worst_loss", "content"]
    assert header[-1] == "psnr_y"
    assert rows(path) == [
        {
            "step": 2,
            "loss": 2.0,
            "worst_loss": 3.0,
            "content": 6.0,
            "gradient_norm": 4.0,
            "worst_gradient_norm": 6.0,
            "learning_rate": 1e-3,
            "seconds": 0.5,
            "skipped": 0,
        },
        {"step": 2, "psnr_y": 27.5},
        {
            "step": 3,
            "loss": 1.0,
            "worst_loss": 1.0,
            "gradient_norm": 2.0,
            "worst_gradient_norm": 2.0,
            "learning_rate": 1e-3,
            "seconds": 0.5,
            "skipped": 0,
        },
    ]


def test_skipped_updates_are_counted_and_left_out_of_means(tmp_path):
    log = RunLog(tmp_path / "metrics.csv", every=2)
    for step, loss in enumerate([math.nan, 4.0, math.inf, math.nan], start=1):
        log.add(report(step, loss, content=loss))
    first, second = rows(tmp_path / "metrics.csv")
    assert (first["loss"], first["content"], first["skipped"]) == (4.0, 4.0, 1)
    assert second["skipped"] == 2
    assert "loss" not in second
    assert "worst_loss" not in second


def test_an_overflowing_gradient_skips_the_update():
    one = StepReport(1, {"loss": 1.0}, math.inf, 1e-3, 0.5)
    assert one.skipped
    assert not report(1).skipped
    assert summarize([one]).loss is None


@given(st.lists(st.floats(0, 1e30), min_size=1, max_size=30), st.integers(1, 7))
def test_what_is_written_is_what_is_read(tmp_path_factory, losses, every):
    path = tmp_path_factory.mktemp("run") / "metrics.csv"
    log = RunLog(path, every)
    log.rewind(0)
    for step, loss in enumerate(losses, start=1):
        log.add(report(step, loss))
    log.flush()
    groups = [losses[i : i + every] for i in range(0, len(losses), every)]
    metrics = read_metrics(path)
    at, found = metrics.curve("loss")
    assert found.tolist() == [sum(group) / len(group) for group in groups]
    assert metrics.curve("worst_loss")[1].tolist() == [max(group) for group in groups]
    assert at[-1] == len(losses)
    assert metrics.curve("psnr_y")[0].size == 0


def test_pandas_would_see_numbers(tmp_path):
    path = tmp_path / "metrics.csv"
    log = RunLog(path, every=1)
    log.add(report(1, np.float64(0.1)))  # type: ignore[arg-type]
    log.add(ValidationReport(1, np.float64(28.25), True))  # type: ignore[arg-type]
    table = np.genfromtxt(path, delimiter=",", names=True)
    assert table["loss"][0] == 0.1
    assert table["psnr_y"].tolist()[1] == 28.25
    assert np.isnan(table["psnr_y"][0])


def test_what_will_be_lived_again_is_dropped(tmp_path):
    path = tmp_path / "metrics.csv"
    log = RunLog(path, every=1)
    for step in range(1, 6):
        log.add(report(step))
    log.add(ValidationReport(3, 27.0, True))
    with path.open("a") as file:
        file.write("6,0.12")  # a crash while writing
    assert read_metrics(path).curve("loss")[0].tolist() == [1, 2, 3, 4, 5]
    log = RunLog(path, every=1)
    log.rewind(3)
    assert steps(path) == [1, 2, 3, 3]
    log.add(report(4))
    assert steps(path) == [1, 2, 3, 3, 4]
    RunLog(path, every=1).rewind(0)
    assert rows(path) == []
    RunLog(tmp_path / "new.csv", every=1).rewind(3)
    assert read_metrics(tmp_path / "new.csv").curve("loss")[0].size == 0


@pytest.mark.parametrize("length", range(1, 40))
def test_a_row_torn_anywhere_is_no_row(tmp_path, length):
    path = tmp_path / "metrics.csv"
    log = RunLog(path, every=1)
    log.add(report(1))
    before = path.read_bytes()
    log.add(report(2))
    whole = path.read_bytes()
    path.write_bytes(whole[: min(len(before) + length, len(whole) - 1)])
    assert read_metrics(path).curve("loss")[0].tolist() == [1]
    # A disk may also lengthen a file before it writes what is in it.
    path.write_bytes(before + b"\0" * length + b"\n" + b"\xff\x00,,\n")
    RunLog(path, every=1).rewind(5)
    assert path.read_bytes() == before


def test_a_resumed_run_may_have_other_losses(tmp_path):
    path = tmp_path / "metrics.csv"
    RunLog(path, every=1).add(report(1, 1.0, content=1.5))
    log = RunLog(path, every=1)
    log.rewind(1)
    log.add(ValidationReport(1, 27.0, True))
    log.add(report(2, 2.0, adversarial=0.5))
    log.add(report(3, 3.0, content=3.5, adversarial=0.25))
    first, validation, second, third = rows(path)
    assert (first["loss"], first["content"]) == (1.0, 1.5)
    assert validation == {"step": 1, "psnr_y": 27.0}
    assert (second["loss"], second["adversarial"]) == (2.0, 0.5)
    assert "content" not in second
    assert (third["content"], third["adversarial"]) == (3.5, 0.25)
    assert read_metrics(path).losses == ("loss", "content", "adversarial")
    assert list(tmp_path.iterdir()) == [path]


def test_a_spreadsheet_may_have_saved_it(tmp_path):
    path = tmp_path / "metrics.csv"
    RunLog(path, every=1).add(report(1, 0.5))
    text = path.read_text().replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_metrics(path).curve("loss")[1].tolist() == [0.5]


@pytest.mark.parametrize("text", ["photos\n", "step,loss\n1,2\n", "a", "\n\n"])
def test_another_file_is_left_alone(tmp_path, text):
    path = tmp_path / "metrics.csv"
    path.write_text(text)
    with pytest.raises(DataError, match="columns are missing"):
        read_metrics(path)
    with pytest.raises(DataError, match="Cannot read the log"):
        RunLog(path, every=1).rewind(3)
    assert path.read_text() == text


def test_a_log_that_cannot_be_read_or_written(tmp_path):
    with pytest.raises(DataError, match="There is no "):
        read_metrics(tmp_path / "metrics.csv")
    with pytest.raises(DataError, match="Cannot write the log"):
        RunLog(tmp_path / "missing" / "metrics.csv", every=1).add(report(1))
    log = RunLog(tmp_path / "metrics.csv", every=1)
    log.add(report(1))
    (tmp_path / "metrics.csv").unlink()
    (tmp_path / "metrics.csv").mkdir()
    with pytest.raises(DataError, match="Cannot write the log"):
        log.add(report(2))
    with pytest.raises(DataError, match="Cannot read the log"):
        log.rewind(1)
