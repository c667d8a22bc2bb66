"""Finding sets by name, in a folder, in the cache."""

import sys
from pathlib import Path

import pytest

from sr_cli.bench.datasets import (
    BENCHMARKS,
    cache_folder,
    find_dataset,
    pictures_in,
)
from sr_cli.errors import DataError


def fill(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).touch()
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("row", BENCHMARKS)
@pytest.mark.parametrize("spell", [str.lower, str.upper, str.title])
def test_a_benchmark_is_found_in_data_in_any_case(row, spell, tmp_path):
    folder = fill(tmp_path / "sets" / row.folder, "2.png", "1.png")
    found = find_dataset(spell(row.id), tmp_path / "sets")
    assert found.id == row.id
    assert found.files == (folder / "1.png", folder / "2.png")
    assert found.expected == row.pictures


def test_the_folder_may_be_spelt_otherwise(tmp_path):
    fill(tmp_path / "sets" / "SET5", "1.bmp")
    assert len(find_dataset("set5", tmp_path / "sets").files) == 1


def test_without_data_the_cache_is_searched(tmp_path):
    folder = fill(tmp_path / "cache" / "srup" / "datasets" / "Set5", "1.png")
    assert find_dataset("Set5").files == (folder / "1.png",)


def test_without_data_and_cache_a_folder_here_will_do(tmp_path):
    fill(tmp_path / "Set5", "1.png")
    found = find_dataset("Set5")
    assert (found.id, found.expected) == ("set5", 5)


def test_data_excludes_other_places(tmp_path):
    fill(tmp_path / "Set5", "1.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"set5 is not on this machine.*empty.*Set5"):
        find_dataset("set5", tmp_path / "empty")


@pytest.mark.parametrize("data", [None, Path("nowhere")])
def test_a_missing_benchmark_says_what_to_do(data):
    with pytest.raises(DataError, match=r"--data DIR that they lie in DIR/Set14"):
        find_dataset("set14", data)


def test_any_folder_is_a_dataset(tmp_path):
    fill(tmp_path / "mine", "b.JPG", "a.webp", "notes.txt", "._a.webp")
    (tmp_path / "mine" / "folder.png").mkdir()
    for name in ("mine", str(tmp_path / "mine"), "mine/../mine"):
        found = find_dataset(name)
        assert (found.id, found.expected) == ("mine", None)
        assert [path.name for path in found.files] == ["a.webp", "b.JPG"]


def test_a_folder_inside_data_is_found(tmp_path):
    fill(tmp_path / "sets" / "manga109", "a.png")
    assert find_dataset("manga109", tmp_path / "sets").id == "manga109"


def test_this_folder_has_a_name(tmp_path):
    (tmp_path / "a.png").touch()
    assert find_dataset(".").id == tmp_path.name


def test_an_unknown_name_lists_the_known():
    with pytest.raises(DataError, match=r"set6 is no set or folder.*set5, set14"):
        find_dataset("set6")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(DataError, match="is a file, not a folder"):
        find_dataset("a.png")


def test_an_empty_folder_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        find_dataset("empty")


def test_a_folder_that_cannot_be_listed_is_refused(tmp_path):
    with pytest.raises(DataError, match="Cannot list"):
        pictures_in(tmp_path / "gone")


def test_where_the_cache_is(tmp_path, monkeypatch):
    assert cache_folder() == tmp_path / "cache" / "srup" / "datasets"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache_folder() == tmp_path / ".cache" / "srup" / "datasets"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert cache_folder() == tmp_path / "local" / "srup" / "datasets"
