"""The page in a real Chromium: raters who press keys, close tabs and come back."""

import json
import math
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress

import numpy as np
import pytest
from PIL import Image

import studies
from browser import chromium, find_chromium
from sr_cli.mos.exports import as_export, read_export
from sr_cli.mos.making import make_study
from sr_cli.mos.presentation import APART, presentation
from sr_cli.mos.store import read_records
from sr_cli.mos.study import Study
from studies import serving

RESUMED_AT = 7


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    find_chromium()
    with chromium(tmp_path_factory.mktemp("chromium") / "profile") as browser:
        yield browser


@pytest.fixture
def person(program):
    """Somebody whose browser remembers nothing of earlier tests."""
    return program.context()


@pytest.fixture
def study(tmp_path):
    """20 ratings after two examples, served or as a file."""
    others = studies.some_pictures(tmp_path / "others", 1, seed=9)
    options = {"calibration": sorted(others.iterdir()), "static": True}
    return studies.made_study(tmp_path, **options)


def shown(tab, number):
    """Wait for picture `number`, from 1, and return its name."""
    tab.until(
        f"document.querySelector('#progress')?.textContent === 'Picture {number} of 20'"
    )
    return tab.evaluate("document.querySelector('#picture').src.match(/(\\w+).png/)[1]")


def pass_examples(tab):
    tab.until("document.querySelector('#next').textContent.startsWith('I agree')")
    assert "voluntary" in tab.evaluate("document.querySelector('#text').textContent")
    tab.key("Enter")
    for number in (1, 2):
        wanted = f"Example {number} of 2"
        tab.until(f"document.querySelector('#progress').textContent === '{wanted}'")
        said = tab.evaluate("document.querySelector('#text').textContent")
        assert ("is a 1 (bad)" in said) or ("is a 5 (excellent)" in said)
        tab.click("#next")


def rate(tab, numbers, scores):
    """Rate some pictures, by keys and by buttons in turn, and say which they were."""
    seen = []
    for number in numbers:
        seen.append(shown(tab, number))
        score = scores[number - 1]
        if number % 2:
            tab.key(str(score))
        else:
            tab.click(f"#scale button[value='{score}']")
    return seen


def finished(tab):
    tab.until("document.querySelector('#title').textContent.startsWith('That was all')")


def saved(tab):
    """Press the button, and return what the browser would put into the file."""
    tab.evaluate(
        "{ const make = URL.createObjectURL;"
        "URL.createObjectURL = blob => { window.saved = blob; return make(blob); } }"
    )
    tab.click("#save")
    return json.loads(tab.evaluate("window.saved.text()"))


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


def test_the_page_from_a_disk(program, person, study, tmp_path):
    folder, facts = study
    page = (folder / "public" / "index.html").as_uri()
    scores = [1 + number % 5 for number in range(20)]
    tab = program.open(page, context=person)
    pass_examples(tab)
    seen = rate(tab, range(1, RESUMED_AT + 1), scores)
    shown(tab, RESUMED_AT + 1)
    tab.close()
    with closing(program.open(page, context=person)) as tab:
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


def test_a_server_that_comes_back_loses_nothing(program, person, study):
    folder, facts = study
    with serving(folder) as (_, port):
        tab = program.open(f"http://127.0.0.1:{port}/", context=person)
        pass_examples(tab)
        rate(tab, [1], [2])
        shown(tab, 2)
    with closing(tab):
        tab.key("3")
        tab.until("document.querySelector('#next').textContent === 'Try again'")
        with serving(folder, port):
            tab.click("#next")
            shown(tab, 3)
    (record,) = read_records(folder / "ratings.sqlite", facts)
    assert record.scores[:3] == (2, 3, None)


def test_back_in_haste_mixes_nothing_up(program, person, study):
    folder, facts = study
    with (
        serving(folder) as (_, port),
        closing(program.open(f"http://127.0.0.1:{port}/", context=person)) as tab,
    ):
        pass_examples(tab)
        rate(tab, [1, 2, 3], [5, 4, 3])
        shown(tab, 4)
        # Both before the next picture is there: the second is not heeded.
        tab.evaluate("document.querySelector('#back').click(), back()")
        shown(tab, 3)
        tab.evaluate(
            "document.querySelector('#scale button').click(),"
            "document.querySelector('#back').click()"
        )
        rate(tab, range(4, 21), [0, 0, 0, *[2] * 17])
        finished(tab)
        export = saved(tab)
        assert tab.complaints() == []
    (record,) = read_records(folder / "ratings.sqlite", facts)
    assert record.scores == (5, 4, 1, *[2] * 17)
    assert as_export(record, facts) == export


def test_a_key_that_is_held_scores_once(program, person, study):
    page = (study[0] / "public" / "index.html").as_uri()
    with closing(program.open(page, context=person)) as tab:
        pass_examples(tab)
        held = "new KeyboardEvent('keydown', {key: '4', repeat: true, bubbles: true})"
        shown(tab, 1)
        tab.evaluate(f"document.body.dispatchEvent({held})")
        shown(tab, 1)
        assert tab.evaluate("record.scores.every(score => score === null)")


@pytest.mark.parametrize("served", [True, False])
def test_two_tabs_are_one_rater(program, person, study, served):
    folder, facts = study

    def until(tab, condition):
        # One that is just loading again has nobody to ask.
        for _ in range(9):
            with suppress(RuntimeError):
                return tab.until(condition)
        raise TimeoutError(condition)

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


def test_without_storage_the_study_works(program, person, study):
    folder, facts = study
    with (
        serving(folder) as (_, port),
        closing(program.open(f"http://127.0.0.1:{port}/", context=person)) as tab,
    ):
        tab.until("!document.querySelector('#next').hidden")
        tab.evaluate(
            "Object.defineProperty(window, 'localStorage',"
            "{ get() { throw new DOMException('denied', 'SecurityError'); } }), 0"
        )
        pass_examples(tab)
        rate(tab, [1, 2], [4, 1])
        shown(tab, 3)
    (record,) = read_records(folder / "ratings.sqlite", facts)
    assert record.scores[:3] == (4, 1, None)


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


def on_screen(tab, folder, path):
    """What is seen of the picture that is rated, and the picture."""
    name = tab.evaluate("document.querySelector('#picture').src.match(/(\\w+).png/)[1]")
    place = tab.evaluate(
        "(() => { const b = document.querySelector('#picture').getBoundingClientRect();"
        "return [b.left, b.top, b.right, b.bottom].map("
        "  edge => Math.round(edge * devicePixelRatio)); })()"
    )
    tab.screenshot(path)
    with Image.open(path) as seen:
        crop = np.asarray(seen.convert("RGB").crop(place))
    with Image.open(folder / "public" / "pictures" / f"{name}.png") as picture:
        return crop, np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize(
    ("size", "phone", "each"),
    [((1200, 900), False, 1), ((1281, 801), False, 1), ((390, 844), True, 2)],
)
def test_a_pixel_is_a_whole_number_of_the_screens(
    program, person, study, tmp_path, size, phone, each
):
    folder, _ = study
    page = (folder / "public" / "index.html").as_uri()
    tab = program.open(page, context=person, phone=phone, size=size, dark=phone)
    with closing(tab):
        pass_examples(tab)
        for number in (1, 2):
            shown(tab, number)
            seen, picture = on_screen(tab, folder, tmp_path / "seen.png")
            expected = picture.repeat(each, axis=0).repeat(each, axis=1)
            np.testing.assert_array_equal(seen, expected)
            tab.key("3")
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert tab.evaluate("document.querySelector('#note').hidden")


def test_what_is_larger_than_the_window_fits_or_says_that_it_scrolls(
    program, person, tmp_path
):
    photos = studies.some_pictures(tmp_path / "photos", 1, shape=(260, 900))
    options = {"static": True, "repeats": 0}
    make_study(studies.plan_of(photos, **options), tmp_path / "study")
    page = (tmp_path / "study" / "public" / "index.html").as_uri()
    # 900 pixels are 900, 450 on a dense screen; the scale stays in sight.
    for width, phone, each, told in (
        (960, False, 1, False),
        (500, True, 1, False),
        (390, True, 1, True),
    ):
        tab = program.open(page, context=person, phone=phone, size=(width, 520))
        with closing(tab):
            if "agree" in tab.evaluate("document.querySelector('#next').textContent"):
                tab.key("Enter")
            tab.until("answering")
            across = "document.querySelector('#picture').offsetWidth * devicePixelRatio"
            assert tab.evaluate(across) == 900 * each
            assert tab.evaluate("!document.querySelector('#note').hidden") is told
            assert tab.evaluate("document.querySelector('#frame').tabIndex") == told - 1
            bottom = "document.querySelector('#scale').getBoundingClientRect().bottom"
            assert tab.evaluate(bottom) < 520
