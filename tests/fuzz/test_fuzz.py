"""Damaged and hostile files get a sentence, and nothing else happens.

`SRUP_FUZZ=2000 pytest tests/fuzz` tries that many; the suite tries some, and those
that ever went wrong.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

WORKER = Path(__file__).with_name("fuzz_worker.py")
COUNT = int(os.environ.get("SRUP_FUZZ", "120"))
WENT_WRONG: tuple[int, ...] = ()
"""Seeds."""
_PATHS = [str(WORKER.parents[1]), str(WORKER.parents[1] / "matrix")]


def tell(folder: Path, first: int, count: int) -> list[dict[str, object]]:
    """Run the worker, and return what it said of each file."""
    folder.mkdir()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(_PATHS)}
    done = subprocess.run(
        [sys.executable, WORKER, folder, str(first), str(count)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=60 + 10 * count,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, (lines[-1:], done.stderr[-2000:])
    assert done.stderr == ""
    return lines


def check(lines: list[dict[str, object]], count: int) -> None:
    *told, end = lines
    ended = [line for line in told if line["status"] != "begun"]
    assert len(ended) == count
    for line in ended:
        assert line["status"] in ("done", "failed"), line
        assert line["result"] == (line["status"] == "done"), line
        assert line["seconds"] < 10, line
        assert line["peak"] < 2048, line
        assert "Traceback" not in str(line.get("error")), line
    assert end == {"left": []}


def test_mutated_files(tmp_path):
    lines = tell(tmp_path / "x", 0, COUNT)
    check(lines, COUNT)
    statuses = {line.get("status") for line in lines}
    assert {"done", "failed"} <= statuses


def test_files_that_went_wrong_before(tmp_path):
    for seed in WENT_WRONG:
        check(tell(tmp_path / str(seed), seed, 1), 1)
