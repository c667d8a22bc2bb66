"""One pipeline for every size, depth and colour, against the network itself."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from sr_cli.degrade import downscale, resize
from sr_cli.engines import EngineChoice
from sr_cli.enlarge import Recipe, enlarged
from sr_cli.enlarge.sizing import Sizing
from sr_cli.picture import Picture, PictureSource
from sr_cli.tiles import Tiling
from sr_cli.upscale import Upscaler


@pytest.fixture
def upscaler(tiny_network):
    return Upscaler(
        tiny_network, EngineChoice("onnxruntime", "cpu"), Tiling(exact=True)
    )


def photo(height=30, width=40, channels=3, depth=8, seed=0):
    white = 2**depth - 1
    coarse = np.random.default_rng(seed).random((5, 6, channels))
    smooth = np.clip(resize(coarse, height, width), 0, 1)
    return np.round(smooth * white).astype(f"uint{depth}")


def run(picture, upscaler, recipe):
    header, bands = enlarged(PictureSource(picture), upscaler, recipe)
    result = np.concatenate(list(bands))
    assert result.dtype == header.dtype
    assert result.shape == (header.height, header.width, header.samples)
    return header, result


def through_network(upscaler, floats):
    planes = np.ascontiguousarray(floats.transpose(2, 0, 1)[None], np.float32)
    return upscaler.engine(planes)[0].transpose(1, 2, 0)


def stored(floats, depth=8):
    white = 2**depth - 1
    return np.floor(np.clip(floats, 0, 1) * white + 0.5).astype(f"uint{depth}")


def sized(**wish):
    return Recipe(sizing=Sizing(**wish))


def test_the_short_way_is_the_upscalers(upscaler):
    picture = Picture(photo(), icc=None, dpi=(300.0, 300.0))
    header, result = run(picture, upscaler, Recipe())
    np.testing.assert_array_equal(result, upscaler.upscale(picture).pixels)
    assert (header.height, header.width, header.dpi) == (120, 160, (300.0, 300.0))


@pytest.mark.parametrize("factor", ["2", "3", "1.7", "3.7"])
def test_any_factor_is_resampled_once_from_floats(upscaler, factor):
    pixels = photo()
    _, result = run(Picture(pixels), upscaler, sized(scale=Fraction(factor)))
    large = through_network(upscaler, pixels / np.float32(255))
    expected = stored(resize(large, *result.shape[:2]))
    assert np.abs(result.astype(int) - expected).max() <= 1
    assert (result == expected).mean() > 0.999
    rounded_first = stored(resize(stored(large) / 255, *result.shape[:2]))
    assert (result == expected).sum() > (result == rounded_first).sum()


def test_large_factors_take_several_passes(upscaler):
    pixels = photo(11, 9)
    _, result = run(Picture(pixels), upscaler, sized(scale=Fraction(8)))
    once = through_network(upscaler, pixels / np.float32(255))
    twice = through_network(upscaler, once)
    expected = stored(resize(twice, 88, 72))
    assert np.abs(result.astype(int) - expected).max() <= 1


def test_a_smaller_size_needs_no_network(upscaler):
    pixels = photo()
    _, result = run(Picture(pixels), upscaler, sized(width=20, height=10))
    expected = stored(resize(pixels / 255, 10, 20))
    assert np.abs(result.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_stay_16(upscaler, channels):
    pixels = photo(channels=channels, depth=16)
    header, result = run(Picture(pixels), upscaler, Recipe())
    assert header.depth == 16
    floats = np.repeat(pixels, 3 // channels, axis=2) / np.float32(65535)
    large = through_network(upscaler, floats)
    expected = large if channels == 3 else large.mean(axis=2, keepdims=True)
    difference = result.astype(int) - stored(expected, 16)
    assert np.abs(difference).max() <= 2
    assert len(np.unique(result)) > 300


def test_16_bits_are_computed_in_float32(tiny_network):
    said = []
    choice = EngineChoice("openvino", "cpu")
    upscaler = Upscaler(tiny_network, choice, say=said.append)
    exact = Upscaler(tiny_network, replace(choice, precision="float32"))
    picture = Picture(photo(depth=16))
    np.testing.assert_array_equal(
        run(picture, upscaler, Recipe())[1], run(picture, exact, Recipe())[1]
    )


def test_what_the_target_cannot_hold_is_rounded_once(upscaler):
    pixels = photo(depth=16)
    header, result = run(Picture(pixels), upscaler, Recipe(depth=8))
    assert header.depth == 8
    large = through_network(upscaler, pixels / np.float32(65535))
    assert np.abs(result.astype(int) - stored(large)).max() <= 1
    assert (result == stored(large)).mean() > 0.999


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("factor", ["4", "2.5"])
def test_what_is_transparent_stays_so(upscaler, depth, factor):
    white = 2**depth - 1
    alpha = np.zeros((30, 40), f"uint{depth}")
    alpha[8:20, 10:30] = white
    alpha[12:16, 14:20] = white // 3
    picture = Picture(photo(depth=depth), alpha)
    _, result = run(picture, upscaler, sized(scale=Fraction(factor)))
    large, f = result[:, :, 3], float(Fraction(factor))
    clear = np.ones(large.shape, bool)
    clear[int(6 * f) : int(22 * f) + 1, int(8 * f) : int(32 * f) + 1] = False
    assert (large[clear] == 0).all()
    inside = large[int(17.5 * f) : int(18.5 * f), int(22 * f) : int(27 * f)]
    assert (inside == white).all()


def test_a_faithful_result_gives_the_input_again(tiny_network):
    # Forced into tiles, for seams must not break the promise.
    upscaler = Upscaler(
        tiny_network, EngineChoice("onnxruntime", "cpu"), Tiling(tile=48)
    )
    pixels = photo(100, 90)
    pixels = (pixels // 2 + 60).astype(np.uint8)
    plain, result = (
        run(Picture(pixels), upscaler, Recipe(faithful=yes))[1] for yes in (False, True)
    )
    assert np.abs(downscale(result, 4).astype(int) - pixels).max() <= 1
    assert np.abs(downscale(plain, 4).astype(int) - pixels).max() > 1


def test_the_ensemble_averages_eight_positions(upscaler):
    pixels = photo(20, 24)
    _, result = run(Picture(pixels), upscaler, Recipe(ensemble=True))
    total = np.zeros((80, 96, 3))
    for turns in range(4):
        for step in (1, -1):
            low = np.rot90(pixels[:, ::step], turns) / np.float32(255)
            high = np.rot90(through_network(upscaler, low), -turns)
            total += high[:, ::step]
    assert np.abs(result.astype(int) - stored(total / 8)).max() <= 1
    plain = run(Picture(pixels), upscaler, Recipe())[1]
    assert (result != plain).any()


def test_progress_counts_to_the_end(upscaler):
    seen = []
    source = PictureSource(Picture(photo(depth=16)))
    _, bands = enlarged(source, upscaler, Recipe(), lambda *x: seen.append(x))
    list(bands)
    assert seen
    assert seen[-1][0] == seen[-1][1]


@pytest.mark.parametrize("depth", [8, 16])
def test_inks_are_enlarged_as_stored(upscaler, depth):
    inks = photo(channels=4, depth=depth)
    _, result = run(Picture(inks), upscaler, Recipe())
    bare = 1 - inks / np.float32(2**depth - 1)
    colours = through_network(upscaler, bare[:, :, :3])
    black = through_network(upscaler, bare[:, :, 3:].repeat(3, axis=2)).mean(axis=2)
    expected = stored(np.dstack([colours, black]), depth).astype(int)
    assert np.abs(2**depth - 1 - result.astype(int) - expected).max() <= 2
