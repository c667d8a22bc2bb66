"""Every result has a place of its own, inside its folder and on top of nothing."""

import os
import sys
import unicodedata
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_cli.batch import Input, Naming, lay_out
from sr_cli.batch.content import Content
from sr_cli.batch.journal import Record
from sr_cli.batch.layout import folds_case
from sr_cli.errors import ConfigError, DataError

ROOT = Path("/nowhere/out")


def inputs(*names: str, root: Path = ROOT, base: Path = Path("/nowhere/in")):
    return [Input(base / n, root, PurePath(n).parent) for n in names]


USUAL = Naming()


def results(*names: str, naming: Naming = USUAL, fold: bool = False) -> list[str]:
    found = lay_out(inputs(*names), naming, {}, lambda _: fold)
    return [place.result.as_posix() for place in found]


def test_sources_that_would_meet_keep_their_suffixes():
    naming = Naming(format="webp", ending="_4x")
    names = ("a.png", "a.jpg", "b.png", "x/a.png")
    assert results(*names, naming=naming) == [
        *("a_4x.png.webp", "a_4x.jpg.webp", "b_4x.webp", "x/a_4x.webp")
    ]


def test_names_that_are_one_where_case_does_not_count():
    assert results("A.jpg", "a.png") == ["A.png", "a.png"]
    assert results("A.jpg", "a.png", fold=True) == ["A.jpg.png", "a.png.png"]
    assert results("A.png", "a.png") == ["A.png", "a.png"]
    with pytest.raises(DataError, match=r"2 pictures would be written to .*A\.png"):
        results("A.png", "a.png", fold=True)
    spelled = [unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD")]
    assert results(*spelled) == spelled
    with pytest.raises(DataError, match="2 pictures"):
        results(*spelled, fold=True)


def test_results_that_meet_all_the_same_are_refused():
    both = [Input(Path(f"/nowhere/{n}/x.png"), ROOT, PurePath()) for n in "ab"]
    with pytest.raises(DataError, match="2 pictures would be written to") as refused:
        lay_out(both, Naming(), {})
    assert "/nowhere/a/x.png" in str(refused.value)
    assert "--name" in str(refused.value)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "x", "y"]),
            st.sampled_from(["a", "A", "b", "a.jpg"]),
            st.sampled_from([".png", ".jpg", ".tif", ""]),
        ),
        unique=True,
        max_size=12,
    ),
    st.sampled_from(["{stem}", "{name}", "{parent}", "{suffix}x"]),
    st.sampled_from(["png", "same", "jpg"]),
    st.booleans(),
)
def test_a_layout_is_refused_or_gives_everyone_a_place(files, template, format, fold):
    names = [str(PurePath(place) / (stem + suffix)) for place, stem, suffix in files]
    try:
        found = results(*names, naming=Naming(template, format=format), fold=fold)
    except DataError:
        return
    keys = [name.casefold() if fold else name for name in found]
    assert len(set(keys)) == len(names)
    assert [str(PurePath(name).parent) for name in found] == [
        str(PurePath(name).parent) for name in names
    ]


@pytest.mark.parametrize("template", ["{stem}", "{name}"])
def test_no_result_takes_the_place_of_an_input(tmp_path, template):
    (tmp_path / "link").symlink_to(tmp_path)
    for root in (tmp_path, tmp_path / "link", tmp_path / "x" / ".."):
        found = inputs("a.png", "a.png.png", root=root, base=tmp_path)
        with pytest.raises(DataError, match="would take the place of"):
            lay_out(found, Naming(template), {})


def test_recorded_results_are_no_inputs(tmp_path):
    content = Content(0, 0, "")
    record = Record("x/a_4x.png", content, 1, 1, "", content, "")
    found = inputs("x/a.png", "x/a_4x.png", root=tmp_path, base=tmp_path)
    records = {tmp_path: {record.result: record}}
    (place,) = lay_out(found, Naming(ending="_4x"), records)
    assert place.input.source == tmp_path / "x" / "a.png"
    assert place.target == tmp_path / "x" / "a_4x.png"


def test_no_result_lies_outside_its_folder(tmp_path):
    root, outside = tmp_path / "out", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "x").symlink_to(outside)
    (root / "loop").symlink_to("loop")
    with pytest.raises(DataError, match="would lie outside"):
        lay_out(inputs("x/a.png", root=root), Naming(), {})
    with pytest.raises(DataError, match="would lie outside"):
        lay_out([Input(Path("a.png"), root, PurePath("../up"))], Naming(), {})
    with pytest.raises(DataError, match="would lie outside"):
        lay_out(inputs(".srup-batch/staged-a.png", root=root), Naming(), {})
    lay_out(inputs("loop/a.png", root=root), Naming(), {})  # writing there will fail


def test_names_made_of_nothing(tmp_path):
    with pytest.raises(ConfigError, match="Nothing is left"):
        lay_out(inputs("a"), Naming("{suffix}"), {})


@pytest.mark.skipif(sys.platform != "linux", reason="other systems fold, mostly")
def test_whether_case_counts_is_asked_of_the_folder(tmp_path):
    assert not folds_case(tmp_path / "not" / "yet")
    # Another file that only looks like the same one in capitals.
    (tmp_path / "out").mkdir()
    (tmp_path / "OUT").mkdir()
    assert not folds_case(tmp_path / "out")
    # One file with two names is what it looks like where case doesn't count.
    (tmp_path / "one").touch()
    os.link(tmp_path / "one", tmp_path / "ONE")
    assert folds_case(tmp_path / "one")
