"""The page in a real Chromium: raters who press keys, close tabs and come back."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

import studies
from browser import chromium, find_chromium
from sr_cli.mos.exports import as_export, read_export
from sr_cli.mos.store import read_records
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
        f"document.querySelector('#progress').textContent === 'Picture {number} of 20'"
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
    tab.until("document.querySelector('#text').textContent.startsWith('That was all')")


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


@pytest.mark.parametrize(("phone", "density"), [(False, 1), (True, 2)])
def test_a_pixel_is_a_whole_number_of_the_screens(
    program, person, study, phone, density
):
    folder, _ = study
    page = (folder / "public" / "index.html").as_uri()
    with closing(
        program.open(page, phone=phone, size=(360, 700) if phone else (1200, 900))
    ) as tab:
        pass_examples(tab)
        shown(tab, 1)
        assert tab.evaluate("devicePixelRatio") == density
        assert tab.evaluate("document.querySelector('#picture').offsetWidth") == 32
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
