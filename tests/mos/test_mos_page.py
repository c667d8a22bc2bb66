"""The page in a real Chromium: raters who press keys, close tabs and come back."""

import json
import math
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from sr_cli.mos.exports import as_export, read_export
from sr_cli.mos.presentation import APART, presentation
from sr_cli.mos.store import read_records
from sr_cli.mos.study import Study
from studies import finished, pass_examples, rate, saved, serving, shown, until

RESUMED_AT = 7


def test_three_browsers_one_closed_tab_and_an_export_like_the_database(program, study):
    folder, facts = study
    with serving(folder) as (_, port):
        address = f"http://127.0.0.1:{port}/"
        people = [program.context() for _ in range(3)]
        first = [program.open(address, context=person) for person in people]

        def begin(tab, scores):
            pass_examples(tab)
            seen = rate(tab, range(1, RESUMED_AT + 1), scores)
            shown(tab, RESUMED_AT + 1)
            assert tab.complaints() == []
            assert all(url.startswith(address) for url in tab.requests())
            tab.close()
            return seen

        def go_on(tab, scores):
            seen = rate(tab, range(RESUMED_AT + 1, 21), scores)
            finished(tab)
            found = saved(tab)
            assert tab.complaints() == []
            assert all(url.startswith(address) for url in tab.requests())
            tab.close()
            return seen, found

        choose = random.Random(0)
        scores = [[choose.randint(1, 5) for _ in range(20)] for _ in people]
        with ThreadPoolExecutor(3) as pool:
            begun = list(pool.map(begin, first, scores))
            again = [program.open(address, context=person) for person in people]
            ended = list(pool.map(go_on, again, scores))
    records = {r.rater: r for r in read_records(folder / "ratings.sqlite", facts)}
    assert len(records) == 3
    for seen, (rest, export), said in zip(begun, ended, scores, strict=True):
        record = records[export["rater"]]
        assert record.items == tuple(seen + rest)
        assert record.scores == tuple(said)
        assert as_export(record, facts) == export


def test_the_page_from_a_disk(program, study, tmp_path):
    folder, facts = study
    page = (folder / "public" / "index.html").as_uri()
    scores = [1 + number % 5 for number in range(20)]
    # A private context of Chromium forgets all with its last page, one time in ten.
    for _ in range(4):
        person = program.context()
        tab = program.open(page, context=person)
        pass_examples(tab)
        seen = rate(tab, range(1, RESUMED_AT + 1), scores)
        shown(tab, RESUMED_AT + 1)
        tab.close()
        tab = program.open(page, context=person)
        if tab.evaluate("memory.read() !== null"):
            break
    with closing(tab):
        seen += rate(tab, range(RESUMED_AT + 1, 21), scores)
        finished(tab)
        path = tmp_path / "ratings.json"
        path.write_text(json.dumps(saved(tab)), encoding="utf-8")
        assert tab.complaints() == []
        assert all(url.startswith("file:") for url in tab.requests())
    record = read_export(path, facts)
    assert record.items == tuple(seen)
    assert record.scores == tuple(scores)
    assert len(set(record.items)) == 16


def test_a_score_is_taken_back(program, person, study):
    folder, facts = study
    with (
        serving(folder) as (_, port),
        closing(program.open(f"http://127.0.0.1:{port}/", context=person)) as tab,
    ):
        pass_examples(tab)
        rate(tab, [1, 2], [5, 5])
        shown(tab, 3)
        tab.key("Backspace")
        shown(tab, 2)
        pressed = "document.querySelector('#scale [aria-pressed=true]')?.value"
        assert tab.evaluate(pressed) == "5"
        tab.key("1")
        shown(tab, 3)
        assert tab.evaluate(pressed) is None
        tab.key("9")  # no score
        tab.key("4")
        shown(tab, 4)
    (record,) = read_records(folder / "ratings.sqlite", facts)
    assert record.scores[:4] == (5, 1, 4, None)


@pytest.mark.parametrize("served", [True, False])
def test_raters_take_turns_at_one_browser(program, person, study, served, tmp_path):
    folder, facts = study
    with serving(folder) as (_, port):
        page = (folder / "public" / "index.html").as_uri()
        url = f"http://127.0.0.1:{port}/" if served else page
        tab = program.open(url, context=person)
        exports = []
        with closing(tab):
            for score in (2, 5):
                pass_examples(tab)
                rate(tab, range(1, 21), [score] * 20)
                finished(tab)
                hidden = tab.evaluate("document.querySelector('#other').hidden")
                assert hidden is not served  # not before a file is saved
                exports.append(saved(tab))
                tab.click("#other")
            until(tab, "document.querySelector('#next').textContent.startsWith('I ag')")
            assert tab.complaints() == []
    assert [set(found["scores"]) for found in exports] == [{2}, {5}]
    assert len({found["rater"] for found in exports}) == 2
    assert exports[0]["items"] != exports[1]["items"]
    if served:
        records = read_records(folder / "ratings.sqlite", facts)
        assert len(records) == 2
        assert all(as_export(record, facts) in exports for record in records)


@pytest.mark.parametrize("served", [True, False])
def test_two_tabs_are_one_rater(program, person, study, served):
    folder, facts = study

    def press(tab, told, selector):
        # A tab in the background gets no real input.
        until(
            tab, f"document.querySelector('#progress').textContent.includes('{told}')"
        )
        tab.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    with serving(folder) as (_, port), ExitStack() as tabs:
        page = (folder / "public" / "index.html").as_uri()
        url = f"http://127.0.0.1:{port}/" if served else page
        one, two = (
            tabs.enter_context(closing(program.open(url, context=person)))
            for _ in range(2)
        )
        for told in ("after 2 examples", "Example 1", "Example 2"):
            press(one, told, "#next")
        for number, (tab, score) in enumerate(((one, 5), (two, 4), (two, 3)), 1):
            press(tab, f"Picture {number} ", f"#scale button[value='{score}']")
            for each in (one, two):  # the other one follows
                until(
                    each,
                    f"record?.scores.includes({score})",
                )
        found = two.evaluate("record")
        assert found["scores"] == [5, 4, 3, *[None] * 17]
        assert one.complaints() == two.complaints() == []
    if served:
        (record,) = read_records(folder / "ratings.sqlite", facts)
        assert as_export(record, facts) == found


def test_both_rules_of_order_agree(program, person, study):
    """The page from a disk draws orders as the server does: all, and as often."""
    page = (study[0] / "public" / "index.html").as_uri()
    count = 2000
    with closing(program.open(page, context=person)) as tab:

        def drawn(study, times):
            tab.evaluate(f"study.items = {json.dumps(study.items)}")
            tab.evaluate(f"study.repeats = {study.repeats}")
            return tab.evaluate(f"Array.from({{length: {times}}}, presentation)")

        for names, repeats in (("abc", 1), ("abcd", 0), ("ab", 2)):
            small = Study("0" * 16, tuple(names), repeats=repeats)
            source = random.Random(0)
            ours = Counter(presentation(small, source) for _ in range(count))
            theirs = Counter(map(tuple, drawn(small, count)))
            assert set(ours) == set(theirs)
            for order in ours:
                spread = math.sqrt(ours[order] + theirs[order])
                assert abs(ours[order] - theirs[order]) < 5 * spread
        long = Study("0" * 16, tuple(f"{n:016x}" for n in range(40)), repeats=8)
        for order in drawn(long, 50):
            places: dict[str, list[int]] = {}
            for place, item in enumerate(order):
                places.setdefault(item, []).append(place)
            assert set(places) == set(long.items)
            twice = [found for found in places.values() if len(found) == 2]
            assert (len(twice), len(order)) == (8, 48)
            assert all(second - first > APART for first, second in twice)
