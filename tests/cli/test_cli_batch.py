"""`srup batch` as a user meets it: what it says, how it ends, and what kills it."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from batches import hidden, make, tree
from sr_cli.batch import open_folder
from sr_cli.cli import main

COUNT = 12
MANY = 24  # so that some are left whenever a signal comes


def srup(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["batch", *map(str, arguments)])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


@pytest.fixture
def options(tiny_weights) -> tuple[object, ...]:
    return "-m", tiny_weights, "--device", "cpu"


@pytest.fixture
def batch(options):
    return lambda *arguments: srup(*arguments, *options)


def fill(folder: Path, count: int = COUNT) -> Path:
    for number in range(count):
        place = folder / "in" / ("x" if number % 3 else "y z")
        make(place / f"{number:02}.png", number, (40, 30))
    return folder / "in"


@pytest.fixture
def root(tmp_path) -> Path:
    return fill(tmp_path)


def json_lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


@contextmanager
def process(*arguments: object) -> Iterator["subprocess.Popen[str]"]:
    """`srup batch --json` as a process of its own."""
    command = [sys.executable, "-m", "sr_cli", "batch", *map(str, arguments), "--json"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background has it ignored.
        # Safe here: it calls no library that another thread may have locked.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def wait_for(running: "subprocess.Popen[str]", event: str, count: int = 1) -> bool:
    """Read what a batch reports up to an event; False if it never comes."""
    assert running.stdout is not None
    for line in running.stdout:
        count -= json.loads(line)["event"] == event
        if not count:
            return True
    return False


def test_a_batch_from_plan_to_rerun(batch, root, tmp_path, capfd):
    out = tmp_path / "out"
    (root / "bad.png").write_text("no picture")
    assert batch(root, "-o", out, "--dry-run") == 0
    plan = capfd.readouterr().out
    assert plan.count("\n") == COUNT + 1
    first = f"Would upscale {root / 'bad.png'} → {out / 'bad.png'}: it is new."
    assert plan.startswith(first)
    assert not out.exists()
    assert batch(root, "-o", out, "--suffix", "_4x") == 1
    said = capfd.readouterr().err
    assert f"Error: Cannot read {root / 'bad.png'}" in said
    assert f"→ {out / 'x' / '01_4x.png'} (160×120" in said
    assert said.endswith(f"{COUNT} upscaled, 0 skipped, 1 failed.\n")
    (root / "bad.png").unlink()
    assert batch(root, "-o", out, "--suffix", "_4x", "--resume") == 0
    assert capfd.readouterr().err == (
        f"{COUNT} of {COUNT} results are up to date.\n"
        f"0 upscaled, {COUNT} skipped, 0 failed.\n"
    )
    assert batch(root, "-o", out, "--suffix", "_4x", "--dry-run") == 0
    assert capfd.readouterr().out.count("it is up to date") == COUNT
    assert batch(root, "-o", out, "--suffix", "_4x", "--quiet") == 0
    assert capfd.readouterr() == ("", "")


def test_json_has_a_line_for_every_event(batch, root, tmp_path, capfd):
    out = tmp_path / "out"
    (root / "bad.png").write_text("no picture")
    assert batch(root, "-o", out, "--json", "--dry-run") == 0
    planned = json_lines(capfd.readouterr().out)
    assert {line["event"] for line in planned} == {"planned"}
    assert batch(root, "-o", out, "--json") == 1
    lines = json_lines(capfd.readouterr().out)
    assert lines[: COUNT + 1] == planned
    events = [line["event"] for line in lines[COUNT + 1 :]]
    assert events.count("started") == COUNT + 1
    assert events.count("done") == COUNT
    assert events.count("failed") == 1
    done = next(line for line in lines if line["event"] == "done")
    assert (done["width"], done["height"]) == (160, 120)
    summary = lines[-1]
    assert summary.pop("seconds") > 0
    assert summary == {
        "event": "summary",
        **{"done": COUNT, "skipped": 0, "failed": 1, "left": 0},
        "pixels": COUNT * 160 * 120,
    }


def test_the_first_failure_can_end_it(batch, tmp_path, capfd):
    root, out = tmp_path / "in", tmp_path / "out"
    for number in range(20):
        make(root / f"{number:02}.png", number)
    (root / "00.png").write_text("no picture")
    assert batch(root, "-o", out, "--fail-fast") == 1
    assert "1 failed, " in capfd.readouterr().err
    assert len(tree(out)) < 19
    assert batch(root, "-o", out) == 1
    assert len(tree(out)) == 19


def test_a_collision_is_found_before_any_work(batch, tmp_path, capfd):
    for name in ("a/x.png", "b/x.png"):
        make(tmp_path / name)
    paths = [tmp_path / "a" / "x.png", tmp_path / "b" / "x.png"]
    assert batch(*paths, "-o", tmp_path / "out") == 1
    said = capfd.readouterr().err
    assert said.startswith("Error: 2 pictures would be written to")
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()
    options = ("-o", tmp_path / "out", "--name", "{parent}-{stem}_{scale}x_{model}")
    assert batch(*paths, *options) == 0
    assert sorted(tree(tmp_path / "out")) == ["a-x_4x_tiny.png", "b-x_4x_tiny.png"]


def test_results_beside_their_inputs_never_become_inputs(batch, root, capfd):
    for number in (COUNT, 0):
        assert batch(root, "-o", root, "--suffix", "_4x") == 0
        assert f"{number} upscaled" in capfd.readouterr().err
    assert batch(root, "-o", root) == 1
    assert "would take the place of" in capfd.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("in", "--resume", "--overwrite"),
        ("in", "--watch", "--dry-run"),
        ("-", "--watch"),
        ("--list", "-", "--watch"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments):
    assert srup(*arguments) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "There is no folder or file nowhere"),
        (("in", "--format", "xyz"), "xyz"),
        (("in", "--name", "../{stem}"), "separators"),
        (("in", "--name", "{nothing}"), "Known fields: {stem}"),
        (("in/x/01.png",), "--output"),
        (("in", "-m", "vdsr"), "no model called"),
    ],
)
def test_bad_requests(root, monkeypatch, capfd, arguments, message):
    monkeypatch.chdir(root.parent)
    assert srup(*arguments) == 1
    said = capfd.readouterr().err
    assert said.startswith("Error: ")
    assert message in said
    assert [path.name for path in root.parent.iterdir() if path.is_dir()] == ["in"]


@pytest.fixture(scope="module")
def undisturbed(tiny_weights, tmp_path_factory):
    """A folder, options of what begins soonest, and what they give in peace."""
    folder = tmp_path_factory.mktemp("undisturbed")
    root, out = fill(folder, MANY), folder / "out"
    options = ("-m", tiny_weights, "--device", "cpu", "--engine", "onnxruntime")
    assert srup(root, "-o", out, "-q", *options) == 0
    return root, options, tree(out)


def test_a_batch_that_is_killed_again_and_again(undisturbed, tmp_path):
    root, options, whole = undisturbed
    out = tmp_path / "out"
    chance = random.Random(0)
    kills, done = 0, []
    while kills < 3:
        with process(root, "-o", out, *options) as running:
            if wait_for(running, "started", chance.randint(1, 4)):
                time.sleep(chance.uniform(0, 0.05))
                running.kill()
                kills += 1
            assert running.wait() in (-signal.SIGKILL, 0)
        # What is there is whole, and stays.
        assert tree(out).items() <= whole.items()
        assert set(done) <= set(tree(out))
        done = list(tree(out))
        if len(done) == MANY:
            break
    assert kills
    with process(root, "-o", out, *options) as running:
        text, _ = running.communicate()
    *_, summary = json_lines(text)
    assert summary["skipped"] == len(done)
    assert summary["done"] == MANY - len(done)
    assert tree(out) == whole
    assert hidden(out) == ["journal.jsonl"]


def test_an_interrupted_batch_says_how_to_go_on(undisturbed, tmp_path):
    """And goes on, after Ctrl-C and after SIGTERM."""
    root, options, whole = undisturbed
    out = tmp_path / "out"
    for number in (signal.SIGINT, signal.SIGTERM):
        before = len(tree(out))
        with process(root, "-o", out, *options) as running:
            assert wait_for(running, "done", 2)
            running.send_signal(number)
            text, said = running.communicate(timeout=60)
        assert running.returncode == 130
        assert said.endswith("The same command goes on where this one stopped.\n")
        *_, summary = json_lines(text)
        assert summary["left"] == MANY - len(tree(out)) > 0
        assert len(tree(out)) >= before + 2
        assert tree(out).items() <= whole.items()
        assert hidden(out) == ["journal.jsonl"]
    with process(root, "-o", out, *options) as running:
        running.communicate()
    assert running.returncode == 0
    assert tree(out) == whole


def test_a_second_interruption_does_not_wait(options, tmp_path):
    root, out = tmp_path / "in", tmp_path / "out"
    # One window of it takes the better part of a second.
    make(root / "a.png", size=(600, 500))
    slow = (*options, "--tile", 1000, "--engine", "onnxruntime")
    with process(root, "-o", out, *slow) as running:
        assert wait_for(running, "started")
        time.sleep(0.2)
        running.send_signal(signal.SIGINT)
        time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Interrupted." in said
    assert "Traceback" not in said
    assert tree(out) == {}
    with open_folder(out):  # it is locked no more, and what was left there goes
        pass
    assert hidden(out) == ["journal.jsonl"]


def test_a_watched_folder(options, tmp_path):
    root, out = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    with process(root, "-o", out, *options, "--watch", "--settle", 0.2) as running:
        make(tmp_path / "a.png", 1).rename(root / "a.png")
        assert wait_for(running, "done")
        assert set(tree(out)) == {"a.png"}
        (root / "bad.png").write_text("no picture")
        assert wait_for(running, "failed")
        make(tmp_path / "x" / "b.png", 2)
        (tmp_path / "x").rename(root / "x")
        make(root / "bad.png", 3)
        assert wait_for(running, "done", 2)
        running.send_signal(signal.SIGINT)
        text, _ = running.communicate(timeout=60)
    assert set(tree(out)) == {"a.png", "bad.png", "x/b.png"}
    *_, summary = json_lines(text)
    counts = {name: summary[name] for name in ("done", "skipped", "failed", "left")}
    assert counts == {"done": 3, "skipped": 0, "failed": 1, "left": 0}
    assert running.returncode == 1  # for the failure


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX")
def test_no_name_commands_the_terminal(batch, tmp_path, capfd):
    root, out = tmp_path / "in", tmp_path / "out"
    names = ["\x1b[2Ja.png", "b\nc.png", os.fsdecode(b"caf\xe9.png")]
    for seed, name in enumerate(names):
        make(root / "x.png", seed).rename(root / name)
    (root / "\x1b]bad.png").write_text("no picture")
    assert batch(root, "-o", out, "--dry-run") == 0
    told = capfd.readouterr().out
    assert batch(root, "-o", out) == 1
    told += capfd.readouterr().err
    for spelled in (r"\x1b[2Ja.png", r"b\nc.png", r"caf\udce9.png", r"\x1b]bad.png"):
        assert spelled in told
    assert "\x1b" not in told
    assert len(told.splitlines()) == 4 + 4 + 1  # plan, outcomes, summary
    assert sorted(tree(out)) == sorted(names)
    assert batch(root, "-o", out, "--json") == 1
    lines = json_lines(capfd.readouterr().out)
    assert {str(root / name) for name in names} < {line.get("input") for line in lines}
