"""PSNR and SSIM against scikit-image, luma against the standard's literals."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_cli.metrics import (
    comparable,
    daala_ssim,
    luma,
    psnr,
    shave,
    ssim,
    ssim_rgb,
)


def _planes(seed: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.uniform(0, 255, (height, width))
    return truth, np.clip(truth + random.normal(0, 20, truth.shape), 0, 255)


@pytest.mark.parametrize(
    ("colour", "level"),
    [
        ((0, 0, 0), 16.0),
        ((255, 255, 255), 235.0),
        ((255, 0, 0), 81.481),
        ((0, 255, 0), 144.553),
        ((0, 0, 255), 40.966),
        ((128, 128, 128), 16.0 + 219.0 * 128 / 255),
    ],
)
def test_luma_is_studio_swing_bt601(colour, level):
    pixels = np.full((2, 3, 3), colour, np.uint8)
    np.testing.assert_allclose(luma(pixels), np.full((2, 3), level), atol=1e-9)


def test_gray_is_compared_as_it_is_unless_told():
    gray = np.arange(0, 250, 10, dtype=np.uint8).reshape(5, 5, 1)
    np.testing.assert_array_equal(comparable(gray), gray[:, :, 0])
    as_rgb = comparable(gray, gray_as_gray=False)
    np.testing.assert_allclose(as_rgb, 16 + gray[:, :, 0] * (219 / 255), atol=1e-9)


def test_gray_as_rgb_is_worth_what_the_swing_is():
    truth, other = (p.astype(np.uint8)[:, :, None] for p in _planes(0, 30, 30))
    as_gray = psnr(comparable(truth), comparable(other))
    planes = (comparable(p, gray_as_gray=False) for p in (truth, other))
    assert psnr(*planes) - as_gray == pytest.approx(20 * math.log10(255 / 219))


def test_colour_ignores_the_gray_rule():
    pixels = np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8)
    as_is, as_rgb = comparable(pixels), comparable(pixels, gray_as_gray=False)
    np.testing.assert_array_equal(as_is, as_rgb)


@pytest.mark.parametrize("border", [0, 1, 4])
def test_shave_cuts_every_side(border):
    plane = np.arange(120.0).reshape(10, 12)
    expected = plane[border : 10 - border, border : 12 - border]
    np.testing.assert_array_equal(shave(plane, border), expected)


@given(seed=st.integers(0, 99), height=st.integers(1, 40), width=st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_psnr_equals_scikit_image(seed, height, width):
    reference = pytest.importorskip("skimage.metrics")
    truth, other = _planes(seed, height, width)
    theirs = reference.peak_signal_noise_ratio(truth, other, data_range=255)
    assert psnr(truth, other) == pytest.approx(theirs, abs=1e-10)


def test_psnr_by_hand():
    truth = np.zeros((4, 4))
    assert psnr(truth, truth + 1) == pytest.approx(48.1308036)
    assert psnr(truth, truth + 255) == 0.0
    assert psnr(truth, truth) == math.inf


# Heights around 74 and 138 begin a new band of rows.
@given(
    seed=st.integers(0, 99),
    height=st.integers(11, 16) | st.integers(72, 76) | st.integers(136, 140),
    width=st.integers(11, 60),
)
@settings(max_examples=30, deadline=None)
def test_ssim_equals_scikit_image(seed, height, width):
    reference = pytest.importorskip("skimage.metrics")
    truth, other = _planes(seed, height, width)
    theirs = reference.structural_similarity(
        truth,
        other,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim(truth, other) == pytest.approx(theirs, abs=1e-9)


def test_ssim_of_flat_planes_by_hand():
    # Without variance only the luminance term is left: (2ab + C1) / (a² + b² + C1).
    flat = np.full((12, 12), 100.0)
    expected = (2 * 100 * 110 + 6.5025) / (100**2 + 110**2 + 6.5025)
    assert ssim(flat, flat + 10) == pytest.approx(expected, abs=1e-12)


@given(seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_ssim_is_symmetric_and_one_for_equals(seed):
    truth, other = _planes(seed, 40, 50)
    assert ssim(truth, other) == pytest.approx(ssim(other, truth), abs=1e-12)
    assert ssim(truth, truth) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("shape", [(10, 40), (40, 10), (1, 1)])
def test_ssim_of_planes_below_the_window_is_nan(shape):
    assert math.isnan(ssim(np.zeros(shape), np.zeros(shape)))


def test_views_are_taken_as_they_are():
    truth, other = _planes(7, 60, 70)
    views = truth[3:-3, 5:-5], other[3:-3, 5:-5]
    copies = [view.copy() for view in views]
    assert ssim(*views) == pytest.approx(ssim(*copies), abs=1e-12)
    assert psnr(*views) == pytest.approx(psnr(*copies), abs=1e-12)


@pytest.mark.parametrize("seed", range(100))
def test_bytes_of_pictures_score_as_in_scikit_image(seed):
    reference = pytest.importorskip("skimage.metrics")
    random = np.random.default_rng(seed)
    shape = (*random.integers(11, 150, 2), 3)
    truth = random.integers(0, 256, shape).astype(np.uint8)
    noise = random.normal(0, random.uniform(1, 60), shape)
    other = np.clip(truth + noise, 0, 255).astype(np.uint8)
    how = {"data_range": 255, "gaussian_weights": True, "use_sample_covariance": False}
    planes = luma(truth), luma(other)
    found = psnr(*planes), ssim(*planes)
    theirs = (
        reference.peak_signal_noise_ratio(*planes, data_range=255),
        reference.structural_similarity(*planes, **how),
    )
    assert found == pytest.approx(theirs, abs=1e-6)
    colours = truth.astype(np.float64), other.astype(np.float64)
    found = psnr(*colours), ssim_rgb(*colours)
    theirs = (
        reference.peak_signal_noise_ratio(truth, other, data_range=255),
        reference.structural_similarity(*colours, channel_axis=2, **how),
    )
    assert found == pytest.approx(theirs, abs=1e-6)


def _daala_by_the_pixel(truth: np.ndarray, other: np.ndarray) -> float:
    """Pixel for pixel, from the definition, with the windows of sides given."""
    height, width = truth.shape
    sigma = height * 1.5 / 256
    away = np.arange(-min(height, width) + 1, min(height, width))
    density = (
        256 / (sigma * math.sqrt(2 * math.pi)) * np.exp(-0.5 * (away / sigma) ** 2)
    )
    window = np.floor(density + 0.5)
    middle = window.size // 2
    window[middle] += 256 - window.sum()
    total = weights = 0.0
    for y in range(height):
        for x in range(width):
            rows, columns = np.arange(height) - y, np.arange(width) - x
            reach = [a[np.abs(a) <= middle] for a in (rows, columns)]
            weight = np.outer(*(window[a + middle] for a in reach))
            inside = np.ix_(reach[0] + y, reach[1] + x)
            a, b, w = truth[inside], other[inside], weight.sum()
            mean_a, mean_b = (weight * a).sum() / w, (weight * b).sum() / w
            spread = (weight * ((a - mean_a) ** 2 + (b - mean_b) ** 2)).sum() / w
            common = (weight * (a - mean_a) * (b - mean_b)).sum() / w
            light = (2 * mean_a * mean_b + 6.5025) / (mean_a**2 + mean_b**2 + 6.5025)
            total += w * light * (2 * common + 58.5225) / (spread + 58.5225)
            weights += w
    return total / weights


@pytest.mark.parametrize("shape", [(60, 20), (20, 60), (33, 33), (3, 5), (1, 1)])
def test_daala_ssim_is_what_its_definition_says(shape):
    truth, other = _planes(3, *shape)
    expected = _daala_by_the_pixel(truth, other)
    assert daala_ssim(truth, other) == pytest.approx(expected, abs=1e-10)


def test_the_window_of_daala_ssim_grows_with_the_height():
    # The same errors count less where the window is wide enough to average them out.
    truth, other = _planes(4, 64, 64)
    tall = daala_ssim(np.tile(truth, (8, 1)), np.tile(other, (8, 1)))
    wide = daala_ssim(np.tile(truth, (1, 8)), np.tile(other, (1, 8)))
    assert wide == pytest.approx(daala_ssim(truth, other), abs=0.01)
    assert abs(tall - wide) > 0.02


@given(seed=st.integers(0, 99), height=st.integers(1, 80), width=st.integers(1, 80))
@settings(max_examples=20, deadline=None)
def test_daala_ssim_is_symmetric_and_one_for_equals(seed, height, width):
    truth, other = _planes(seed, height, width)
    assert daala_ssim(truth, other) == pytest.approx(daala_ssim(other, truth))
    assert daala_ssim(truth, truth) == pytest.approx(1.0, abs=1e-12)
    assert daala_ssim(truth, other) <= 1.0
