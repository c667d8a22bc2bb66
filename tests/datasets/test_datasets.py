"""Finding sets by name, in a folder, in the cache, or by getting them."""

import sys
from pathlib import Path

import pytest

from sr_cli.datasets import (
    KNOWN_SETS,
    cache_folder,
    find_dataset,
    find_photos,
    is_known_set,
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


MEASURED = [row for row in KNOWN_SETS if row.measuring]


@pytest.mark.parametrize("row", MEASURED, ids=lambda row: row.id)
@pytest.mark.parametrize("spell", [str.lower, str.upper, str.title])
def test_a_benchmark_is_found_in_data_in_any_case(row, spell, tmp_path):
    folder = fill(tmp_path / "sets" / row.measuring.folder, "2.png", "1.png")
    found = find_dataset(spell(row.id), tmp_path / "sets")
    assert found.id == row.id
    assert found.files == (folder / "1.png", folder / "2.png")
    assert found.expected == row.measuring.pictures


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


@pytest.mark.parametrize("row", KNOWN_SETS, ids=lambda row: row.id)
def test_known_photos_are_found_in_the_cache_then_here(row, tmp_path):
    name = row.id.title()
    assert is_known_set(name)
    with pytest.raises(DataError, match=f"{row.id} is not on this machine") as error:
        find_photos(name)
    assert row.training.source.address in error.value.hint
    here = fill(tmp_path / name, "a.png")
    assert find_photos(name).resolve() == here
    cached = fill(cache_folder() / row.training.folder, "a.png")
    assert find_photos(name) == cached


def test_photos_of_nobody(tmp_path):
    fill(tmp_path / "mine", "a.png")
    (tmp_path / "file").touch()
    assert not is_known_set("mine")
    assert find_photos(str(tmp_path / "mine")) == tmp_path / "mine"
    with pytest.raises(DataError, match="file is a file, not a folder"):
        find_photos("file")
    with pytest.raises(DataError, match=r"is no folder.*div2k, flickr2k, bsds300"):
        find_photos("none")


class Obtained(list):
    """Gets any set at once, and remembers that it did."""

    def __call__(self, row, part):
        self.append((row.id, part.folder))
        return fill(cache_folder() / part.folder, "1.png")


def test_what_is_missing_is_obtained_once():
    obtain = Obtained()
    for _ in range(2):
        assert find_photos("div2k", obtain) == cache_folder() / "div2k"
        found = find_dataset("DIV2K", obtain=obtain)
        assert found.files == (cache_folder() / "DIV2K_valid_HR" / "1.png",)
        assert found.expected == 100
        assert find_photos("set5", obtain) == cache_folder() / "Set5"
        assert find_dataset("set5", obtain=obtain).expected == 5
    assert obtain == [
        ("div2k", "div2k"),
        ("div2k", "DIV2K_valid_HR"),
        ("set5", "Set5"),
    ]


def test_nothing_is_obtained_in_place_of_what_was_named(tmp_path):
    obtain = Obtained()
    with pytest.raises(DataError, match="leave --data out to have them downloaded"):
        find_dataset("set5", tmp_path, obtain)
    with pytest.raises(DataError, match="flickr2k is no set or folder"):
        find_dataset("flickr2k", obtain=obtain)
    fill(tmp_path / "Set14", "1.png")
    assert find_dataset("Set14", obtain=obtain).id == "set14"
    assert obtain == []
