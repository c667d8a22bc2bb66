"""The page in a real browser."""

import re

import numpy as np
import pytest

from browser import chromium, find_chromium
from sr_cli.viewer.page import Exhibit, Plot, Point, Table, Version, build

BLOCK, SIDE = 8, 12


def pictures():
    low = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE + 4, 3), np.uint8)
    truth = low.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)
    wrong = truth.copy()
    wrong[: truth.shape[0] // 2] ^= 16
    return low, truth, wrong


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    find_chromium()
    with chromium(tmp_path_factory.mktemp("chromium") / "profile") as running:
        yield running


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    low, truth, wrong = pictures()

    def exhibit(name, psnr):
        versions = [
            Version("low", low),
            Version("srgan", wrong, {"PSNR": psnr, "SSIM": 0.5}),
            Version("truth", truth, {"PSNR": 50.0}),
        ]
        return Exhibit(name, versions, "truth")

    page = build(
        "A <b>report</b>",
        [exhibit("near.png", 40.0), exhibit("</script><img src=x>.png", 30.0)],
        [Table("Means", ["Model", "PSNR"], [["srgan", 35.0]])],
        [Plot("Trade", "PSNR", "LPIPS", [Point("srgan", 35, 0.1)])],
    )
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(page, encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def open_tab(browser, address):
    """Opens the page; at the end nothing was complained of or asked for."""
    tabs = []

    def open_page(**how):
        tabs.append(browser.open(address, **how))
        tabs[-1].until(
            "[...document.querySelectorAll('#stage img')].every(i => i.complete)"
        )
        return tabs[-1]

    yield open_page
    for tab in tabs:
        assert tab.complaints() == []
        assert tab.requests() == [address]
        tab.close()


def transforms(tab):
    found = tab.evaluate(
        "[...document.querySelectorAll('.sheet')].map(e => e.style.transform)"
    )
    return [
        tuple(map(float, re.findall(r"-?[\d.]+(?:e-?\d+)?", text))) for text in found
    ]


def together(tab):
    """Where all versions are: left, top, zoom; the same for each."""
    first, *others = transforms(tab)
    assert others
    assert all(other == first for other in others)
    return first


def test_all_versions_zoom_and_move_together(open_tab):
    tab = open_tab()
    left, top, zoom = together(tab)
    tab.wheel(".window", -200)
    tab.until("document.querySelector('#zoom').value !== '" + f"{round(zoom * 100)} %'")
    nearer = together(tab)
    assert nearer[2] > 1.3 * zoom
    tab.drag("figure:nth-child(2) .window", 30, 20)
    moved = together(tab)
    assert moved[0] - nearer[0] == pytest.approx(30, abs=1)
    assert moved[1] - nearer[1] == pytest.approx(20, abs=1)
    tab.evaluate("document.querySelector('.window').focus()")
    tab.key("ArrowRight")
    assert together(tab)[0] < moved[0]
    tab.key("+")
    assert together(tab)[2] == pytest.approx(1.25 * nearer[2], rel=0.01)
    tab.key("1")
    assert together(tab)[2] == pytest.approx(1)
    tab.key("0")
    assert together(tab) == pytest.approx((left, top, zoom), abs=0.01)


def test_the_wheel_keeps_what_is_under_it(open_tab):
    tab = open_tab()
    box = "document.querySelector('.window').getBoundingClientRect()"
    wide, high = tab.evaluate(f"[{box}.width, {box}.height]")
    left, _, zoom = together(tab)
    under = (wide / 2 - left) / zoom
    for _ in range(3):
        tab.wheel(".window", -100)
    tab.until(f"parseFloat(document.querySelector('#zoom').value) > {zoom * 200}")
    left, _, zoom = together(tab)
    assert (wide / 2 - left) / zoom == pytest.approx(under, abs=1.5)
    assert high > 0


def test_two_fingers_pinch(open_tab):
    tab = open_tab(size=(390, 800), phone=True, dark=True)
    *_, zoom = together(tab)
    x, y = tab.centre(".window")
    tab.touch("touchStart", (x - 20, y), (x + 20, y))
    tab.touch("touchMove", (x - 40, y), (x + 40, y))
    tab.touch("touchEnd")
    assert together(tab)[2] == pytest.approx(2 * zoom, rel=0.05)


def test_the_slider_moves_by_mouse_and_by_keys(open_tab):
    tab = open_tab()
    tab.click("#slider")
    where = "document.querySelector('.divider').getAttribute('aria-valuenow')"
    clip = "document.querySelector('.clip').style.clipPath"
    assert tab.evaluate(where) == "50"
    tab.drag(".divider", 100, 0)
    wide = tab.evaluate("document.querySelector('.window').clientWidth")
    assert int(tab.evaluate(where)) == pytest.approx(50 + 100 * 100 / wide, abs=2)
    before = int(tab.evaluate(where))
    tab.evaluate("document.querySelector('.divider').focus()")
    tab.key("ArrowLeft")
    assert int(tab.evaluate(where)) == before - 2
    tab.key("Home")
    assert tab.evaluate(where) == "0"
    assert "0%" in tab.evaluate(clip)
    tab.key("End")
    assert "100%" in tab.evaluate(clip)
    together(tab)


def test_the_slider_moves_by_touch(open_tab):
    tab = open_tab(size=(390, 800), phone=True)
    tab.click("#slider")
    x, y = tab.centre(".divider")
    tab.touch("touchStart", (x, y))
    tab.touch("touchMove", (x - 60, y))
    tab.touch("touchEnd")
    found = tab.evaluate(
        "document.querySelector('.divider').getAttribute('aria-valuenow')"
    )
    assert int(found) < 40


def test_error_maps_show_where_and_how_much(open_tab):
    tab = open_tab()
    tab.click("#errors")
    tab.until("document.querySelectorAll('#stage canvas').length === 3")
    light = (
        "(() => { const c = document.querySelectorAll('#stage canvas')[1];"
        "const all = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "const sum = (a, b) =>"
        "all.slice(a, b).reduce((s, v, i) => i % 4 < 3 ? s + v : s, 0);"
        "return [sum(0, all.length / 2), sum(all.length / 2)]; })()"
    )
    above, below = tab.evaluate(light)
    count = SIDE * BLOCK * (SIDE + 4) * BLOCK / 2
    assert below == count * 4  # the first colour, (0, 0, 4): no error
    assert above > 100 * below / 4
    facts = tab.evaluate(
        "[...document.querySelectorAll('.error')].map(e => e.textContent)"
    )
    # Half of the pixels differ by 16 levels in every channel.
    assert facts[1] == "· mean error 8.00 levels"
    assert facts[2] == "· mean error 0.00 levels"
    tab.click("#errors")
    assert tab.evaluate("document.querySelectorAll('#stage canvas').length") == 0


def test_rows_open_their_pictures(open_tab):
    tab = open_tab()
    alt = "document.querySelector('#stage img').alt"
    # The first is where versions differ most.
    assert tab.evaluate(alt) == "</script><img src=x>.png, low, 16 × 12 pixels"
    tab.evaluate("document.querySelector('tbody tr:last-child button').focus()")
    tab.key("Enter")
    assert tab.evaluate(alt).startswith("near.png")
    tab.click("#next")
    assert tab.evaluate(alt).startswith("</script><img src=x>.png")


def test_what_was_chosen_stays_for_the_next_picture(open_tab):
    tab = open_tab()
    tab.click("#slider")
    choose = (
        "(() => { for (const [id, value] of [['left', 1], ['right', 2], ['truth', 0]])"
        "{ const s = document.querySelector('#' + id); s.value = value;"
        "s.dispatchEvent(new Event('change')); } })()"
    )
    tab.evaluate(choose)
    tab.click("#next")
    chosen = "['left', 'right', 'truth'].map(i => document.getElementById(i).value)"
    assert tab.evaluate(chosen) == ["1", "2", "0"]
    tags = "[...document.querySelectorAll('.tag')].map(e => e.textContent)"
    assert tab.evaluate(tags) == ["srgan", "truth"]


def test_one_finger_scrolls_past_a_picture_that_is_seen_whole(open_tab):
    tab = open_tab(size=(390, 600), phone=True)
    before = together(tab)
    x, y = tab.centre(".window")
    top = tab.evaluate("scrollY")
    tab.touch("touchStart", (x, y))
    for step in range(1, 9):
        tab.touch("touchMove", (x, y + 15 * step))
    tab.touch("touchEnd")
    tab.until(f"scrollY < {top} - 40")
    assert together(tab) == before
    tab.evaluate("document.querySelector('.window').focus()")
    tab.key("+")
    nearer = together(tab)
    top = tab.evaluate("scrollY")
    x, y = tab.centre(".window")
    tab.touch("touchStart", (x, y))
    for step in range(1, 5):
        tab.touch("touchMove", (x, y + 10 * step))
    tab.touch("touchEnd")
    assert together(tab)[1] == pytest.approx(nearer[1] + 40, abs=2)


def test_one_picture_needs_no_choice_and_another_shape_has_no_error(browser, tmp_path):
    low, truth, _ = pictures()
    path = tmp_path / "one.html"
    tall = truth.transpose(1, 0, 2)
    versions = [Version("a", low), Version("b", truth), Version("c", tall, {"f": 1.0})]
    path.write_text(build("t", [Exhibit("p", versions)]), encoding="utf-8")
    tab = browser.open(path.as_uri())
    assert tab.evaluate("document.querySelector('#choice').offsetWidth") == 0
    assert tab.evaluate("document.querySelectorAll('table').length") == 0
    tab.click("#errors")
    tab.until("document.querySelectorAll('#stage canvas').length === 2")
    facts = "[...document.querySelectorAll('.error')].map(e => e.textContent)"
    assert tab.evaluate(facts)[2] == "· no error map: of another shape"
    assert tab.complaints() == []
    tab.close()


def test_one_table_is_shown_at_a_time(open_tab):
    tab = open_tab()
    shown = (
        "[...document.querySelectorAll('[data-figure]')]"
        ".filter(e => !e.hidden).map(e => e.dataset.figure)"
    )
    assert tab.evaluate(shown) == ["PSNR"]
    tab.evaluate(
        "(() => { const s = document.querySelector('#figure'); s.value = 'SSIM';"
        "s.dispatchEvent(new Event('change')); })()"
    )
    assert tab.evaluate(shown) == ["SSIM"]


def test_small_versions_are_as_large_and_sharp(open_tab):
    tab = open_tab()
    facts = tab.evaluate(
        "[...document.querySelectorAll('#stage img')].map(i => {"
        "const b = i.getBoundingClientRect();"
        "return [b.width, b.height, i.style.imageRendering]; })"
    )
    for larger in facts[1:]:
        assert facts[0][:2] == pytest.approx(larger[:2], abs=0.01)
    assert facts[0][2] == "pixelated"


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_shows_all_of_it(open_tab, dark):
    tab = open_tab(size=(360, 740), phone=True, dark=dark)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", paper))) < 200) == dark


def test_everything_to_press_has_a_name(open_tab):
    tab = open_tab()
    tab.click("#slider")
    nameless = tab.evaluate(
        "[...document.querySelectorAll('button, select, [tabindex]')].filter(e =>"
        "!e.textContent.trim() && !e.getAttribute('aria-label') && !e.labels?.length)"
        ".map(e => e.outerHTML)"
    )
    assert nameless == []
    images = "[...document.querySelectorAll('img')].every(i => i.alt)"
    assert tab.evaluate(images)
