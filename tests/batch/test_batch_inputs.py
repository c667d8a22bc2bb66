"""What people name is what is found: each picture once, and nothing else."""

import codecs
import os
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batches import record, respects_modes
from sr_cli.batch import Request, find, open_folder
from sr_cli.batch.inputs import read_list
from sr_cli.errors import ConfigError, DataError


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def places(*names: object, output: Path | None = Path("out"), **asked) -> set[str]:
    """Where the results of what is found would lie, by the inputs' names."""
    found = find(Request(tuple(map(str, names)), output=output, **asked))
    return {(one.place / one.source.name).as_posix() for one in found}


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_is_searched_and_its_tree_kept(here):
    for name in ("in/a.png", "in/deep/er/b.JPG", "in/notes.txt", "in/.hidden/c.png"):
        touch(here / name)
    touch(here / "in" / "._a.png")
    assert places("in") == {"a.png", "deep/er/b.JPG"}
    assert places("in", recursive=False) == {"a.png"}


def test_several_folders_get_a_folder_each(here):
    touch(here / "x" / "a.png")
    touch(here / "y" / "a.png")
    assert places("x", "y") == {"x/a.png", "y/a.png"}


def test_without_an_output_results_go_beside_the_folder(here):
    touch(here / "scans" / "a.png")
    (one,) = find(Request(("scans",), beside="_2x"))
    assert (one.root, one.place) == (here / "scans_2x", PurePath())
    with pytest.raises(ConfigError, match="--output"):
        find(Request(("scans/a.png",)))


def test_files_named_one_by_one_may_be_called_anything(here):
    touch(here / "a" / "picture")
    touch(here / "b" / "photo[1].png")
    assert places("a/picture", "b/photo[1].png") == {"picture", "photo[1].png"}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("scans/*.png", {"a.png"}),
        ("scans/*", {"a.png", "b.jpg"}),
        ("scans/*/*.png", {"x/c.png"}),
        ("scans/**/*.png", {"a.png", "x/c.png", "x/y/d.png"}),
        ("scans/**/y/*", {"x/y/d.png"}),
        ("scans/[ab].*", {"a.png", "b.jpg"}),
        ("*/x/?.png", {"scans/x/c.png"}),
    ],
)
def test_patterns_keep_the_tree_below_their_fixed_part(here, pattern, found):
    for name in ("a.png", "b.jpg", "note.txt", "x/c.png", "x/y/d.png"):
        touch(here / "scans" / name)
    assert places(pattern) == found


def test_lists_keep_relative_paths(here):
    for name in ("a.png", "x/b.png", "x/deep/c.png", "y z/ü.png"):
        touch(here / name)
    elsewhere = touch(here.parent / "elsewhere" / "d.png")
    (here / "list.txt").write_text(f"a.png\nx\n./y z/ü.png\r\n\n{elsewhere}\n")
    found = {"a.png", "x/b.png", "x/deep/c.png", "y z/ü.png", "d.png"}
    assert places("@list.txt") == found
    assert places(lists=("list.txt",)) == found


def test_a_list_may_name_what_is_missing(here):
    (here / "list").write_text("gone.png\n" + "x" * 300 + ".png\n")
    assert len(places("@list")) == 2  # the others go on


def test_standard_input_is_a_list(here, monkeypatch):
    touch(here / "a\nb.png")
    read, write = os.pipe()
    os.write(write, b"a\nb.png\0")
    os.close(write)
    with os.fdopen(read) as stream:
        monkeypatch.setattr("sys.stdin", stream)
        assert places("-") == {"a\nb.png"}


NAMES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r\ufeff"), min_size=1)
)


@given(NAMES, st.sampled_from(["\n", "\r\n", "\0"]), st.booleans())
def test_lists_of_all_kinds_are_read_alike(names, separator, ends):
    text = separator.join(names) + (separator if ends else "")
    if separator == "\0" and "\0" not in text:
        text += "\0"
    data = text.encode()
    assert read_list(data) == names
    assert read_list(codecs.BOM_UTF8 + data) == names
    if separator != "\0":
        assert read_list(codecs.BOM_UTF16_LE + text.encode("utf-16-le")) == names


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX")
def test_names_that_are_no_unicode(here):
    (here / os.fsdecode(b"caf\xe9.png")).touch()
    (here / "list").write_bytes(b"caf\xe9.png\n")
    assert places("@list") == places(".") == {os.fsdecode(b"caf\xe9.png")}


def test_each_picture_is_found_once(here):
    touch(here / "in" / "a.png")
    (here / "link").symlink_to("in")
    assert places("in/a.png", "in/./a.png", "in", "link/a.png", "in/*.png") == {"a.png"}


def test_links_are_followed_but_never_in_circles(here):
    touch(here / "elsewhere" / "b.png")
    touch(here / "in" / "x" / "a.png")
    (here / "in" / "again").symlink_to("x")
    (here / "in" / "x" / "up").symlink_to("..")
    (here / "in" / "root").symlink_to("/")
    (here / "in" / "over").symlink_to(here / "elsewhere")
    (here / "elsewhere" / "back").symlink_to(here / "in" / "x")
    (here / "in" / "c.png").symlink_to("x/a.png")
    (here / "in" / "itself.png").symlink_to("itself.png")
    (here / "in" / "gone.png").symlink_to("nowhere")
    # A link to nothing is missed, and said to be, when its turn comes.
    expected = {"x/a.png", "over/b.png", "c.png", "gone.png", "itself.png"}
    assert places("in") == expected


def test_outputs_are_no_inputs(here):
    touch(here / "a.png")
    touch(here / "out" / "old.png")
    assert places(".", output=here / "out") == {"a.png"}
    (here / "link").symlink_to("out")
    assert places(".", output=here / "link") == {"a.png"}


def test_what_another_batch_made_is_no_input_unless_it_is_named(here):
    for name in ("scans/a.png", "scans_4x/x/a.png", "scans_4x/mine.png"):
        touch(here / name)
    with open_folder(here / "scans_4x") as folder:
        folder.journal.add(record("x/a.png"))
    assert places(".") == {"scans/a.png", "scans_4x/mine.png"}
    assert places("scans_4x") == {"x/a.png", "mine.png"}


def test_pipes_and_devices_in_folders_are_left_alone(here):
    touch(here / "in" / "a.png")
    os.mkfifo(here / "in" / "pipe.png")
    assert places("in") == {"a.png"}


def test_a_closed_folder_is_a_failure_not_a_silence(here):
    if not respects_modes(here):
        pytest.skip("root may open everything, so no file can be closed to it")
    touch(here / "in" / "closed" / "a.png")
    touch(here / "in" / "b.png")
    (here / "in" / "closed").chmod(0)
    try:
        found = find(Request(("in",), output=here / "out"))
    finally:
        (here / "in" / "closed").chmod(0o700)
    assert [one.source.name for one in found if one.problem] == ["closed"]
    assert "permission" in str(next(one.problem for one in found if one.problem))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "There is no folder or file nowhere"),
        ("empty", "holds no pictures"),
        ("*.png", "No picture matches"),
        ("@nolist", "Cannot read the list nolist"),
        ("x" * 300, "There is no folder or file"),
    ],
)
def test_names_that_mean_nothing(here, name, message):
    (here / "empty").mkdir()
    with pytest.raises(DataError, match=message):
        places(name)
