"""The page when people are hasty, and when servers, pictures or storage fail."""

import signal
from contextlib import closing

import pytest

from sr_cli.mos.exports import as_export
from sr_cli.mos.store import read_records
from studies import finished, pass_examples, rate, saved, serving, shown


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


@pytest.mark.skipif(
    not hasattr(signal, "SIGSTOP"), reason="Nothing pauses a process here"
)
def test_a_server_that_does_not_answer_is_told(program, person, study):
    folder, facts = study
    with (
        serving(folder) as (process, port),
        closing(program.open(f"http://127.0.0.1:{port}/", context=person)) as tab,
    ):
        pass_examples(tab)
        shown(tab, 1)
        tab.evaluate("patience = 300")
        process.send_signal(signal.SIGSTOP)
        tab.key("3")
        tab.until("document.querySelector('#next').textContent === 'Try again'")
        process.send_signal(signal.SIGCONT)
        tab.click("#next")
        shown(tab, 2)
    (record,) = read_records(folder / "ratings.sqlite", facts)
    assert record.scores[:2] == (3, None)


def test_a_picture_that_comes_back_is_shown(program, person, study):
    folder, _ = study
    pictures, away = folder / "public" / "pictures", folder / "away"
    with (
        serving(folder) as (_, port),
        closing(program.open(f"http://127.0.0.1:{port}/", context=person)) as tab,
    ):
        pass_examples(tab)
        shown(tab, 1)
        pictures.rename(away)
        rate(tab, [1], [3])
        for number in (2, 3):  # what was loaded before is shown
            tab.until(
                "!document.querySelector('#next').hidden ||"
                f"answering && position === {number - 1}"
            )
            if tab.evaluate("document.querySelector('#next').hidden"):
                tab.key("3")
        tab.until("document.querySelector('#next').textContent === 'Try again'")
        away.rename(pictures)
        tab.click("#next")
        tab.until("answering")
        loaded = "document.querySelector('#picture').naturalWidth"
        assert tab.evaluate(loaded) == 32


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


def test_a_button_is_not_marked_for_the_next_picture(program, person, study):
    page = (study[0] / "public" / "index.html").as_uri()
    with closing(program.open(page, context=person)) as tab:
        pass_examples(tab)
        shown(tab, 1)
        tab.until("answering")
        tab.click("#scale button[value='3']")
        shown(tab, 2)
        tab.until("answering")
        tab.key(" ")  # would press the button again
        tab.key("4")
        shown(tab, 3)
        tab.until("answering")
        assert tab.evaluate("record.scores.slice(0, 3)") == [3, 4, None]
        assert tab.evaluate("document.querySelector('#scale :focus')") is None
        tab.key("Tab")  # goes on at the scale
        assert tab.evaluate("document.activeElement.value") == "1"


def test_a_double_click_leaves_no_example_out(program, person, study):
    page = (study[0] / "public" / "index.html").as_uri()
    with closing(program.open(page, context=person)) as tab:
        tab.until("document.querySelector('#next').textContent.startsWith('I agree')")
        tab.key("Enter")
        told = "document.querySelector('#progress').textContent"
        tab.until(f"{told} === 'Example 1 of 2'")
        tab.click("#next")
        tab.until(f"{told} === 'Example 2 of 2'")
        x, y = tab.centre("#next")
        for kind in ("mousePressed", "mouseReleased"):
            tab._mouse(kind, x, y, clickCount=2)
        tab.evaluate("new Promise(resolve => setTimeout(resolve, 200))")
        assert tab.evaluate(told) == "Example 2 of 2"


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


def test_a_full_storage_loses_nothing_while_the_tab_is_open(program, person, study):
    page = (study[0] / "public" / "index.html").as_uri()
    with closing(program.open(page, context=person)) as tab:
        pass_examples(tab)
        shown(tab, 1)
        tab.evaluate(
            "Storage.prototype.setItem = () => {"
            "throw new DOMException('full', 'QuotaExceededError'); }, 0"
        )
        rate(tab, [1, 2], [4, 1])
        shown(tab, 3)
        tab.evaluate("follow()")  # which comes every second
        shown(tab, 3)
        assert tab.evaluate("memory.read().record.scores.slice(0, 3)") == [4, 1, None]
