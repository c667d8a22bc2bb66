"""What a run shows, where there is a terminal and where there is none."""

import io

import pytest
from rich.console import Console

from sr_cli.cli import train_display
from sr_cli.cli.train_display import Display
from sr_cli.train.log import Summary
from sr_cli.train.reports import StepReport, ValidationReport

LOSSES = {"loss": 0.01234, "content": 0.012, "adversarial": 0.5}


def show(quiet: bool = False) -> None:
    with Display(0, 1000, quiet=quiet) as display:
        report = StepReport(100, LOSSES, 1.0, 1e-4, 2.0)
        display.show(report, None)
        display.show(report, Summary(100, LOSSES, 0.02, 1.0, 1.0, 1e-4, 2.0, 3))
        validation = ValidationReport(100, 28.123, True)
        display.show(validation, validation)
        display.show(report, Summary(200, {}, None, None, None, 1e-4, 2.0, 100))


def test_lines_where_there_is_no_terminal(capfd):
    show()
    first, second, third = capfd.readouterr().err.splitlines()
    assert first == (
        "100/1000  loss 0.0123  content 0.012  adversarial 0.5  2 s per update  "
        "0:30:00 left  3 skipped"
    )
    assert second == "100/1000  validation 28.123 dB, the best so far"
    assert third.startswith("200/1000  loss -  2 s per update")


@pytest.mark.parametrize("width", [60, 100, 140])
def test_one_line_on_a_terminal(monkeypatch, width):
    stream = io.StringIO()

    def console(**_words):
        return Console(file=stream, force_terminal=True, width=width, _environ={})

    monkeypatch.setattr(train_display, "Console", console)
    with Display(0, 1000, quiet=False) as display:
        validation = ValidationReport(90, 28.123, True)
        display.show(validation, validation)
        report = StepReport(100, LOSSES, 1.0, 1e-4, 2.0)
        display.show(report, Summary(100, LOSSES, 0.02, 1.0, 1.0, 1e-4, 2.0, 0))
    shown = stream.getvalue()
    assert "100/1000" in shown
    assert "28.12 dB" in shown
    assert ("loss 0.0123  content 0.012  adversarial 0.5" in shown) == (width >= 100)
    assert shown.count("\n") == 1


def test_quiet_is_quiet(capfd):
    show(quiet=True)
    assert capfd.readouterr() == ("", "")
