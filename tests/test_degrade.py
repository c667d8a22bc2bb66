"""The kernels against a slow restatement, hand-made values and Pillow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sr_cli.degrade import crop_to_multiple, downscale, resize, to_uint8

KERNELS = ("nearest", "bicubic", "lanczos")


def _slow_weight(kernel: str, x: float) -> float:
    x = abs(x)
    if kernel == "bicubic":
        if x <= 1:
            return 1.5 * x**3 - 2.5 * x**2 + 1
        return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0
    if x == 0:
        return 1.0
    if x >= 3:
        return 0.0
    pix = np.pi * x
    return 3 * np.sin(pix) * np.sin(pix / 3) / pix**2


def _slow_line(line: np.ndarray, new_size: int, kernel: str) -> np.ndarray:
    """MATLAB's imresize of one line, sample by sample, edges literally mirrored."""
    size = len(line)
    mirrored = np.concatenate([line[::-1], line] * 60)
    origin = 59 * size  # where an unmirrored copy begins
    shrink = min(new_size / size, 1.0)
    reach = int(np.ceil(3 / shrink)) + 1
    out = np.empty(new_size)
    for i in range(new_size):
        centre = (i + 0.5) * size / new_size - 0.5
        near = [*range(int(centre) - reach, int(centre) + reach + 1)]
        weights = np.array([_slow_weight(kernel, (centre - j) * shrink) for j in near])
        values = np.array([mirrored[origin + j] for j in near])
        out[i] = (weights * values).sum() / weights.sum()
    return out


@given(
    size=st.integers(1, 40),
    new_size=st.integers(1, 40),
    kernel=st.sampled_from(["bicubic", "lanczos"]),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_resize_equals_the_slow_formula(size, new_size, kernel, seed):
    line = np.random.default_rng(seed).uniform(0, 255, size)
    fast = resize(line[:, None], new_size, 1, kernel)[:, 0]
    np.testing.assert_allclose(fast, _slow_line(line, new_size, kernel), atol=1e-9)


def test_bicubic_weights_by_hand():
    # Doubling: the new samples lie 1/4 and 3/4 between old ones.
    line = np.zeros((9, 1))
    line[4] = 1.0
    doubled = resize(line, 18, 1)[:, 0]
    expected = [-0.0234375, -0.0703125, 0.2265625, 0.8671875]
    np.testing.assert_array_equal(doubled[5:9], expected)
    np.testing.assert_array_equal(doubled[9:13], expected[::-1])
    # Quartering an impulse: a quarter of the kernel at 1/8, 3/8, …
    line = np.zeros((40, 1))
    line[18] = 1.0
    quarter = resize(line, 10, 1)[:, 0]
    assert quarter[4] == (1.5 * 0.125**3 - 2.5 * 0.125**2 + 1) / 4


def test_edges_repeat_the_edge_sample():
    # Sample 0 of [a, b, b, …] doubled: (b, a | a, b) around the mirror.
    doubled = resize(np.array([[8.0], [0.0], [0.0], [0.0]]), 8, 1)[:, 0]
    assert doubled[0] == 8.0 * (0.8671875 + 0.2265625)


@pytest.mark.parametrize("kernel", KERNELS)
@given(
    size=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    new_size=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    level=st.integers(0, 255),
)
@settings(max_examples=30, deadline=None)
def test_flat_stays_flat(kernel, size, new_size, level):
    flat = np.full((*size, 3), level, np.uint8)
    result = resize(flat, *new_size, kernel)
    assert result.shape == (*new_size, 3)
    np.testing.assert_allclose(result, level, atol=1e-9)


@pytest.mark.parametrize("new_size", [16, 32, 96, 256])
def test_bicubic_keeps_a_ramp_straight(new_size):
    ramp = np.arange(64.0)[None, :] * 3.0
    result = resize(ramp, 1, new_size)[0]
    centres = ((np.arange(new_size) + 0.5) * 64 / new_size - 0.5) * 3.0
    inside = slice(new_size // 8, -new_size // 8)
    np.testing.assert_allclose(result[inside], centres[inside], atol=1e-9)


@pytest.mark.parametrize("kernel", KERNELS)
def test_axes_and_channels_are_treated_alike(kernel):
    image = np.random.default_rng(1).uniform(0, 255, (21, 34, 3))
    result = resize(image, 9, 50, kernel)
    turned = resize(image.swapaxes(0, 1), 50, 9, kernel).swapaxes(0, 1)
    np.testing.assert_allclose(turned, result, atol=1e-9)
    for channel in range(3):
        alone = resize(image[:, :, channel], 9, 50, kernel)
        np.testing.assert_allclose(alone, result[:, :, channel], atol=1e-9)


@pytest.mark.parametrize("kernel", ["bicubic", "lanczos"])
def test_flipping_commutes(kernel):
    image = np.random.default_rng(2).uniform(0, 255, (24, 36))
    flipped = resize(image[::-1, ::-1], 6, 9, kernel)[::-1, ::-1]
    np.testing.assert_allclose(flipped, resize(image, 6, 9, kernel), atol=1e-9)


def test_nearest_repeats_samples():
    image = np.random.default_rng(3).integers(0, 256, (5, 7, 3), np.uint8)
    expected = image.repeat(4, axis=0).repeat(4, axis=1)
    np.testing.assert_array_equal(resize(image, 20, 28, "nearest"), expected)


def test_nearest_never_averages():
    image = np.random.default_rng(4).integers(0, 256, (15, 21), np.uint8)
    np.testing.assert_array_equal(resize(image, 5, 7, "nearest"), image[1::3, 1::3])


def test_pillow_agrees_inside():
    image = np.random.default_rng(5).integers(0, 256, (120, 160, 3), np.uint8)
    ours = downscale(image, 4).astype(int)
    size = (40, 30)
    theirs = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
    # Pillow cuts the kernel off at the edges instead of mirroring.
    inside = np.s_[2:-2, 2:-2]
    assert np.abs(ours - theirs)[inside].max() <= 1


def test_to_uint8_rounds_half_up_and_clips():
    values = np.array([-3.0, 0.49, 0.5, 1.5, 2.5, 254.5, 255.4, 300.0])
    before = values.copy()
    np.testing.assert_array_equal(to_uint8(values), [0, 0, 1, 2, 3, 255, 255, 255])
    np.testing.assert_array_equal(values, before)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 5))
def test_crop_keeps_the_top_left(height, width, scale):
    image = np.arange(height * width).reshape(height, width).astype(np.uint8)
    cropped = crop_to_multiple(image, scale)
    assert cropped.shape[0] % scale == cropped.shape[1] % scale == 0
    assert height - cropped.shape[0] < scale
    assert width - cropped.shape[1] < scale
    np.testing.assert_array_equal(cropped, image[: len(cropped), : cropped.shape[1]])


@pytest.mark.parametrize("channels", [1, 3])
def test_downscale_is_small_8_bit_and_compact(channels):
    image = np.random.default_rng(6).integers(0, 256, (24, 36, channels), np.uint8)
    small = downscale(image, 4)
    assert small.shape == (6, 9, channels)
    assert small.dtype == np.uint8
    assert small.flags.c_contiguous


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    channels=st.sampled_from([(), (1,), (3,)]),
    scale=st.sampled_from([2, 4]),
    steep=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_the_short_cut_gives_the_same_bytes(size, channels, scale, steep, seed):
    shape = (size[0] * scale, size[1] * scale, *channels)
    image = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    if steep:  # so that sums overshoot as far as they can
        image = np.where(image > 127, 255, 0).astype(np.uint8)
    for view in (image, image[::-1, ::-1]):
        np.testing.assert_array_equal(
            downscale(view, scale), to_uint8(resize(view, *size))
        )
