"""Scores of known results, and the protocol around them."""

import math

import numpy as np
import pytest

import icc_profiles
from sr_cli import metrics
from sr_cli.bench import quality
from sr_cli.bench.quality import (
    compare,
    load_pair,
    load_pairs,
    mean_psnr,
    mean_scores,
    measure,
)
from sr_cli.bench.reduction import reduce
from sr_cli.bench.rivals import Rival, baselines
from sr_cli.degrade import downscale
from sr_cli.engines import EngineChoice
from sr_cli.errors import DataError, PictureError
from sr_cli.networks.fuse import Conv, Network, Shuffle
from sr_cli.picture import Picture, in_srgb, read, write
from sr_cli.upscale import Upscaler


@pytest.fixture
def repeating() -> Upscaler:
    """Repeat pixels, as the nearest baseline does, but through an engine."""
    weight = np.zeros((48, 3, 1, 1), np.float32)
    for channel in range(3):
        weight[16 * channel : 16 * (channel + 1), channel] = 1.0
    network = Network((Conv(weight, np.zeros(48, np.float32)), Shuffle(4)), 4)
    return Upscaler(network, EngineChoice("onnxruntime", "cpu", "float32"))


def test_a_pair_is_cut_to_the_scale_and_made_small(photos):
    pair = load_pair(photos / "a.png")
    assert pair.file == "a.png"
    assert pair.high.shape == (44, 48, 3)
    np.testing.assert_array_equal(pair.high, read(photos / "a.png").pixels[:44, :48])
    np.testing.assert_array_equal(pair.low.pixels, downscale(pair.high, 4))


def test_gray_stays_gray(photos):
    pair = load_pair(photos / "b.png")
    assert pair.high.shape == (40, 36, 1)
    assert pair.low.pixels.shape == (10, 9, 1)


def test_transparency_is_left_out(photos, tmp_path):
    pixels = read(photos / "a.png").pixels
    alpha = np.full(pixels.shape[:2], 9, np.uint8)
    write(Picture(pixels, alpha=alpha), tmp_path / "alpha.png")
    assert load_pair(tmp_path / "alpha.png").low.alpha is None


def test_every_picture_is_measured_in_srgb(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    picture = Picture(pixels, icc=icc_profiles.adobe_rgb())
    write(picture, tmp_path / "wide.png")
    np.testing.assert_array_equal(
        load_pair(tmp_path / "wide.png").high, in_srgb(picture).pixels
    )


@pytest.mark.parametrize(("side", "fits"), [(19, False), (20, True), (23, True)])
def test_what_is_too_small_is_refused(side, fits, tmp_path):
    write(Picture(np.zeros((side, 50, 3), np.uint8)), tmp_path / "s.png")
    if fits:
        (score,) = measure([tmp_path / "s.png"], baselines()[:1])
        assert score.scores.ssim_y == pytest.approx(1.0)
    else:
        with pytest.raises(DataError, match=r"s\.png is too small"):
            load_pair(tmp_path / "s.png")


def test_a_damaged_picture_is_an_error(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(PictureError, match=r"bad\.png"):
        load_pairs([tmp_path / "bad.png"])


def test_the_border_does_not_count():
    truth = np.random.default_rng(0).integers(0, 256, (24, 28, 3), np.uint8)
    result = truth.copy()
    result[:4] = result[-4:] = 0
    result[:, :4] = result[:, -4:] = 0
    scores = compare(truth, result, 4)
    assert scores.psnr_y == math.inf
    assert scores.ssim_y == pytest.approx(1.0)
    result[4, 4] = 255 - result[4, 4]
    assert compare(truth, result, 4).psnr_y < math.inf


def test_gray_is_scored_both_ways():
    truth = np.random.default_rng(1).integers(0, 256, (24, 28, 1), np.uint8)
    result = np.clip(truth + 3.0, 0, 255).astype(np.uint8)
    scores = compare(truth, result, 4)
    gain = 20 * math.log10(255 / 219)
    assert scores.psnr_y_gray_as_rgb - scores.psnr_y == pytest.approx(gain)
    rgb = compare(truth.repeat(3, axis=2), result.repeat(3, axis=2), 4)
    assert rgb.psnr_y == rgb.psnr_y_gray_as_rgb
    assert rgb.psnr_y == pytest.approx(scores.psnr_y_gray_as_rgb)
    assert rgb.ssim_y == pytest.approx(scores.ssim_y_gray_as_rgb)


def test_every_rival_is_scored_on_every_picture(photos):
    files = sorted(photos.iterdir())
    found = list(measure(files, baselines()))
    pairs = [(image.file, image.rival) for image in found]
    names = ["nearest", "bicubic", "lanczos"]
    assert pairs == [(f, r) for f in ("a.png", "b.png", "c.png") for r in names]
    assert [i.gray for i in found if i.rival == "bicubic"] == [False, True, False]
    sizes = [(i.height, i.width) for i in found if i.rival == "nearest"]
    assert sizes == [(44, 48), (40, 36), (32, 64)]
    assert all(image.seconds >= 0 for image in found)


def test_each_picture_is_read_and_made_small_once(photos, monkeypatch):
    made = []

    def counted(high, scale, reduction):
        made.append(scale)
        return reduce(high, scale, reduction)

    monkeypatch.setattr(quality, "reduce", counted)
    list(measure(sorted(photos.iterdir()), baselines(2), 2))
    assert made == [2, 2, 2]


def test_an_engine_and_a_baseline_that_do_the_same_score_the_same(photos, repeating):
    rivals = [*baselines()[:1], Rival("repeating", repeating.upscale)]
    found = list(measure(sorted(photos.iterdir()), rivals))
    for nearest, network in zip(found[::2], found[1::2], strict=True):
        assert nearest.scores == network.scores


def test_the_mean_is_of_the_pictures_figures(photos):
    found = list(measure(sorted(photos.iterdir()), baselines()[1:2]))
    mean = mean_scores(found)
    psnrs = [image.scores.psnr_y for image in found]
    assert mean.psnr_y == pytest.approx(sum(psnrs) / 3)
    assert mean.psnr_y_gray_as_rgb > mean.psnr_y
    assert 0.0 < mean.ssim_y < mean.ssim_y_gray_as_rgb < 1.0


def test_validation_gives_the_bench_figure(photos, repeating):
    files, told = sorted(photos.iterdir()), []
    pairs = load_pairs(files, on_picture=lambda *counts: told.append(counts))
    assert told == [(1, 3), (2, 3), (3, 3)]
    rival = Rival("repeating", repeating.upscale)
    expected = mean_scores(list(measure(files, [rival]))).psnr_y
    assert mean_psnr(pairs, repeating) == pytest.approx(expected)


def test_another_scale_has_another_border(photos):
    (image,) = measure([photos / "c.png"], baselines(2)[:1], 2)
    high = read(photos / "c.png").pixels
    result = downscale(high, 2).repeat(2, axis=0).repeat(2, axis=1)
    planes = (metrics.shave(metrics.luma(pixels), 2) for pixels in (high, result))
    assert image.scores.psnr_y == pytest.approx(metrics.psnr(*planes))
