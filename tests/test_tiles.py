"""Geometry: windows cover, overlap, sum to one, and equal the untiled result."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_cli.errors import ConfigError
from sr_cli.tiles import DEFAULT_OVERLAP, Plan, Tiling, join, spans, windows


def enlarge(image: np.ndarray, scale: int) -> np.ndarray:
    return image.repeat(scale, axis=0).repeat(scale, axis=1)


def local_mean(image: np.ndarray, reach: int) -> np.ndarray:
    """A network with this reach: zero-padded box sum, as a convolution pads."""
    padded = np.pad(image, ((reach, reach), (reach, reach), (0, 0)))
    total = np.zeros_like(image)
    for y in range(2 * reach + 1):
        for x in range(2 * reach + 1):
            total += padded[y : y + image.shape[0], x : x + image.shape[1]]
    return total / (2 * reach + 1) ** 2


def rows_of(image: np.ndarray):
    """Give rows as a file does: each once, from the top."""
    left = image

    def read(count: int) -> np.ndarray:
        nonlocal left
        taken, left = left[:count], left[count:]
        assert len(taken) == count, "asked for rows that the picture doesn't have"
        return taken

    return read


def swept(image: np.ndarray, plan: Plan, scale: int, run) -> np.ndarray:
    results = map(run, windows(rows_of(image), plan))
    return np.concatenate(list(join(results, plan, scale)))


@given(
    length=st.integers(1, 2000),
    tile=st.integers(32, 300),
    overlap=st.integers(0, 16),
)
def test_spans_cover_the_axis_with_windows_of_one_size(length, tile, overlap):
    fade = overlap // 4 * 2
    found = spans(length, tile, overlap, fade)
    assert found[0].start == found[0].first == 0
    assert found[-1].stop == found[-1].last == length
    assert len({span.stop - span.start for span in found}) == 1
    assert found[0].stop - found[0].start <= tile
    for one, two in itertools.pairwise(found):
        assert one.stop - two.start >= overlap
        assert two.first == one.last - fade
        assert one.fade_out == two.fade_in == fade
        assert one.stop - one.last >= (overlap - fade) // 2
        assert two.first - two.start >= (overlap - fade) // 2


sizes = st.tuples(st.integers(1, 150), st.integers(1, 150))


@settings(deadline=None, max_examples=60)
@given(
    size=sizes,
    tile=st.integers(24, 64),
    overlap=st.integers(0, 12),
    kind=st.sampled_from([np.uint8, np.uint16, np.float32]),
)
def test_a_pointwise_network_comes_through_unchanged(size, tile, overlap, kind):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(kind)
    plan = Tiling(tile, overlap).plan(*size, halo=0)
    result = swept(image, plan, 2, lambda window: enlarge(window, 2))
    assert result.dtype == kind
    np.testing.assert_allclose(result, enlarge(image, 2), rtol=1e-6)


@settings(deadline=None, max_examples=40)
@given(
    size=sizes,
    tile=st.integers(24, 64),
    overlap=st.integers(0, 12),
    step=st.integers(1, 9),
)
def test_a_network_of_blocks_comes_through_unchanged_on_their_grid(
    size, tile, overlap, step
):
    def in_blocks(image):
        """Give each place the darkest value of its block."""
        starts = [range(0, length, step) for length in image.shape[:2]]
        for axis, first in enumerate(starts):
            lowest = np.minimum.reduceat(image, list(first), axis=axis)
            image = lowest.repeat(step, axis)[tuple(map(slice, image.shape[:2]))]
        return image

    image = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    plan = Tiling(tile, overlap).plan(*size, halo=0).on_grid(step)
    np.testing.assert_array_equal(swept(image, plan, 1, in_blocks), in_blocks(image))


@settings(deadline=None, max_examples=25)
@given(size=st.tuples(st.integers(1, 90), st.integers(1, 90)), reach=st.integers(1, 5))
def test_exact_tiles_equal_the_untiled_result(size, reach):
    image = np.random.default_rng(1).random((*size, 3), dtype=np.float32)
    plan = Tiling(16, exact=True).plan(*size, halo=reach)

    def run(window: np.ndarray) -> np.ndarray:
        return enlarge(local_mean(window, reach), 2)

    np.testing.assert_allclose(swept(image, plan, 2, run), run(image), atol=1e-6)


def test_too_little_overlap_shows_what_exact_is_for():
    image = np.random.default_rng(1).random((64, 64, 3), dtype=np.float32)
    plan = Tiling(32, overlap=0).plan(64, 64, halo=4)

    def run(window: np.ndarray) -> np.ndarray:
        return local_mean(window, 4)

    assert np.abs(swept(image, plan, 1, run) - run(image)).max() > 0.1


@pytest.mark.parametrize("axis", [0, 1])
def test_windows_that_disagree_are_faded_evenly(axis):
    """Seen by windows that each give another constant: steps of a gentle ramp."""
    size = (40, 200) if axis else (200, 40)
    plan = Tiling(64, overlap=16).plan(*size, halo=0)
    numbers = itertools.count()
    image = np.zeros((*size, 1), np.float32)
    result = swept(
        image, plan, 1, lambda window: np.full_like(window, 80.0 * next(numbers))
    )
    line = result.max(axis=1 - axis)[:, 0]
    steps = np.diff(line)
    assert steps.min() >= 0
    assert steps.max() <= 80 / 8 + 1e-3  # over the middle 8 of the 16
    assert np.isclose(line[-1], 80.0 * (len(plan) - 1))


@settings(deadline=None)
@given(
    height=st.integers(1, 60_000),
    width=st.integers(1, 60_000),
    area=st.integers(2**12, 2**20),
    at_once=st.integers(1, 16),
    exact=st.booleans(),
)
def test_windows_fit_the_area_and_a_row_of_them_the_memory(
    height, width, area, at_once, exact
):
    plan = Tiling(exact=exact).plan(height, width, 40, area, at_once)
    tall, wide = plan.rows[0].stop, plan.columns[0].stop
    least = 320 if exact else 256
    assert tall * wide <= max(area, least**2)
    if len(plan) > 1:
        assert tall * width <= max(3 * 2**20, least * width)


@pytest.mark.parametrize("at_once", [1, 2, 8])
def test_work_per_pixel_is_even_from_4_to_256_megapixels(at_once):
    """The bar of 10 % between 12 and 120 megapixels, in arithmetic alone."""

    def work(height: int, width: int) -> float:
        plan = Tiling().plan(height, width, 40, 819_200 // at_once, at_once)
        window = plan.rows[0].stop * plan.columns[0].stop
        return len(plan) * window / (height * width)

    works = [work(1732 * k, 2309 * k) for k in (1, 2, 4, 5, 8)]
    assert max(works) / min(works) < 1.1


def test_two_workers_get_equal_shares():
    plan = Tiling().plan(768, 1024, 40, 409_600, 2)
    assert len(plan) == 2
    assert (plan.rows[0].stop, plan.columns[0].stop) == (394, 1024)


def test_a_small_picture_is_one_window():
    assert len(Tiling(64).plan(64, 10, halo=40)) == 1
    assert len(Tiling().plan(500, 500, halo=40)) == 1


def test_rows_are_read_only_when_a_window_needs_them():
    plan = Tiling(64, overlap=16).plan(1000, 64, halo=0)
    asked = []

    def read(count: int) -> np.ndarray:
        asked.append(count)
        return np.zeros((count, 64, 3), np.uint8)

    walk = windows(read, plan)
    next(walk)
    assert sum(asked) == plan.rows[0].stop
    for _ in walk:
        pass
    assert sum(asked) == 1000


def test_windows_of_a_slightly_larger_picture_are_not_mostly_overlap():
    (one, _) = spans(300, 256, 16, 8)
    assert one.stop - one.start == 160


def test_an_overlap_that_leaves_no_room_is_refused():
    with pytest.raises(ConfigError, match="doesn't fit into tiles of 40"):
        Tiling(40, 30).plan(100, 100, halo=40)


def test_the_usual_overlap_fits_the_smallest_window():
    assert len(Tiling(overlap=DEFAULT_OVERLAP).plan(600, 600, halo=40, area=1)) == 9
