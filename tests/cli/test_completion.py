"""Completion, as click answers it and as real shells show it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sr_cli.catalog import MODELS
from sr_cli.cli import COMMANDS, cli, completers
from sr_cli.datasets import KNOWN_SETS
from sr_cli.foreign import SUFFIXES
from sr_cli.picture import FORMATS
from sr_cli.weights import RUN_WEIGHTS

SHELLS = ("bash", "zsh", "fish")
HEAVY = {"numpy", "torch", "PIL", "openvino", "onnxruntime", "huggingface_hub"}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with pictures, weights and runs."""
    (tmp_path / "scans").mkdir()
    for run in ("runs/first", "runs/second", "runs/a run"):
        (tmp_path / run).mkdir(parents=True)
        (tmp_path / run / RUN_WEIGHTS).touch()
    (tmp_path / "runs" / "unfinished").mkdir()
    for name in ("photo.jpg", "mine.safetensors", "other.onnx", ".hidden.pth"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def offered(*words: str) -> list[tuple[str, str]]:
    """What click tells bash for the last of the words: (type, value) pairs."""
    variables = {
        "_SRUP_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("srup", *words)),
        "COMP_CWORD": str(len(words)),
    }
    shown = CliRunner().invoke(cli, [], env=variables, prog_name="srup")
    assert shown.exit_code == 0
    lines = (line.split(",", 1) for line in shown.output.splitlines())
    return [(kind, value) for kind, value in lines]


def values(*words: str) -> list[str]:
    assert all(kind == "plain" for kind, _ in offered(*words))
    return [value for _, value in offered(*words)]


def test_commands_are_offered():
    assert values("") == list(COMMANDS)
    assert values("up") == ["upscale"]
    assert values("upscale", "--dev") == ["--device"]
    assert "--version" in values("--")


@pytest.mark.parametrize(
    "words",
    [
        ("upscale", "-m"),
        ("upscale", "photo.jpg", "--model"),
        ("batch", "-m"),
        ("bench", "set5", "-m"),
        ("bench", "speed", "-m"),
        ("train", "srgan", "--init"),
    ],
)
def test_models_are_offered_by_id_and_by_file(place, words):
    ids = [spec.id for spec in MODELS]
    assert values(*words, "") == [*ids, "mine.safetensors", "other.onnx"]
    assert values(*words, "srg") == ["srgan"]


def test_runs_are_models(place):
    # A name with a space is left to the shell, which knows how to quote it.
    assert values("upscale", "-m", "runs/") == ["runs/first", "runs/second"]
    assert values("upscale", "-m", "runs/s") == ["runs/second"]
    assert values("upscale", "-m", f"{place}/m") == [f"{place}/mine.safetensors"]
    assert values("upscale", "-m", ".h") == [".hidden.pth"]


def test_homes_are_understood(place, monkeypatch):
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.setenv("USERPROFILE", str(place))
    assert values("upscale", "-m", "~/runs/f") == ["~/runs/first"]
    assert offered("upscale", "-m", "~nobody-here/") == [("file", "~nobody-here/")]


def test_where_no_model_fits_the_shell_offers_files(place):
    assert offered("upscale", "-m", "ru") == [("file", "ru")]
    assert offered("upscale", "-m", "nowhere/") == [("file", "nowhere/")]


@pytest.mark.parametrize("words", [("upscale",), ("upscale", "a.png", "-o")])
def test_pictures_are_the_shells_to_offer(place, words):
    assert offered(*words, "pho") == [("file", "pho")]


def test_sets_are_offered():
    measured = [row.id for row in KNOWN_SETS if row.measuring]
    found = values("bench", "")
    assert sorted(found) == sorted([*measured, "pictures", "speed", "training"])
    assert sorted(values("bench", "set5", "")) == sorted(measured)
    assert offered("bench", "./") == [("dir", "./")]
    assert sorted(values("train", "--data", "")) == sorted(s.id for s in KNOWN_SETS)
    assert offered("train", "--data", "./") == [("dir", "./")]


def test_devices_and_formats_are_offered():
    assert values("upscale", "--device", "") == ["auto", "cpu", "cuda", "mps"]
    assert values("train", "--device", "c") == ["cpu", "cuda"]
    assert values("upscale", "--engine", "o") == ["openvino", "onnxruntime"]
    usual = [row.suffixes[0].removeprefix(".") for row in FORMATS]
    assert sorted(values("upscale", "--format", "")) == sorted(usual)


def test_names_stand_here_as_where_they_come_from():
    training = {row.id for row in KNOWN_SETS}
    assert set(completers.TRAINING_SETS) == training
    assert completers.RUN_WEIGHTS == RUN_WEIGHTS
    assert {".safetensors", ".pth"} < completers.WEIGHTS <= {*SUFFIXES, ".onnx"}


@pytest.mark.parametrize(
    "words", [[""], ["upscale", "-m", ""], ["bench", ""], ["train", "--data", ""]]
)
def test_an_answer_loads_nothing_heavy(words):
    code = (
        "import sys\n"
        "from sr_cli.cli import main\n"
        "try:\n"
        "    main([])\n"
        "finally:\n"
        "    print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr)\n"
    )
    variables = {
        "_SRUP_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("srup", *words)),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout
    assert not HEAVY & set(done.stderr.split())


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_is_printed(shell):
    shown = CliRunner().invoke(cli, ["completion", shell])
    assert shown.exit_code == 0
    assert f"_SRUP_COMPLETE={shell}_complete" in shown.stdout


def test_other_shells_are_refused():
    shown = CliRunner().invoke(cli, ["completion", "tcsh"])
    assert shown.exit_code == 2
    assert "'bash', 'zsh', 'fish'" in shown.output


COMPLETED = {
    "srup upscale -m srg": "srup upscale -m srgan",
    "srup upscale -m runs/f": "srup upscale -m runs/first",
    "srup upscale -m run": "srup upscale -m runs/",
    "srup upscale pho": "srup upscale photo.jpg",
    "srup bench ./sc": "srup bench ./scans/",
    "srup upscale --device cu": "srup upscale --device cuda",
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_real_shell_completes(place, shell):
    if sys.platform == "win32" or shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    from shells import typed

    found = typed(shell, list(COMPLETED))
    # zsh takes a slash back when something else follows.
    wanted = [line.rstrip("/") for line in COMPLETED.values()]
    assert [line.rstrip(" /") for line in found] == wanted
