"""What is seen of the pictures: each pixel, on any screen."""

from contextlib import closing

import numpy as np
import pytest
from PIL import Image

import studies
from sr_cli.mos.making import make_study
from studies import pass_examples, shown


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
