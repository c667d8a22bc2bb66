"""`srup train plot` as a user meets it."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from sr_cli.cli.train_plot import command
from sr_cli.errors import SrupError
from sr_cli.train.log import RunLog
from sr_cli.train.reports import StepReport, ValidationReport


def run_folder(path: Path) -> Path:
    path.mkdir(parents=True)
    log = RunLog(path / "metrics.csv", every=1)
    for step in range(1, 21):
        log.add(StepReport(step, {"loss": 1.0 / step}, 1.0, 1e-4, 0.1))
    log.add(ValidationReport(20, 28.0, True))
    return path


def plot(*arguments: object):
    words = [str(argument) for argument in arguments]
    return CliRunner().invoke(command, words, catch_exceptions=False)


def test_the_curves_lie_in_the_first_run(tmp_path):
    one, two = run_folder(tmp_path / "one"), run_folder(tmp_path / "two")
    for _ in range(2):  # watching is drawing again
        done = plot(one, two / "metrics.csv")
        assert done.exit_code == 0
        assert done.output == f"{one / 'curves.png'}\n"
    with Image.open(one / "curves.png") as image:
        assert image.width > 800
    assert not (two / "curves.png").exists()


def test_another_file_and_runs_of_one_name(tmp_path, monkeypatch):
    found = {}
    monkeypatch.setattr(
        "sr_cli.train.plot.draw", lambda runs, **flags: found.update(runs) or flags
    )
    monkeypatch.setattr(
        "sr_cli.train.plot.save", lambda flags, path: found.update({path: flags})
    )
    a, b = run_folder(tmp_path / "a" / "run"), run_folder(tmp_path / "b" / "run")
    target = tmp_path / "compared.PNG"
    assert plot(a, b, a, "-o", target, "--log-steps").exit_code == 0
    assert list(found) == ["a/run", "b/run", target]
    assert found[target] == {"log_steps": True}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("missing",), "There is no "),
        (("run", "-o", "curves.jpg"), "curves are drawn as PNG"),
        (("run", "-o", "missing/curves.png"), "Cannot write missing"),
    ],
)
def test_refusals(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    run_folder(tmp_path / "run")
    with pytest.raises(SrupError, match=message):
        plot(*arguments)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["metrics.csv", "run"]


def test_a_run_must_be_named():
    assert plot().exit_code == 2
