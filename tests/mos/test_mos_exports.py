"""Files that raters save, and how they go together with the database."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_cli.errors import DataError
from sr_cli.mos.exports import as_export, merged, read_export
from sr_cli.mos.store import Record
from sr_cli.mos.study import Study

ITEMS = tuple(f"{number:016x}" for number in range(4))
STUDY = Study("ab" * 8, ITEMS, repeats=1)
SHOWN = (*ITEMS, ITEMS[1])
WHOLE = Record("cd" * 8, SHOWN, (1, 2, 3, 4, 5))


def saved(tmp_path, content):
    path = tmp_path / "ratings.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("scores", [(1, 2, 3, 4, 5), (1, None, 3, None, None)])
def test_what_is_written_is_read(tmp_path, scores):
    record = Record("cd" * 8, SHOWN, scores)
    assert read_export(saved(tmp_path, as_export(record, STUDY)), STUDY) == record


@pytest.mark.parametrize(
    "change",
    [
        {"study": "00" * 8},
        {"format": "else"},
        {"items": list(ITEMS)},
        {"items": [*ITEMS, "99" * 8]},
        {"items": [*ITEMS[:2], *([ITEMS[3]] * 3)]},
        {"items": [[]] * 5},
        {"scores": [1, 2, 3, 4, 6]},
        {"scores": [1, 2, 3, 4, True]},
        {"scores": [1, 2, 3, 4, 4.0]},
        {"scores": [1, 2]},
        {"scores": None},
        {"rater": "<script>"},
        {"rater": 7},
    ],
)
def test_others_are_refused(tmp_path, change):
    path = saved(tmp_path, as_export(WHOLE, STUDY) | change)
    with pytest.raises(DataError, match="holds no ratings of this study"):
        read_export(path, STUDY)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"[" * 100_000, b"\xff\x00"])
def test_no_json_is_refused(tmp_path, content):
    path = tmp_path / "ratings.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match="holds no ratings"):
        read_export(path, STUDY)
    with pytest.raises(DataError, match="Cannot read"):
        read_export(tmp_path / "none.json", STUDY)


@settings(deadline=None)
@given(st.permutations([0, 1, 2, 3, 4]))
def test_copies_of_one_rater_count_once(order):
    copies = [
        Record(WHOLE.rater, SHOWN, WHOLE.scores[:n] + (None,) * (5 - n))
        for n in (1, 3, 4, 5, 5)
    ]
    other = Record("ef" * 8, SHOWN, (3,) * 5)
    found = merged([other, *(copies[n] for n in order)])
    assert found == [other, WHOLE]


def test_contradictions_are_refused():
    other = Record(WHOLE.rater, SHOWN, (1, 2, 3, 4, 4))
    with pytest.raises(DataError, match="contradict"):
        merged([WHOLE, other])
