"""Against scikit-image, SciPy, PyTorch and statistics of many draws."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import gaussian_filter
from torch.nn.functional import interpolate

from sr_cli import picture
from sr_cli.degradations import DEGRADATIONS, Recipe, degrade
from sr_cli.degradations.blur import RADIUS, Blur, blur, kernel
from sr_cli.degradations.noise import Noise, poisson_noise
from sr_cli.degradations.recipes import EitherOrder
from sr_cli.degradations.recompression import Jpeg
from sr_cli.degradations.resampling import (
    KERNELS,
    Reduce,
    ReduceBicubic,
    Resize,
    resample,
)
from sr_cli.degrade import downscale

NAMES = sorted(DEGRADATIONS)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    random = np.random.default_rng(0)
    y, x = np.mgrid[:80, :96] / 96.0
    waves = np.sin(np.stack([(9 + k) * x + (7 - k) * y for k in range(3)], axis=2))
    pixels = 128 + 80 * waves + random.normal(0, 8, waves.shape)
    return pixels.clip(0, 255).astype(np.uint8)


def fresh(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(
    name=st.sampled_from(NAMES),
    size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    scale=st.sampled_from([2, 4]),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=60, deadline=None)
def test_any_picture_gets_smaller_and_the_same_each_time(name, size, scale, seed):
    shape = (size[0] * scale, size[1] * scale, 3)
    high = fresh(seed).integers(0, 256, shape, np.uint8)
    before = high.copy()
    low = degrade(high, DEGRADATIONS[name], fresh(seed), scale)
    assert low.shape == (*size, 3)
    assert low.dtype == np.uint8
    again = degrade(high, DEGRADATIONS[name], fresh(seed), scale)
    np.testing.assert_array_equal(low, again)
    np.testing.assert_array_equal(high, before)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "bicubic"])
def test_seeds_differ(photo, name):
    seen = {degrade(photo, DEGRADATIONS[name], fresh(s)).tobytes() for s in range(6)}
    assert len(seen) == 6


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([2, 4]))
@settings(max_examples=30, deadline=None)
def test_bicubic_is_the_literatures(height, width, scale):
    shape = (height * scale, width * scale, 3)
    high = fresh(height + width).integers(0, 256, shape, np.uint8)
    low = degrade(high, DEGRADATIONS["bicubic"], fresh(), scale)
    np.testing.assert_array_equal(low, downscale(high, scale))


@pytest.mark.parametrize("name", [n for n in NAMES if n != "bicubic"])
def test_nothing_is_shifted_or_brightened(name):
    """Over many draws, low resolution lies where bicubic reduction puts it."""
    y, x = np.mgrid[:96, :96]
    spot = 60 + 140 * np.exp(-((y - 40.5) ** 2 + (x - 55.5) ** 2) / (2 * 9.0**2))
    high = np.repeat(np.rint(spot).astype(np.uint8)[:, :, None], 3, axis=2)
    expected = downscale(high, 4).astype(float)
    draws = [degrade(high, DEGRADATIONS[name], fresh(seed)) for seed in range(60)]
    mean = np.mean(draws, axis=0)
    assert abs(mean.mean() - expected.mean()) < 1.5

    def centre(image: np.ndarray) -> np.ndarray:
        weight = (image.mean(axis=2) - 60).clip(0)
        rows, columns = np.mgrid[:24, :24]
        return np.array([(weight * g).sum() / weight.sum() for g in (rows, columns)])

    np.testing.assert_allclose(centre(mean), centre(expected), atol=0.15)


@pytest.mark.parametrize("sigma", [0.7, 1.5, 2.4])
def test_round_gaussians_equal_scipys(photo, sigma):
    ours = blur(photo.astype(np.float32), kernel((sigma, sigma)))
    theirs = gaussian_filter(photo.astype(float), (sigma, sigma, 0), radius=RADIUS)
    # A pixel has the weight of its centre, in both.
    np.testing.assert_allclose(ours, theirs, atol=0.01)


@given(
    along=st.floats(0.2, 3.0),
    across=st.floats(0.2, 3.0),
    angle=st.floats(0, np.pi),
    form=st.sampled_from(["gaussian", "generalized", "plateau"]),
    beta=st.floats(0.5, 4.0),
)
@settings(max_examples=40, deadline=None)
def test_kernels_add_up_to_one_and_do_not_shift(along, across, angle, form, beta):
    weight = kernel((along, across), angle, form, beta)
    assert weight.shape == (2 * RADIUS + 1, 2 * RADIUS + 1)
    assert weight.min() >= 0
    assert weight.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(weight, weight[::-1, ::-1], atol=1e-6)
    turned = kernel((across, along), angle + np.pi / 2, form, beta)
    np.testing.assert_allclose(weight, turned, atol=1e-6)


def test_a_long_kernel_lies_at_its_angle():
    y, x = np.mgrid[-RADIUS : RADIUS + 1, -RADIUS : RADIUS + 1]
    for angle in (0.0, 0.4, 1.2, 2.5):
        weight = kernel((3.0, 1.0), angle)
        moments = [[(weight * a * b).sum() for a in (x, y)] for b in (x, y)]
        lengths, axes = np.linalg.eigh(moments)
        np.testing.assert_allclose(np.sqrt(lengths), [1.0, 3.0], rtol=0.03)
        direction = np.array([np.cos(angle), np.sin(angle)])
        assert abs(axes[:, 1] @ direction) == pytest.approx(1, abs=1e-4)


def test_forms_have_the_tails_they_are_for():
    def far(**how: object) -> float:
        weight = kernel((2.0, 2.0), **how)
        return float(weight[RADIUS, -1] / weight[RADIUS, RADIUS])

    gaussian = far()
    assert far(form="generalized", beta=1.0) == pytest.approx(gaussian)
    assert far(form="generalized", beta=0.6) > 10 * gaussian
    assert far(form="generalized", beta=2.0) < gaussian / 10
    assert far(form="plateau", beta=1.0) == pytest.approx(1 / (1 + 5**2))


def mirrored(size: int) -> np.ndarray:
    """Which sample lies at -RADIUS, …, size - 1 + RADIUS."""
    index = np.arange(-RADIUS, size + RADIUS) % (2 * size)
    return np.minimum(index, 2 * size - 1 - index)


@given(size=st.tuples(st.integers(1, 40), st.integers(1, 40)))
@settings(max_examples=15, deadline=None)
def test_blur_is_a_convolution_with_mirrored_edges(size):
    image = fresh().uniform(0, 255, (*size, 2)).astype(np.float32)
    weight = kernel((2.5, 0.8), 0.6)
    wide = image[np.ix_(mirrored(size[0]), mirrored(size[1]))]
    windows = sliding_window_view(wide, weight.shape, axis=(0, 1))
    expected = np.einsum("yxcij,ij->yxc", windows, weight[::-1, ::-1])
    np.testing.assert_allclose(blur(image, weight), expected, atol=2e-3)


def test_blur_spares_as_many_as_it_should(photo):
    step, image = Blur((0.5, 3.0), chance=0.8), photo.astype(np.float32)
    spared = sum(step(image, fresh(seed), (20, 24)) is image for seed in range(100))
    assert 8 <= spared <= 34


def noise_of(step: Noise, level: float, seed: int) -> np.ndarray:
    flat = np.full((120, 120, 3), level, np.float32)
    return step(flat, fresh(seed), (30, 30)) - flat


@pytest.mark.parametrize("gray", [0.0, 1.0])
@pytest.mark.parametrize("level", [100.0, 128.0])
def test_gaussian_noise_has_its_deviation(gray, level):
    noise = noise_of(Noise((9.0, 9.0), (1.0, 1.0), gaussian=1.0, gray=gray), level, 3)
    assert noise.std() == pytest.approx(9.0, rel=0.03)
    assert abs(noise.mean()) < 0.3
    assert (np.ptp(noise, axis=2).max() < 1e-4) == bool(gray)


@pytest.mark.parametrize("level", [1.0, 5.0, 15.9, 16.0, 60.0, 200.0])
def test_poisson_noise_has_the_deviation_of_counting(level):
    image = np.full((200, 200), level, np.float32)
    noise = poisson_noise(image, 1.0, fresh())
    assert abs(noise.mean()) < 0.02 * level**0.5
    assert noise.var() == pytest.approx(level, rel=0.03)
    if level < 16:  # counts are whole
        np.testing.assert_allclose(noise + level, np.rint(noise + level), atol=1e-4)
    np.testing.assert_array_equal(poisson_noise(image, 2.0, fresh()), 2 * noise)


@pytest.mark.parametrize("gray", [0.0, 1.0])
def test_poisson_noise_goes_to_colours_or_to_all(gray):
    noise = noise_of(Noise((1.0, 1.0), (0.8, 0.8), gaussian=0.0, gray=gray), 100.0, 4)
    assert noise.std() == pytest.approx(8.0, rel=0.03)
    assert (np.ptp(noise, axis=2).max() < 1e-4) == bool(gray)


@pytest.mark.parametrize("gaussian", [0.0, 1.0])
def test_noise_stays_within_8_bits(gaussian):
    step = Noise((30.0, 30.0), (3.0, 3.0), gaussian=gaussian)
    for level in (0.0, 255.0):
        noisy = step(np.full((30, 30, 3), level, np.float32), fresh(), (8, 8))
        assert noisy.min() >= 0
        assert noisy.max() <= 255


MODES = {"area": "area", "linear": "bilinear", "cubic": "bicubic"}


@pytest.mark.parametrize("name", MODES)
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    new_size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
)
@settings(max_examples=30, deadline=None)
def test_resampling_equals_pytorchs(name, size, new_size):
    image = fresh().uniform(0, 255, (*size, 3)).astype(np.float32)
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None]
    theirs = interpolate(tensor, new_size, mode=MODES[name])[0].permute(1, 2, 0)
    ours = resample(image, *new_size, name)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=0.05)


def test_sizes_are_drawn_as_the_recipe_says(photo):
    step = Resize((0.25, 1.5), larger=0.2, smaller=0.7, unit=4)
    image = photo.astype(np.float32)
    draws = [step(image, fresh(seed), (20, 24)) for seed in range(300)]
    factors = np.array([draw.shape[0] / 80 for draw in draws])
    assert all(
        abs(d.shape[1] - 96 * f) <= 1.3 for d, f in zip(draws, factors, strict=True)
    )
    assert factors.min() >= 0.24
    assert factors.max() <= 1.51
    assert np.mean(factors > 1) == pytest.approx(0.2, abs=0.07)
    assert np.mean(factors < 1) == pytest.approx(0.7, abs=0.08)
    assert all(draw.min() >= 0 and draw.max() <= 255 for draw in draws)


def test_jpeg_is_what_a_file_would_hold(photo):
    image = photo.astype(np.float32)
    result = Jpeg((40, 40))(image, fresh(), (20, 24))
    np.testing.assert_array_equal(result, picture.recompress(photo, 40))
    drawn = {Jpeg((30, 32))(image, fresh(s), (20, 24)).tobytes() for s in range(30)}
    expected = {
        picture.recompress(photo, q).astype(np.float32).tobytes() for q in (30, 31, 32)
    }
    assert drawn == expected


def test_either_order_takes_both(photo):
    image = photo.astype(np.float32)
    jpeg, reduce = Jpeg((30, 30)), ReduceBicubic()
    step = EitherOrder(reduce, jpeg)
    seen = {step(image, fresh(seed), (20, 24)).tobytes() for seed in range(20)}
    first = jpeg(reduce(image, fresh(), (20, 24)), fresh(), (20, 24))
    second = reduce(jpeg(image, fresh(), (20, 24)), fresh(), (20, 24))
    assert seen == {first.tobytes(), second.tobytes()}


def test_reducing_takes_every_kernel(photo):
    recipe = Recipe((Reduce(),))
    seen = {degrade(photo, recipe, fresh(seed)).tobytes() for seed in range(40)}
    assert len(seen) == len(KERNELS)


def test_real_is_the_hardest(photo):
    easy = downscale(photo, 4).astype(float)

    def error(name: str) -> float:
        draws = [degrade(photo, DEGRADATIONS[name], fresh(s)) for s in range(25)]
        return float(np.mean([np.abs(draw - easy).mean() for draw in draws]))

    errors = {name: error(name) for name in NAMES}
    assert errors["bicubic"] == 0
    assert max(errors, key=errors.__getitem__) == "real"
    assert all(errors[name] > 0.5 for name in NAMES if name != "bicubic")
