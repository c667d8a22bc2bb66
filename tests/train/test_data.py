import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_cli.degradations import DEGRADATIONS, degrade
from sr_cli.degrade import downscale
from sr_cli.errors import DataError
from sr_cli.train.data import Crops, oriented
from sr_cli.train.photos import Pair, load_photos, picture_files

SAMPLINGS = ("texture", "uniform")


def pair_of(high: np.ndarray) -> Pair:
    return Pair(high, downscale(high, 4))


def numbered(height: int, width: int) -> Pair:
    """A photo whose pixels, high and low, say where they are: (y, x) and a mark."""
    y, x = np.mgrid[:height, :width].astype(np.uint8)
    low = np.stack([y, x, np.full_like(y, height)], axis=2)
    y, x = np.mgrid[: 4 * height, : 4 * width].astype(np.uint8)
    high = np.stack([y, x, np.full_like(y, height)], axis=2)
    return Pair(high, low)


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return [numbered(*size) for size in ((16, 30), (9, 8), (20, 8), (33, 17))]


@given(
    seed=st.integers(0, 2**40),
    step=st.integers(0, 10**7),
    sampling=st.sampled_from(SAMPLINGS),
    size=st.integers(4, 8),
)
@settings(max_examples=60, deadline=None)
def test_low_and_high_are_the_same_place_of_a_photo(pairs, seed, step, sampling, size):
    """So low is exactly what `downscale` made of the whole photo, cut out."""
    crops = Crops(pairs, 4 * size, 3, seed, sampling)
    plan = crops.plan(step)
    low, high = crops.batch(step)
    assert (low.shape, high.shape) == ((3, size, size, 3), (3, 4 * size, 4 * size, 3))
    for number in range(3):
        pair = crops.pairs[plan.photo[number]]
        y, x = plan.y[number], plan.x[number]
        height, width = pair.low.shape[:2]
        assert 0 <= y <= height - size
        assert 0 <= x <= width - size
        turn, flip = plan.turns[number], plan.flip[number]
        for scale, whole, crop in ((1, pair.low, low), (4, pair.high, high)):
            place = np.mgrid[
                y * scale : (y + size) * scale, x * scale : (x + size) * scale
            ]
            expected = oriented(whole[tuple(place)], turn, flip)
            np.testing.assert_array_equal(crop[number], expected)


@given(
    step=st.integers(0, 10**6),
    world=st.integers(1, 5),
    batch=st.integers(1, 4),
    sampling=st.sampled_from(SAMPLINGS),
    degradation=st.sampled_from(["bicubic", "noise"]),
)
@settings(max_examples=25, deadline=None)
def test_processes_share_what_one_would_get(
    pairs, step, world, batch, sampling, degradation
):
    one = Crops(pairs, 32, batch * world, 7, sampling, degradation).batch(step)
    # Each process has loaded the photos for itself, and comes from another step.
    parts = []
    for rank in range(world):
        own = Crops(pairs, 32, batch, 7, sampling, degradation)
        own.batch(step + 1, rank, world)
        parts.append(own.batch(step, rank, world))
    for whole, pieces in zip(one, zip(*parts, strict=True), strict=True):
        np.testing.assert_array_equal(whole, np.concatenate(pieces))


@pytest.mark.parametrize("degradation", ["bicubic", "real"])
def test_a_batch_depends_only_on_seed_and_step(photos, degradation):
    def fresh(seed: int) -> Crops:
        pairs = load_photos(picture_files(photos)).pairs
        return Crops(pairs, 32, 2, seed, degradation=degradation)

    crops, again, other = fresh(0), fresh(0), fresh(1)
    for step in (5, 0, 5):
        for ours, theirs in zip(crops.batch(step), again.batch(step), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert not np.array_equal(crops.batch(0)[1], other.batch(0)[1])
    assert not np.array_equal(crops.batch(0)[1], crops.batch(1)[1])


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_every_turn_and_flip_occurs_equally(sampling):
    high = np.zeros((32, 32, 3), np.uint8)
    high[:4, :8] = 255  # an L that all eight symmetries move
    high[:8, :4] = 128
    crops = Crops([pair_of(high)], 32, 400, 0, sampling)
    seen, counts = np.unique(crops.batch(0)[1], axis=0, return_counts=True)
    turned = [np.rot90(high, k) for k in range(4)]
    expected = {t.tobytes() for k in turned for t in (k, k[:, ::-1])}
    assert {crop.tobytes() for crop in seen} == expected
    assert ((counts - 50) ** 2 / 50).sum() < 24.3  # chi-square, 7 degrees, p = 0.001


def test_uniform_is_uniform_over_photos_and_over_places():
    pairs = [numbered(9, 10), numbered(12, 8), numbered(30, 40)]
    plan = Crops(pairs, 32, 30_000, 0, "uniform").plan(0)
    counts = np.bincount(plan.photo, minlength=3)
    assert ((counts - 1e4) ** 2 / 1e4).sum() < 13.8  # 2 degrees of freedom, p = 0.001
    for photo, (rows, columns) in enumerate([(2, 3), (5, 1), (23, 33)]):
        mine = plan.photo == photo
        cells = np.bincount(plan.y[mine] * columns + plan.x[mine])
        assert cells.size == rows * columns
        expected = mine.sum() / cells.size
        freedom = cells.size - 1
        # The chi-square distribution's 0.999 quantile (Wilson and Hilferty, 1931).
        part = 2 / (9 * freedom)
        most = freedom * (1 - part + 3.09 * part**0.5) ** 3
        assert ((cells - expected) ** 2 / expected).sum() < most


def slow_texture(low: np.ndarray, y: int, x: int, size: int) -> float:
    gray = low.astype(float).mean(axis=2)
    total = 0.0
    for row in range(y, y + size):
        for column in range(x, x + size):
            if column:
                total += abs(gray[row, column] - gray[row, column - 1])
            if row:
                total += abs(gray[row, column] - gray[row - 1, column])
    return total / size**2


def test_textured_places_are_drawn_by_their_gradient():
    random = np.random.default_rng(0)
    pairs = [
        pair_of(random.integers(0, 256, (4 * h, 4 * w, 3), np.uint8) // divisor)
        for h, w, divisor in ((8, 16, 2), (16, 8, 20))
    ]
    plan = Crops(pairs, 32, 20_000, 0, "texture").plan(0)
    # Two cells each: all places of 0 to 7, and the last, 8.
    cell = 2 * plan.photo + (plan.y + plan.x) // 8
    counts = np.bincount(cell, minlength=4)
    places = [(0, 0, 0), (0, 0, 8), (1, 0, 0), (1, 8, 0)]
    weights = np.array([slow_texture(pairs[p].low, y, x, 8) + 4 for p, y, x in places])
    expected = weights / weights.sum() * len(plan)
    assert ((counts - expected) ** 2 / expected).sum() < 16.3  # 3 degrees, p = 0.001


def test_textured_places_are_favoured_and_flat_ones_kept():
    random = np.random.default_rng(0)
    high = np.full((128, 512, 3), 100, np.uint8)
    high[:, :128] = random.integers(0, 256, (128, 128, 3))
    crops = Crops([pair_of(high)], 32, 50, seed=0)
    spread = np.concatenate([crops.batch(s)[1].std(axis=(1, 2, 3)) for s in range(10)])
    busy = np.mean(spread > 10.0)
    assert 0.5 < busy < 0.97  # a third of the places


def test_photos_smaller_than_a_crop_are_left_out(pairs):
    assert Crops(pairs, 32, 2, seed=0).photos == 4
    assert Crops(pairs, 36, 2, seed=0).photos == 2
    with pytest.raises(DataError, match="No photo is as large as the 80×80"):
        Crops(pairs, 80, 2, seed=0)


def test_degraded_crops_have_real_surroundings():
    """A photo of stripes, blurred: with mirrored edges a crop would show them."""
    high = np.zeros((256, 256, 3), np.uint8)
    high[:, ::64] = 255
    crops = Crops([pair_of(high)], 64, 8, 0, "uniform", "blur")
    plan = crops.plan(0)
    for step in range(3):
        plan = crops.plan(step)
        for low, turns, flip in zip(
            crops.batch(step)[0], plan.turns, plan.flip, strict=True
        ):
            back = np.rot90(low[:, ::-1] if flip else low, -turns).astype(int)
            assert np.ptp(back, axis=0).max() <= 1  # each column is one colour


def test_a_crop_of_a_whole_photo_is_degraded_as_that(photos):
    pair = load_photos(picture_files(photos)).pairs[0]
    high = np.ascontiguousarray(pair.high[:32, :32])
    crops = Crops([pair_of(high)], 32, 1, 3, "uniform", "noise")
    (low,), _ = crops.batch(4)
    plan = crops.plan(4)
    random = np.random.default_rng([3, 4, 1])
    random.integers(4, 12, size=2)  # how far to look beyond, in vain here
    expected = degrade(high, DEGRADATIONS["noise"], random)
    np.testing.assert_array_equal(low, oriented(expected, plan.turns[0], plan.flip[0]))


def test_crops_of_a_read_only_photo(pairs):
    frozen = [Pair(pair.high.copy(), pair.low.copy()) for pair in pairs]
    for pair in frozen:
        pair.high.flags.writeable = pair.low.flags.writeable = False
    low, high = Crops(frozen, 32, 2, seed=0).batch(0)
    assert low.flags.writeable
    assert high.flags.writeable
