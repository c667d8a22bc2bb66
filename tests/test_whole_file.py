"""Files that are whole or absent, and what a killed writer leaves."""

import errno
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from sr_cli.whole_file import whole_file

WRITER = """
import sys
from pathlib import Path
from sr_cli.whole_file import whole_file

with whole_file(Path(sys.argv[1]), overwrite=True) as stream:
    stream.write(b"half")
    stream.flush()
    print("half", flush=True)
    sys.stdin.read()
    stream.write(b" whole")
"""

CROWD = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from sr_cli.whole_file import whole_file

def write(number):
    with whole_file(Path(sys.argv[1]) / f"{sys.argv[2]}-{number}", overwrite=True) as s:
        s.write(b"all of it")

with ThreadPoolExecutor(4) as pool:
    list(pool.map(write, range(60)))
"""

posix_only = pytest.mark.skipif(
    sys.platform == "win32", reason="there, open files can't be removed"
)


@contextmanager
def writer(target: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a process that has written half of a file and waits to be told on."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(target)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "half\n"
            yield process
        finally:
            process.kill()


def parts(folder: Path) -> list[Path]:
    return list(folder.glob(".srup-*.part"))


def write(path: Path, text: bytes = b"new") -> None:
    with whole_file(path, overwrite=True) as stream:
        stream.write(text)


class TestStaleParts:
    @posix_only
    def test_what_a_killed_process_left_goes_with_the_next_file(
        self, tmp_path: Path
    ) -> None:
        target = tmp_path / "a"
        target.write_text("precious")
        with writer(target) as process:
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert target.read_text() == "precious"
        (left,) = parts(tmp_path)
        assert left.read_bytes() == b"half"
        with whole_file(tmp_path / "b", overwrite=False) as stream:
            assert not left.exists()
            stream.write(b"new")
        assert sorted(tmp_path.iterdir()) == [target, tmp_path / "b"]

    def test_living_writers_keep_theirs(self, tmp_path: Path) -> None:
        with writer(tmp_path / "a") as process:
            write(tmp_path / "b")
            assert len(parts(tmp_path)) == 1
            process.communicate("")
            assert process.returncode == 0
        assert (tmp_path / "a").read_bytes() == b"half whole"
        assert parts(tmp_path) == []

    def test_so_do_other_blocks_of_this_process(self, tmp_path: Path) -> None:
        with whole_file(tmp_path / "a", overwrite=False) as stream:
            stream.write(b"outer")
            write(tmp_path / "b")
        assert (tmp_path / "a").read_bytes() == b"outer"

    @posix_only
    def test_only_in_the_folder_that_is_written_to(self, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        with writer(tmp_path / "a") as process:
            process.kill()
            process.wait()
        write(tmp_path / "other" / "b")
        assert len(parts(tmp_path)) == 1

    @pytest.mark.parametrize(
        "name",
        [
            ".srup-0123.part",
            ".srup-1-xyz.part",
            "srup-1-0123456789abcdef.part",
            "a.part",
        ],
    )
    def test_other_files_stay(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_text("somebody's")
        write(tmp_path / "b")
        assert (tmp_path / name).read_text() == "somebody's"

    def test_many_processes_and_threads_at_once(self, tmp_path: Path) -> None:
        crowd = [
            subprocess.Popen([sys.executable, "-c", CROWD, str(tmp_path), str(n)])
            for n in range(4)
        ]
        assert [process.wait() for process in crowd] == [0] * 4
        written = sorted(path.name for path in tmp_path.iterdir())
        assert written == sorted(f"{n}-{i}" for n in range(4) for i in range(60))
        assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"all of it"}


@posix_only
class TestWithoutLocks:
    @pytest.fixture(autouse=True)
    def no_locks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import fcntl

        def fail(*_: object) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(fcntl, "flock", fail)

    def test_files_are_written_and_nothing_is_removed(self, tmp_path: Path) -> None:
        somebody = tmp_path / ".srup-1-0123456789abcdef.part"
        somebody.touch()
        write(tmp_path / "a")
        assert (tmp_path / "a").read_bytes() == b"new"
        assert parts(tmp_path) == [somebody]


@posix_only
def test_a_part_removed_before_it_was_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    lock = fcntl.flock
    removed = []

    def slow(stream: object, flags: int) -> None:
        if not removed:
            (part,) = parts(tmp_path)
            part.unlink()
            removed.append(part)
        lock(stream, flags)

    monkeypatch.setattr(fcntl, "flock", slow)
    write(tmp_path / "a")
    assert removed
    assert (tmp_path / "a").read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_threads_that_write_one_file_leave_one(tmp_path: Path, overwrite: bool) -> None:
    target = tmp_path / "a"

    def attempt(number: int) -> bool:
        try:
            with whole_file(target, overwrite=overwrite) as stream:
                stream.write(b"%d" % number * 1000)
        except FileExistsError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(attempt, range(8)))
    assert sum(done) == (8 if overwrite else 1)
    assert len(set(target.read_bytes())) == 1
    assert list(tmp_path.iterdir()) == [target]
