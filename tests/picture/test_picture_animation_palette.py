"""The 256 colours that stand for all others."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sr_cli.picture.animation.quantising import (
    Palette,
    dithered,
    error,
    exact,
    fitted,
    located,
)

RNG = np.random.default_rng(7)
BLACK = Palette(np.zeros((1, 3), np.uint8))
FEW = arrays(np.uint8, st.tuples(st.integers(1, 60), st.just(3)))


@pytest.fixture(scope="module")
def gradient() -> np.ndarray:
    y, x = np.mgrid[:128, :128]
    return np.dstack([2 * x, 2 * y, x + y]).astype(np.uint8)


class TestExact:
    @settings(deadline=None, max_examples=30)
    @given(FEW, st.integers(1, 256))
    def test_has_every_colour_or_there_is_none(
        self, colours: np.ndarray, most: int
    ) -> None:
        different = len(np.unique(colours, axis=0))
        palette = exact(colours, most, BLACK)
        if palette is None:
            assert different > most
            return
        assert len(palette.colours) == different <= most
        indices, there = located(colours, palette.colours)
        assert there.all()
        assert np.array_equal(palette.colours[indices], colours)

    def test_the_one_at_hand_is_kept(self) -> None:
        whole = exact(RNG.integers(0, 256, (90, 3), dtype=np.uint8), 256, BLACK)
        assert whole is not None
        assert exact(whole.colours[::7], 90, at_hand=whole) is whole
        assert exact(whole.colours[::7], 89, at_hand=whole) is not whole

    def test_rare_colours_are_found(self) -> None:
        colours = np.zeros((100_000, 3), np.uint8)
        colours[77_777] = 1, 2, 3
        assert exact(colours, 1, BLACK) is None


class TestFitted:
    def test_is_close(self, gradient: np.ndarray) -> None:
        colours = gradient.reshape(-1, 3)
        palette = fitted(colours, 255)
        assert len(palette.colours) <= 255
        assert palette.error == pytest.approx(error(colours, palette.colours))
        regular = np.stack(np.meshgrid(*[np.arange(21, 256, 42)] * 3), axis=3)
        assert palette.error < error(colours, regular.reshape(-1, 3)) / 4

    @settings(deadline=None, max_examples=30)
    @given(FEW, st.integers(1, 20))
    def test_never_more_than_allowed(self, colours: np.ndarray, most: int) -> None:
        palette = fitted(colours, most)
        assert 1 <= len(palette.colours) <= most
        codes = palette.colours.astype(int) @ [65_536, 256, 1]
        assert np.all(np.diff(codes) > 0)

    def test_colours_far_apart_are_all_there(self) -> None:
        apart = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [255, 255, 255]])
        colours = apart[RNG.integers(0, 4, 5000)].astype(np.uint8)
        palette = fitted(colours, 4)
        assert error(colours, palette.colours) == palette.error == 0


class TestDithered:
    def test_the_mean_is_kept(self) -> None:
        palette = np.array([[0, 0, 0], [255, 255, 255]], np.uint8)
        for level in (30, 128, 200):
            indices = dithered(np.full((64, 64, 3), level, np.uint8), palette)
            assert 255 * indices.mean() == pytest.approx(level, abs=4)

    def test_colours_of_the_palette_stay(self) -> None:
        palette = np.unique(RNG.integers(0, 64, (200, 3)) * 4, axis=0).astype(np.uint8)
        indices = RNG.integers(0, len(palette), (30, 40)).astype(np.uint8)
        assert np.array_equal(dithered(palette[indices], palette), indices)
