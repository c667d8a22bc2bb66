"""`srup doctor`: a report for people and one for programs."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from sr_cli import __version__, engines
from sr_cli.catalog import MODELS
from sr_cli.cli import cli
from sr_cli.cli.doctor import lines
from sr_cli.doctor import trials
from sr_cli.doctor.examination import Report
from sr_cli.doctor.extras import Extra
from sr_cli.doctor.machine import Machine
from sr_cli.doctor.models import ModelFound
from sr_cli.doctor.places import Place
from sr_cli.doctor.trials import AutoFound, EngineFound, EnginesFound, Trial

GOOD = Trial("cpu", "float32", levels_off=0.001, ready_seconds=0.5, seconds=0.02)
REPORT = Report(
    Machine(
        *("1.2.3", "CPython 3.12.1", "Linux", "A Processor", 4, 8, 6),
        ("AVX2", "AMX"),
        *(16 << 30, 9 << 30),
    ),
    "srresnet",
    EnginesFound(
        AutoFound("openvino", GOOD, ("cpu, for no GPU was found",)),
        (
            EngineFound("openvino", True, "2026.1", trials=(GOOD,)),
            EngineFound("onnxruntime", True, fault="It crashed (SIGILL)"),
            EngineFound("torch", False),
        ),
        (),
    ),
    (ModelFound("srgan", "9a781a1d4302f3d2", "/models/srgan.safetensors", ""),),
    (
        Place("srup's cache", "/c", True, 5_000_000, 3, True),
        Place("the Hub's cache", "/h", True, 7_000_000, 1, False),
    ),
    (Extra("watch", ("matplotlib 3.9",), ("tensorboard",)), Extra("heic", (), ("h",))),
)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home of its own, whose name must not show."""
    folder = tmp_path / "marvin"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / ".cache"))
    return folder


def test_this_machine_is_well():
    shown = CliRunner().invoke(cli, ["doctor", "--json"], standalone_mode=False)
    assert shown.return_value == 0
    assert "marvin" not in shown.stdout
    found = json.loads(shown.stdout)
    assert found["problems"] == []
    assert found["machine"]["srup"] == __version__
    assert found["tried_with"] == "srresnet"
    auto = found["engines"]["auto"]
    assert auto["engine"] in engines.CPU_ENGINES
    assert auto["because"]
    assert auto["trial"]["levels_off"] < trials.WRONG[auto["trial"]["precision"]]
    assert {model["id"] for model in found["models"]} >= {m.id for m in MODELS}
    assert found["places"][0]["path"].replace("\\", "/") == "~/.cache/srup"


def test_a_broken_engine_is_told_and_is_an_error(monkeypatch, tmp_path, home):
    (tmp_path / "openvino").mkdir()
    code = f"raise ImportError('{home.as_posix()}/libtbb.so: böse')"
    (tmp_path / "openvino" / "__init__.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    for module in (engines, trials):
        monkeypatch.setattr(module, "CPU_ENGINES", ("openvino",))
    shown = CliRunner().invoke(cli, ["doctor"], standalone_mode=False)
    assert shown.return_value == 1
    assert shown.stdout.isascii()
    assert "BROKEN: ImportError: ~/libtbb.so: b\\xf6se" in shown.stdout
    assert "Traceback" not in shown.output


def test_the_report_is_plain_and_narrow():
    text = list(lines(REPORT))
    assert text == [
        "srup 1.2.3, CPython 3.12.1, Linux",
        "CPU:",
        "  A Processor",
        "  4 cores, 8 logical, 6 usable",
        "  AVX2, AMX",
        "Memory:",
        "  16.0 GiB in all, 9.0 GiB available",
        "GPUs:",
        "  none that torch can use",
        "Taken if nothing is asked for:",
        "  openvino on cpu in float32",
        "  works, at most 0.001 levels off, 0.50 s to start, 20 ms",
        "  - cpu, for no GPU was found",
        "Engines, tried with srresnet:",
        "  openvino 2026.1",
        "    cpu float32: works, at most 0.001 levels off, 0.50 s to start, 20 ms",
        "  onnxruntime",
        "    BROKEN: It crashed (SIGILL)",
        "  torch: not installed",
        "Models:",
        "  srgan: verified, sha256 9a781a1d4302, /models/srgan.safetensors",
        "Files:",
        "  srup's cache: /c, 5.0 MB, files: 3",
        "  the Hub's cache: /h, at least 7.0 MB, files: 1",
        "Extras:",
        "  watch: matplotlib 3.9; tensorboard missing (pip install 'srup[watch]')",
        "  heic: h missing (pip install 'srup[heic]')",
        "Problems:",
        "  none",
    ]


def test_a_device_that_is_no_use_takes_one_line():
    cuda = [
        Trial("cuda", name, refused="torch finds none")
        for name in ("float32", "float16")
    ]
    engine = EngineFound("torch", True, "2.9", trials=(GOOD, *cuda))
    found = replace(REPORT.engines, engines=(engine,), gpus=("cuda 0: A GPU",))
    text = list(lines(replace(REPORT, engines=found)))
    assert text[text.index("GPUs:") + 1] == "  cuda 0: A GPU"
    start = text.index("  torch 2.9")
    assert text[start + 1].startswith("    cpu float32: works")
    assert text[start + 2 : start + 4] == ["    cuda: no (torch finds none)", "Models:"]


def test_an_engine_that_is_not_taken_may_be_broken():
    assert REPORT.problems == ()


def test_problems_are_what_srup_takes():
    wrong = replace(GOOD, levels_off=80.0, fault="The result is wrong")
    refused = Trial("cpu", "float16", refused="There is none")
    auto = replace(REPORT.engines.auto, trial=wrong)
    engine = EngineFound("openvino", True, "2026.1", trials=(wrong, refused))
    damaged = replace(REPORT.models[0], fault="The weights of srgan are damaged")
    broken = replace(
        REPORT,
        engines=replace(REPORT.engines, auto=auto, engines=(engine,)),
        models=(damaged,),
    )
    assert broken.problems == (
        "The weights of srgan are damaged",
        "openvino, which srup takes, doesn't work: The result is wrong",
    )
    text = "\n".join(lines(broken))
    assert "BROKEN: The result is wrong, at most 80 levels off" in text
    assert "cpu float16: no (There is none)" in text
    assert "srgan: BROKEN: The weights of srgan are damaged" in text
    nothing = replace(auto, engine=None, trial=Trial("auto", "auto", fault="None is"))
    broken = replace(REPORT, engines=replace(REPORT.engines, auto=nothing))
    assert broken.problems == ("srup finds no engine that works: None is",)
    assert "BROKEN: None is" in "\n".join(lines(broken))
