"""Transparency is enlarged without new holes, veils or halos."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sr_cli.transparency import among_neighbours, with_alpha


def enlarge(plane, show):
    show(1, 2)
    show(2, 2)
    high = plane.repeat(2, axis=0).repeat(2, axis=1)
    yield high[:1]
    yield high[1:]


def test_colours_and_alpha_come_together():
    colours = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    alpha = np.array([[0, 9, 99, 255]] * 2, np.uint8)
    seen = []
    bands = list(
        with_alpha(colours, alpha, enlarge, enlarge, lambda *x: seen.append(x))
    )
    assert [len(band) for band in bands] == [1, 3]
    whole = np.concatenate(bands)
    np.testing.assert_array_equal(whole[::2, ::2, :3], colours)
    np.testing.assert_array_equal(whole[::2, ::2, 3], alpha)
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_one_opacity_is_not_computed():
    def never(*_):
        raise AssertionError

    colours = np.zeros((2, 4, 3), np.uint16)
    alpha = np.full((2, 4), 40_000, np.uint16)
    whole = np.concatenate(
        list(with_alpha(colours, alpha, enlarge, never, lambda *_: None))
    )
    assert whole.dtype == np.uint16
    assert (whole[:, :, 3] == 40_000).all()


@given(arrays(np.uint8, (5, 6, 1)), st.integers(1, 4), st.integers(0, 99))
def test_no_value_leaves_its_neighbourhood(low, scale, seed):
    shape = (5 * scale, 6 * scale, 1)
    high = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    before = high.copy()
    among_neighbours(low, high)
    for row, column in np.ndindex(5, 6):
        around = low[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        place = (
            slice(row * scale, (row + 1) * scale),
            slice(column * scale, (column + 1) * scale),
        )
        expected = np.clip(before[place], around.min(), around.max())
        np.testing.assert_array_equal(high[place], expected)
