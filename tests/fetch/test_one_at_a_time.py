"""One at a time, threads and processes, also after a kill."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from sr_cli.fetch.one_at_a_time import one_at_a_time


def test_many_threads_never_meet(tmp_path):
    inside, most = 0, 0
    guard = threading.Lock()

    def enter(_):
        nonlocal inside, most
        for _ in range(3):
            with one_at_a_time(tmp_path / "a", lambda: None):
                with guard:
                    inside += 1
                    most = max(most, inside)
                with guard:
                    inside -= 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(enter, range(4)))
    assert most == 1
    assert list(tmp_path.iterdir()) == []


def test_a_killed_holder_holds_nothing(tmp_path):
    code = (
        "import sys, pathlib\n"
        "from sr_cli.fetch.one_at_a_time import one_at_a_time\n"
        "with one_at_a_time(pathlib.Path(sys.argv[1]), lambda: None):\n"
        "    print('in', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "a")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout.readline().strip() == b"in"
        waited = []

        def kill():
            waited.append(True)
            holder.kill()

        with one_at_a_time(tmp_path / "a", kill):
            assert waited == [True]
            assert (tmp_path / ".a.lock").exists()
    assert list(tmp_path.iterdir()) == []


def test_others_are_not_waited_for(tmp_path):
    with (
        one_at_a_time(tmp_path / "a", lambda: None),
        one_at_a_time(tmp_path / "b", lambda: None),
    ):
        assert len(list(tmp_path.iterdir())) == 2
