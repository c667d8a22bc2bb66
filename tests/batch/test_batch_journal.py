"""The journal remembers what was finished, whatever happened while it was written."""

import errno
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batches import record
from sr_cli.batch import open_folder, read_folder
from sr_cli.batch.journal import Journal, read_records
from sr_cli.errors import DataError


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "journal.jsonl"


def filled(path: Path, *records) -> Path:
    with closing(Journal(path)) as journal:
        for one in records:
            journal.add(one)
    return path


def test_what_was_added_is_read_again(path):
    one, two = record("a.png"), record(os.fsdecode(b"x/caf\xe9 \xf0\x9f\x98\x80.png"))
    filled(path, one, two)
    assert read_records(path) == {one.result: one, two.result: two}
    with closing(Journal(path)) as journal:
        assert journal.records == {one.result: one, two.result: two}
    assert read_records(path.with_name("none")) == {}


def test_the_last_record_counts_and_older_ones_go(path):
    filled(path, record("a.png", "1"), record("b.png", "2"), record("a.png", "3"))
    assert len(path.read_bytes().splitlines()) == 3
    with closing(Journal(path)) as journal:
        assert journal.records["a.png"] == record("a.png", "3")
        assert len(path.read_bytes().splitlines()) == 2
        assert journal.alike(record("x", "3").key) == record("a.png", "3")
        assert journal.alike(record("x", "1").key) is None


def test_what_is_forgotten_stays_so(path):
    with closing(Journal(path)) as journal:
        journal.add(record("a.png"))
        journal.forget("a.png")
        assert journal.alike(record("a.png").key) is None
    assert read_records(path) == {}
    filled(path)
    assert path.read_bytes() == b""


@given(st.data())
def test_a_journal_that_is_cut_anywhere_keeps_every_whole_line(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("cut") / "journal.jsonl"
    records = [record(f"{number}.png", str(number)) for number in range(3)]
    whole = filled(path, *records).read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    ends = [i for i, byte in enumerate(whole) if byte == ord("\n")]
    # A last line that lacks its end alone says all there is to say.
    expected = {r.result: r for r, end in zip(records, ends, strict=True) if end <= cut}
    assert read_records(path) == expected
    filled(path, record("new.png"))
    assert read_records(path) == {**expected, "new.png": record("new.png")}


@given(st.lists(st.one_of(st.binary(max_size=40), st.just(b"{}")), max_size=5))
def test_nonsense_is_passed_over(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("odd") / "journal.jsonl"
    line = filled(path, record("a.png")).read_bytes()
    path.write_bytes(b"".join(odd + b"\n" + line for odd in lines) + line)
    assert read_records(path) == {"a.png": record("a.png")}


@pytest.mark.parametrize("result", ["../up.png", "/etc/passwd", "x/../../up.png"])
def test_nothing_outside_the_folder_is_believed(path, result):
    facts = json.loads(filled(path, record("a.png")).read_bytes())
    path.write_text(json.dumps({**facts, "result": result}) + "\n")
    assert read_records(path) == {}


def test_threads_write_whole_lines(path):
    with closing(Journal(path)) as journal, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: journal.add(record(f"{n}.png")), range(80)))
    assert len(read_records(path)) == 80


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit")
def test_what_the_disk_does_not_take_leaves_no_trace(path):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with closing(Journal(path)) as journal:
        journal.add(record("a.png"))
        size = path.stat().st_size
        # So that writing fails in the middle of a line; Python ignores the signal.
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, limits[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                journal.add(record("b.png"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert path.stat().st_size == size
        assert set(journal.records) == {"a.png"}
        journal.add(record("c.png"))
    assert set(read_records(path)) == {"a.png", "c.png"}


def test_one_batch_at_a_time(tmp_path):
    with (
        open_folder(tmp_path / "new" / "out"),
        pytest.raises(DataError, match="Another batch is writing"),
        open_folder(tmp_path / "new" / "out"),
    ):
        pass
    with open_folder(tmp_path / "new" / "out"):
        pass


def test_one_batch_at_a_time_of_several_processes_too(tmp_path):
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from sr_cli.batch import open_folder\n"
        "with open_folder(Path(sys.argv[1])):\n"
        "    print('open', flush=True)\n    time.sleep(60)\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    with other.stdout:
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(DataError, match="Another"), open_folder(tmp_path):
            pass
        other.kill()
        other.wait()
    with open_folder(tmp_path):  # a killed one locks nobody out
        pass


def test_what_a_killed_batch_left_is_removed(tmp_path):
    with open_folder(tmp_path) as folder:
        folder.journal.add(record("a.png"))
        left = folder.staged(".png")
        left.touch()
        part = left.with_name(".srup-1-0123456789abcdef.part")
        part.touch()
    with open_folder(tmp_path) as folder:
        assert not left.exists()
        assert not part.exists()
        assert set(folder.journal.records) == {"a.png"}
    assert set(read_folder(tmp_path)) == {"a.png"}


def test_reading_changes_nothing(tmp_path):
    assert read_folder(tmp_path / "new") == {}
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(DataError, match="Cannot use the output folder"),
        open_folder(tmp_path / "file" / "out"),
    ):
        pass


def test_a_journal_knows_when_it_is_gone(tmp_path):
    with open_folder(tmp_path / "out") as folder:
        assert folder.journal.is_in_place()
        (tmp_path / "out").rename(tmp_path / "moved")
        assert not folder.journal.is_in_place()
        with open_folder(tmp_path / "out"):
            assert not folder.journal.is_in_place()


@pytest.mark.parametrize("linked", [True, False])
def test_a_result_takes_its_place_or_leaves_it(tmp_path, monkeypatch, linked):
    if not linked:  # as on FAT, which can't be had everywhere

        def refuse(self: Path, target: Path) -> None:
            raise PermissionError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(Path, "hardlink_to", refuse)
    with open_folder(tmp_path) as folder:

        def staged(text: str) -> Path:
            path = folder.staged(".png")
            path.write_text(text)
            return path

        folder.give_name(staged("one"), "x/y/a.png", replaces=False)
        assert (tmp_path / "x/y/a.png").read_text() == "one"
        with pytest.raises(FileExistsError):
            folder.give_name(staged("two"), "x/y/a.png", replaces=False)
        assert (tmp_path / "x/y/a.png").read_text() == "one"
        folder.give_name(staged("three"), "x/y/a.png", replaces=True)
        assert (tmp_path / "x/y/a.png").read_text() == "three"
        (tmp_path / "x" / "link").symlink_to("nowhere")
        with pytest.raises(FileExistsError):
            folder.give_name(staged("four"), "x/link", replaces=False)
