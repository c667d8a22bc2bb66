"""The page is one valid file that needs no other and keeps what it is given."""

import io
import json
import re
from base64 import b64decode
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sr_cli.viewer.page import Exhibit, Plot, Point, Table, Version, build

VOID = {"meta", "link", "input", "br", "img", "hr"}


class Outline(HTMLParser):
    """Checks nesting, and gathers elements and what is in them."""

    def __init__(self, page):
        super().__init__()
        self.open, self.elements, self.texts = [], [], []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names))
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def inside(self, tag):
        return [data for place, data in self.texts if place == tag]


def noise(height=6, width=8, channels=3, seed=0):
    shape = (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def exhibits_of(page):
    found = re.findall(
        r'<script type="application/json" id="exhibit-\d+">(.*?)</script>',
        page,
        re.DOTALL,
    )
    return [json.loads(text) for text in found]


def pixels_of(uri):
    data = uri.partition(";base64,")[2]
    return np.asarray(Image.open(io.BytesIO(b64decode(data))).convert("RGB"))


def whole_page(name="photo.png", **more):
    versions = [
        Version("low", noise(3, 4)),
        Version("srresnet", noise(seed=1), {"PSNR": 28.5}),
        Version("srgan", noise(seed=2), {"PSNR": 26.0}),
    ]
    return build(
        "Title",
        [Exhibit(name, versions)],
        [Table("Means", ["Model", "PSNR"], [["srgan", 26.0], ["none", None]])],
        [Plot("Trade", "PSNR", "LPIPS", [Point("a", 1, 2), Point("b", 3, 1)])],
        **more,
    )


def test_nothing_outside_is_named():
    page = whole_page()
    outline = Outline(page)
    assert "://" not in page
    for tag, attributes in outline.elements:
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            assert attributes.get(name, "data:").startswith("data:"), (tag, name)
    (policy,) = (a["content"] for _, a in outline.elements if "http-equiv" in a)
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_every_identity_is_used_once():
    names = [a["id"] for _, a in Outline(whole_page()).elements if "id" in a]
    assert len(names) == len(set(names))


def test_pixels_come_through_unchanged():
    gray, colour = noise(5, 7, 1), noise(9, 9)
    page = build("t", [Exhibit("p", [Version("a", gray), Version("b", colour)])])
    (exhibit,) = exhibits_of(page)
    first, second = (pixels_of(version["src"]) for version in exhibit["versions"])
    np.testing.assert_array_equal(first, np.repeat(gray, 3, axis=2))
    np.testing.assert_array_equal(second, colour)
    assert (exhibit["height"], exhibit["width"]) == (9, 9)


def test_a_side_too_long_for_webp_is_stored_too():
    long = noise(1, 16_400)
    (exhibit,) = exhibits_of(build("t", [Exhibit("p", [Version("a", long)])]))
    np.testing.assert_array_equal(pixels_of(exhibit["versions"][0]["src"]), long)


def test_what_is_too_much_loses_detail_and_says_so():
    # Photos compress; noise does hardly.
    photo = np.cumsum(noise(200, 300) % 5, axis=1, dtype=np.uint16).astype(np.uint8)
    given = [Exhibit("p", [Version("a", photo), Version("b", photo[:20])])]
    lossless = build("t", given)
    budget = len(exhibits_of(lossless)[0]["versions"][0]["src"]) // 2
    smaller = build("t", given, budget=budget)
    assert "1 of 2 pictures" in smaller
    assert "compressed with a loss" not in lossless
    large, small = exhibits_of(smaller)[0]["versions"]
    assert (large["lossy"], small["lossy"]) == (True, False)
    assert len(large["src"]) + len(small["src"]) <= budget
    np.testing.assert_array_equal(pixels_of(small["src"]), photo[:20])


def test_the_truth_is_the_last_to_lose_detail():
    photo = np.cumsum(noise(200, 300) % 5, axis=1, dtype=np.uint16).astype(np.uint8)
    versions = [Version("truth", photo), Version("other", photo[:100])]
    exhibit = Exhibit("p", versions, "truth")
    (whole,) = exhibits_of(build("t", [exhibit]))
    budget = sum(len(version["src"]) for version in whole["versions"]) - 1
    (smaller,) = exhibits_of(build("t", [exhibit], budget=budget))
    assert [version["lossy"] for version in smaller["versions"]] == [False, True]


HOSTILE = st.one_of(
    st.sampled_from(
        [
            "</script><script>alert(1)</script>.png",
            "<!--<script>",
            '" onmouseover="alert(1)',
            "' $title ${data} &amp; \\u003c",
            "a\ud800\udcffb\x00\x1b[31m\u2028.png",
            "]]>",
        ]
    ),
    st.text(alphabet=st.characters(), min_size=1, max_size=30),
)


@settings(max_examples=60, deadline=None)
@given(HOSTILE, HOSTILE)
def test_no_name_is_obeyed(name, label):
    versions = [Version(label, noise(1, 1), {label: 1.0})]
    rows = [[label, 1.0]]
    table = Table(name, [name, label], rows, rows, name, [name, label])
    plot = Plot(name, label, name, [Point(label, 0, 0)], label)
    page = build(name, [Exhibit(name, versions)], [table], [plot])
    page.encode()
    plain = build("t", [Exhibit("p", [Version("v", noise(1, 1), {"f": 1.0})])])
    extra = build(
        "t",
        [Exhibit("p", [Version("v", noise(1, 1), {"f": 1.0})])],
        [Table("t", ["a", "b"], [["c", 1.0]], [["c", 1.0]], "h", ["n", "m"])],
        [Plot("p", "x", "y", [Point("l", 0, 0)], "n")],
    )
    shape = [(tag, sorted(a)) for tag, a in Outline(page).elements]
    assert shape == [(tag, sorted(a)) for tag, a in Outline(extra).elements]
    assert len(shape) > len(Outline(plain).elements)
    (exhibit,) = exhibits_of(page)
    if re.fullmatch(r"[ -~]*", name):
        assert exhibit["name"] == name


def test_rows_of_others_stand_below_a_heading():
    table = Table("t", ["a", "b"], [["ours", 1.0]], [["theirs", 2.0]], "Others")
    outline = Outline(build("t", [], [table]))
    assert [tag for tag, _ in outline.elements].count("tbody") == 2
    headings = [a for tag, a in outline.elements if a.get("scope") == "rowgroup"]
    assert headings == [{"scope": "rowgroup", "colspan": "2"}]
    assert outline.inside("th") == ["a", "b", "ours", "Others", "theirs"]


def test_rows_begin_where_versions_differ_most():
    def exhibit(name, one, other):
        figures = ({"PSNR": one}, {"PSNR": other})
        pixels = noise(1, 1)
        versions = [Version(f"v{n}", pixels, f) for n, f in enumerate(figures)]
        return Exhibit(name, versions)

    page = build(
        "t",
        [
            exhibit("near", 30.0, 29.5),
            exhibit("endless", float("inf"), 31.0),
            exhibit("far", 25.0, 31.0),
        ],
    )
    buttons = Outline(page).inside("button")
    names = [text for text in buttons if text in ("near", "far", "endless")]
    assert names == ["far", "near", "endless"]
    assert "∞" in page


def test_only_finite_points_are_drawn():
    nan, inf = float("nan"), float("inf")
    points = [Point("a", 1, 2), Point("b", nan, 1), Point("c", 1, inf)]
    page = build("t", [], plots=[Plot("p", "x", "y", points)])
    assert page.count("<circle") == 1
    nothing = build("t", [], plots=[Plot("p", "x", "y", points[1:])])
    assert "Nothing could be drawn" in nothing
    assert "<svg" not in nothing


@given(
    st.lists(
        st.tuples(
            st.floats(-1e6, 1e6, allow_nan=False), st.floats(-1e6, 1e6, allow_nan=False)
        ),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=50, deadline=None)
def test_points_lie_inside_the_plot(values):
    points = [Point(f"m{n}", x, y) for n, (x, y) in enumerate(values)]
    page = build("t", [], plots=[Plot("p", "x", "y", points)])
    circles = [a for tag, a in Outline(page).elements if tag == "circle"]
    assert len(circles) == len(points)
    for circle in circles:
        assert 60 <= float(circle["cx"]) <= 630
        assert 10 <= float(circle["cy"]) <= 360


def test_no_label_lies_on_a_point_or_another_label():
    near = [(28.4, 0.34), (28.8, 0.33), (31.5, 0.172), (31.6, 0.17), (26.2, 0.36)]
    points = [Point(f"model-{n}", x, y) for n, (x, y) in enumerate(near)]
    elements = Outline(build("t", [], plots=[Plot("p", "x", "y", points)])).elements
    dots = [
        (float(a["cy"]), float(a["cx"]) - 6, float(a["cx"]) + 6)
        for tag, a in elements
        if tag == "circle"
    ]
    labels = []
    for tag, a in elements:
        if tag == "text" and "text-anchor" in a and "class" not in a and "x" in a:
            x, y = float(a["x"]), float(a["y"]) - 4
            if a["text-anchor"] == "start":
                labels.append((y, x, x + 49))
            elif a["text-anchor"] == "end":
                labels.append((y, x - 49, x))
    assert len(labels) == len(dots) == 5
    everything = dots + labels
    for n, (y, start, end) in enumerate(everything):
        for other, begin, stop in everything[max(n + 1, len(dots)) :]:
            assert abs(y - other) >= 12 or end <= begin or stop <= start


def test_errors_begin_from_the_truth():
    versions = [Version("a", noise(1, 1)), Version("truth", noise(1, 1))]
    (exhibit,) = exhibits_of(build("t", [Exhibit("p", versions, "truth")]))
    assert exhibit["truth"] == 1
    with pytest.raises(ValueError, match="nothing"):
        build("t", [Exhibit("p", versions, "nothing")])
