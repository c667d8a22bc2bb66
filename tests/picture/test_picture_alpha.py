"""Bleeding: visible pixels stay, and no fringe appears around them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from sr_cli.picture import bleed

SIZES = st.tuples(st.integers(1, 24), st.integers(1, 24))


@st.composite
def cut_outs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    size = draw(SIZES)
    channels = draw(st.sampled_from([1, 3]))
    kind = np.dtype(draw(st.sampled_from([np.uint8, np.uint16])))
    white = int(np.iinfo(kind).max)
    opacities = st.sampled_from([0, 0, 0, 1, white // 2, white])
    pixels = draw(arrays(kind, (*size, channels)))
    return pixels, draw(arrays(kind, size, elements=opacities))


@settings(max_examples=60, deadline=None)
@given(cut_outs())
def test_visible_pixels_stay_and_no_new_colours_appear(
    cut_out: tuple[np.ndarray, np.ndarray],
) -> None:
    pixels, alpha = cut_out
    filled = bleed(pixels, alpha)
    visible = alpha > 0
    assert filled.shape == pixels.shape
    assert filled.dtype == pixels.dtype
    assert np.array_equal(filled[visible], pixels[visible])
    if visible.any():
        # A mean lies between the colours that it was taken of.
        assert (filled >= pixels[visible].min(axis=0)).all()
        assert (filled <= pixels[visible].max(axis=0)).all()
    else:
        assert np.array_equal(filled, pixels)


@settings(max_examples=30, deadline=None)
@given(SIZES, st.integers(0, 255), st.data())
def test_one_visible_colour_fills_everything(
    size: tuple[int, int], color: int, data: st.DataObject
) -> None:
    alpha = data.draw(arrays(np.uint8, size))
    alpha[-1, 0] = 7
    pixels = np.where(alpha[:, :, None] > 0, np.uint8(color), np.uint8(255 - color))
    assert (bleed(pixels, alpha) == color).all()


@pytest.mark.parametrize("hidden", [0, 255], ids=["dark", "light"])
def test_no_fringe_when_upscaled(hidden: int) -> None:
    y, x = np.mgrid[:48, :48]
    alpha = np.where((x - 24) ** 2 + (y - 24) ** 2 < 300, 255, 0).astype(np.uint8)
    color = np.array([90, 160, 60], np.uint8)
    pixels = np.where(alpha[:, :, None] > 0, color, np.uint8(hidden))

    def upscaled(array: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(array).resize((192, 192), Image.BICUBIC))

    def error_on(ground: int, under: np.ndarray) -> float:
        share = upscaled(alpha)[:, :, None] / 255
        wanted = color * share + ground * (1 - share)
        return float(
            np.abs(upscaled(under) * share + ground * (1 - share) - wanted).max()
        )

    for ground in (0, 255):
        assert error_on(ground, pixels) > 15
        assert error_on(ground, bleed(pixels, alpha)) < 1


def test_colours_come_from_nearby() -> None:
    # The edge lies on the border of every block of the pyramid, its worst case.
    pixels = np.zeros((64, 128, 1), np.uint8)
    pixels[:, :64, 0] = np.linspace(0, 255, 64)
    alpha = np.zeros((64, 128), np.uint8)
    alpha[:, :64] = 255
    assert bleed(pixels, alpha)[:, 64:68].min() > 225


def test_nothing_to_do_costs_nothing() -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    assert bleed(pixels, np.full((4, 4), 9, np.uint8)) is pixels
    assert bleed(pixels, np.zeros((4, 4), np.uint8)) is pixels
