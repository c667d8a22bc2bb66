"""Which pictures a page shows, and what it says of them."""

from dataclasses import replace

import pytest

from sr_cli.bench.gallery import LOW, TRUTH, Gallery, to_html
from sr_cli.bench.protocol import Protocol
from sr_cli.bench.quality import Conduct, Known, measure
from sr_cli.bench.report import summarise
from sr_cli.bench.results_cache import results_of
from sr_cli.bench.rivals import Rival, baselines, original

PROTOCOL = Protocol(("psnr", "ssim", "daala"))


def measured(photos, gallery, rivals=None, known=None):
    rivals, known = rivals or baselines(), known or Known()
    conduct = Conduct(jobs=2, known=known, on_result=gallery.show)
    files = sorted(photos.iterdir())
    images = list(measure(files, rivals, 4, PROTOCOL, conduct))
    result = summarise("photos", 4, rivals, images, PROTOCOL)
    gallery.complete(result, files, rivals, known)
    return result


def test_every_version_of_a_picture_with_its_figures(photos):
    gallery = Gallery(3)
    result = measured(photos, gallery)
    exhibits = gallery.exhibits(result)
    assert {e.name for e in exhibits} == {f"photos / {n}.png" for n in "abc"}
    for exhibit in exhibits:
        assert exhibit.truth == TRUTH
        labels = [version.label for version in exhibit.versions]
        assert labels == [TRUTH, LOW, "nearest", "bicubic", "lanczos"]
        high, low, *results = (v.pixels.shape for v in exhibit.versions)
        assert all(shape == high for shape in results)
        assert low[0] * 4 == high[0]
        assert set(exhibit.versions[3].figures) == {"PSNR dB", "SSIM", "SSIM (daala)"}


def test_the_pictures_that_differ_most_are_kept(photos):
    everything, two = Gallery(3), Gallery(3, most=2)
    result = measured(photos, everything)
    measured(photos, two)
    spreads = {}
    for exhibit in everything.exhibits(result):
        found = [v.figures["PSNR dB"] for v in exhibit.versions[2:]]
        spreads[exhibit.name] = max(found) - min(found)
    wanted = sorted(spreads, key=lambda name: -spreads[name])
    assert [e.name for e in everything.exhibits(result)] == wanted
    assert [e.name for e in two.exhibits(result)] == wanted[:2]
    assert (everything.left_out, two.left_out) == (0, 1)
    assert "differ less on them: 1 of 3 pictures" in to_html([result], [two])


@pytest.mark.parametrize(
    ("pixels", "kept"),
    [(4 * (44 * 48 + 40 * 36 + 32 * 64), 3), (4 * (44 * 48 + 32 * 64), 2), (0, 1)],
)
def test_a_page_takes_so_many_pixels_and_one_picture_at_least(pixels, kept, photos):
    everything, some = Gallery(3), Gallery(3, pixels=pixels)
    result = measured(photos, everything)
    measured(photos, some)
    wanted = [e.name for e in everything.exhibits(result)][:kept]
    assert len(wanted) == kept
    assert [e.name for e in some.exhibits(result)] == wanted
    assert some.left_out == 3 - kept


@pytest.mark.parametrize("name", ["lpips", "niqe"])
def test_perception_is_drawn_where_it_was_computed(name, photos):
    gallery = Gallery(3)
    result = measured(photos, gallery)
    drawn = f"{name.upper()} (less looks better)"
    plain = to_html([result], [gallery])
    assert drawn not in plain
    assert "no plot of perception over distortion: it needs LPIPS or" in plain
    models = tuple(
        replace(row, scores=replace(row.scores, more={**row.scores.more, name: 0.5}))
        for row in result.models
    )
    page = to_html([replace(result, models=models)], [gallery])
    assert drawn in page
    assert "no plot" not in page


def counted():
    """Two rivals, and what the second was given so far."""
    made, nearest = [], baselines()[0]

    def upscale(low):
        made.append(low)
        return nearest.upscale(low)

    return [nearest, Rival("mine", upscale, "cd" * 32)], made


def test_what_was_shown_is_not_upscaled_again(photos):
    rivals, made = counted()
    known = results_of(PROTOCOL, 4, "auto")
    first = Gallery(2)
    pages = [to_html([measured(photos, first, rivals, known)], [first])]
    assert len(made) == 3
    again = Gallery(2)
    pages.append(to_html([measured(photos, again, rivals, known)], [again]))
    assert len(made) == 3
    assert pages[0] == pages[1]


def test_scores_alone_are_known_of_a_picture_that_now_comes_to_be_shown(photos):
    rivals, made = counted()
    known = results_of(PROTOCOL, 4, "auto")
    measured(photos, Gallery(2, most=0), rivals, known)
    assert len(made) == 3
    one = Gallery(2, most=1)
    (exhibit,) = one.exhibits(measured(photos, one, rivals, known))
    assert len(made) == 4
    assert exhibit.versions[-1].pixels.shape == exhibit.versions[0].pixels.shape


def test_an_original_that_is_measured_is_shown_once(photos):
    gallery, rivals = Gallery(2), [baselines()[0], original()]
    for exhibit in gallery.exhibits(measured(photos, gallery, rivals)):
        labels = [version.label for version in exhibit.versions]
        assert labels == [TRUTH, LOW, "nearest"]
        assert exhibit.versions[0].figures["SSIM"] == pytest.approx(1.0)
