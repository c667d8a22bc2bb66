import errno
import io
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_cli.errors import DataError
from sr_cli.train import spill
from sr_cli.train.spill import KEPT_FREE, Spill

SHAPE = st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))


@given(shapes=st.lists(SHAPE, min_size=1, max_size=6), turned=st.booleans())
@settings(max_examples=20, deadline=None)
def test_arrays_come_back_as_they_went(tmp_path_factory, shapes, turned):
    random = np.random.default_rng(0)
    arrays = [random.integers(0, 256, shape, np.uint8) for shape in shapes]
    if turned:  # not contiguous in memory
        arrays = [array.swapaxes(0, 1) for array in arrays]
    with Spill(tmp_path_factory.getbasetemp()) as file:
        places = [file.add(array) for array in arrays]
        memory = file.memory()
    for place, array in zip(places, arrays, strict=True):
        np.testing.assert_array_equal(place.cut(memory), array)


def test_a_disk_that_is_nearly_full_is_left_alone(tmp_path, monkeypatch):
    free = SimpleNamespace(free=KEPT_FREE + 100)
    monkeypatch.setattr(spill.shutil, "disk_usage", lambda _: free)
    with Spill(tmp_path) as file:
        file.add(np.zeros(100, np.uint8))
        with pytest.raises(DataError, match=r"more .*: no space left.*--cache-gib"):
            file.add(np.zeros(101, np.uint8))


def fill(file: Spill) -> None:
    file.add(np.zeros(9, np.uint8))
    file.memory()


@pytest.mark.parametrize("operation", ["write", "flush"])
def test_a_disk_that_fills_up_meanwhile(tmp_path, monkeypatch, operation):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    class Disk(io.BytesIO):
        write = full if operation == "write" else io.BytesIO.write
        flush = full if operation == "flush" else io.BytesIO.flush

    monkeypatch.setattr(spill.tempfile, "TemporaryFile", lambda **_: Disk())
    file = Spill(tmp_path)
    with pytest.raises(DataError, match="no space left on device"):
        fill(file)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="no such file or directory"):
        Spill(tmp_path / "none")


@pytest.mark.skipif(os.name == "nt", reason="Windows deletes it as the process ends")
def test_a_killed_process_leaves_nothing(tmp_path):
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from sr_cli.train.spill import Spill\n"
        "file = Spill(Path(sys.argv[1]))\n"
        "file.add(np.zeros(1000, np.uint8))\n"
        "assert file.memory().sum() == 0\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not list(tmp_path.iterdir())
