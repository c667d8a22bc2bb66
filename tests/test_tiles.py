"""Geometry: windows cover, overlap, sum to one, and equal the untiled result."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_cli.errors import ConfigError
from sr_cli.tiles import Tiling, spans, sweep


def enlarge(batch: np.ndarray, scale: int) -> np.ndarray:
    return batch.repeat(scale, axis=2).repeat(scale, axis=3)


def local_mean(batch: np.ndarray, reach: int) -> np.ndarray:
    """A network with this reach: zero-padded box sum, as a convolution pads."""
    padded = np.pad(batch, ((0, 0), (0, 0), (reach, reach), (reach, reach)))
    total = np.zeros_like(batch)
    for y in range(2 * reach + 1):
        for x in range(2 * reach + 1):
            total += padded[:, :, y : y + batch.shape[2], x : x + batch.shape[3]]
    return total / (2 * reach + 1) ** 2


@given(
    length=st.integers(1, 2000),
    tile=st.integers(32, 300),
    overlap=st.integers(0, 16),
)
def test_spans_cover_the_axis_with_windows_of_one_size(length, tile, overlap):
    fade = overlap // 4 * 2
    found = spans(length, tile, overlap, fade)
    assert found[0].start == 0
    assert found[-1].stop == length
    assert len({span.stop - span.start for span in found}) == 1
    assert found[0].stop - found[0].start <= tile
    for one, two in itertools.pairwise(found):
        assert one.stop - two.start >= overlap
        assert two.first == one.last - fade
        assert one.stop - one.last >= (overlap - fade) // 2
        assert two.first - two.start >= (overlap - fade) // 2
    total = np.zeros(3 * length)
    for span in found:
        total[3 * span.first : 3 * span.last] += span.weight(3)
    np.testing.assert_allclose(total, 1.0, atol=1e-6)


@settings(deadline=None, max_examples=60)
@given(
    height=st.integers(1, 150),
    width=st.integers(1, 150),
    tile=st.integers(24, 64),
    overlap=st.integers(0, 12),
)
def test_sweep_of_a_pointwise_network_is_the_network(height, width, tile, overlap):
    image = np.random.default_rng(0).random((3, height, width), dtype=np.float32)
    plan = Tiling(tile, overlap).plan(height, width, halo=0)
    seen = []
    bands = list(
        sweep(image, plan, 2, lambda b: enlarge(b, 2), lambda *a: seen.append(a))
    )
    np.testing.assert_allclose(
        np.concatenate(bands, axis=1), enlarge(image[None], 2)[0], atol=1e-6
    )
    assert seen == [(i + 1, len(plan)) for i in range(len(plan))]


@settings(deadline=None, max_examples=25)
@given(height=st.integers(1, 90), width=st.integers(1, 90), reach=st.integers(1, 5))
def test_exact_tiles_equal_the_untiled_result(height, width, reach):
    image = np.random.default_rng(1).random((3, height, width), dtype=np.float32)
    plan = Tiling(16, exact=True).plan(height, width, halo=reach)

    def run(batch: np.ndarray) -> np.ndarray:
        return enlarge(local_mean(batch, reach), 2)

    tiled = np.concatenate(list(sweep(image, plan, 2, run)), axis=1)
    np.testing.assert_allclose(tiled, run(image[None])[0], atol=1e-6)


def test_too_little_overlap_shows_what_exact_is_for():
    image = np.random.default_rng(1).random((3, 64, 64), dtype=np.float32)
    plan = Tiling(32, overlap=0).plan(64, 64, halo=4)

    def run(batch: np.ndarray) -> np.ndarray:
        return local_mean(batch, 4)

    tiled = np.concatenate(list(sweep(image, plan, 1, run)), axis=1)
    assert np.abs(tiled - run(image[None])[0]).max() > 0.1


def test_a_small_picture_is_one_window():
    assert len(Tiling(64).plan(64, 10, halo=40)) == 1


def test_windows_of_a_slightly_larger_picture_are_not_mostly_overlap():
    (one, _) = spans(300, 256, 16, 8)
    assert one.stop - one.start == 160


def test_an_overlap_that_leaves_no_room_is_refused():
    with pytest.raises(ConfigError, match="doesn't fit into tiles of 40"):
        Tiling(40, 30).plan(100, 100, halo=40)
