import numpy as np
import pytest

from sr_cli.bench.quality import BenchPair
from sr_cli.bench.rivals import interpolate
from sr_cli.degrade import downscale
from sr_cli.picture import Picture
from sr_cli.train.strip import GAP, PICTURES, SIDE, assemble, choose_samples


def pair(high: np.ndarray, scale: int = 4) -> BenchPair:
    return BenchPair("photo.png", high, Picture(downscale(high, scale)))


def plain(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.full((height, width, channels), 90, np.uint8)


def busy(seed: int, height: int, width: int, channels: int = 3) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize(("top", "left"), [(0, 0), (100, 8), (60, 208)])
def test_the_place_is_where_the_texture_is(top, left):
    high = plain(292, 400)
    high[top : top + SIDE, left : left + SIDE] = busy(0, SIDE, SIDE)
    (sample,) = choose_samples([pair(high)])
    # Around the texture, ringing of the interpolation counts a little.
    assert abs(sample.rows.start - top) <= 2
    assert abs(sample.columns.start - left) <= 2
    assert sample.truth.shape == (SIDE, SIDE, 3)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_parts_are_those_of_the_whole_pictures(scale):
    one = pair(busy(1, 240, 252), scale)
    (sample,) = choose_samples([one])
    whole = interpolate(one.low, scale, "bicubic").pixels
    assert np.array_equal(sample.bicubic, sample.cut(whole))
    assert np.array_equal(sample.truth, one.high[sample.rows, sample.columns])


def test_a_plain_picture_has_a_place_too():
    (sample,) = choose_samples([pair(plain(200, 200))])
    assert (sample.rows, sample.columns) == (slice(0, SIDE), slice(0, SIDE))


@pytest.mark.parametrize(
    ("count", "numbers"),
    [(1, [0]), (3, [0, 1, 2]), (4, [0, 1, 2, 3]), (24, [0, 8, 15, 23])],
)
def test_pictures_are_spread_over_the_set(count, numbers):
    pairs = [pair(plain(24, 24)) for _ in range(count)]
    assert [sample.number for sample in choose_samples(pairs)] == numbers
    assert len(numbers) <= PICTURES


def test_a_strip_is_bicubic_now_and_truth():
    pairs = [pair(busy(2, 240, 200)), pair(busy(3, 80, 96, 1))]
    samples = choose_samples(pairs)
    now = [np.full(s.truth.shape, 7 + s.number, np.uint8) for s in samples]
    strip = assemble(samples, now)
    assert strip.shape == (2 * SIDE + GAP, 3 * SIDE + 2 * GAP, 3)
    assert strip.dtype == np.uint8
    first = strip[:SIDE]
    assert np.array_equal(first[:, :SIDE], samples[0].bicubic)
    assert (first[:, SIDE : SIDE + GAP] == 255).all()
    assert (first[:, SIDE + GAP : 2 * SIDE + GAP] == 7).all()
    assert np.array_equal(first[:, 2 * (SIDE + GAP) :], samples[0].truth)
    second = strip[SIDE + GAP :]
    assert np.array_equal(
        second[:80, 2 * (SIDE + GAP) :][:, :96, 1], pairs[1].high[..., 0]
    )
    assert (second[80:] == 255).all()
    assert (second[:80, SIDE + GAP :][:, :96] == 8).all()
