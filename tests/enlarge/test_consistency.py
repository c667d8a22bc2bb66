"""A faithful result, made smaller, is its input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_cli.degrade import downscale, resize
from sr_cli.enlarge.consistency import faithful


def smooth(height, width, seed=0):
    """A picture that leaves room below white and above black."""
    coarse = np.random.default_rng(seed).random((3, 4, 3))
    return np.clip(resize(coarse, height, width) * 0.6 + 0.2, 0.1, 0.9).astype(
        np.float32
    )


def noisy(scale):
    def run(low):
        height, width = (side * scale for side in low.shape[:2])
        noise = np.random.default_rng(1).normal(0, 0.05, (height, width, 3))
        return (resize(low, height, width) + noise).astype(np.float32)

    return run


def levels(values):
    return np.floor(np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([2, 3, 4]))
def test_the_input_comes_back(height, width, scale):
    low = smooth(height, width)
    before, after = noisy(scale)(low), faithful(noisy(scale))(low)
    back = downscale(levels(after), scale).astype(int)
    assert np.abs(back - levels(low)).max() <= 1
    if height * width > 100:
        assert np.abs(downscale(levels(before), scale) - levels(low)).max() > 1


def test_no_smaller_correction_does_it():
    low, run = smooth(40, 44), noisy(4)
    correction = (faithful(run)(low) - run(low))[..., 0]
    down, across = (resize(np.eye(4 * n), n, 4 * n) for n in (40, 44))
    error = low[..., 0] - down @ run(low)[..., 0] @ across.T
    least = np.linalg.pinv(down) @ error @ np.linalg.pinv(across).T
    # At the edges the mirrored filter is not the least one, but close to it.
    inside = (slice(24, -24),) * 2
    np.testing.assert_allclose(correction[inside], least[inside], atol=1e-4)
    assert np.linalg.norm(correction) < 1.1 * np.linalg.norm(least)


def test_what_cannot_be_met_is_approached():
    # No picture between black and white becomes so hard an edge when made smaller.
    low = np.zeros((20, 20, 3), np.float32)
    low[5:15, 5:15] = 1.0
    before, after = noisy(4)(low), faithful(noisy(4))(low)
    assert after.min() >= 0
    assert after.max() <= 1
    was, now = (
        np.abs(downscale(levels(x), 4).astype(int) - levels(low)).mean()
        for x in (before, after)
    )
    assert now < 0.8 * was


@pytest.mark.parametrize("extreme", [-0.3, 1.4])
def test_colours_outside_srgb_are_not_cut_off(extreme):
    low = smooth(12, 12)
    low[4:8, 4:8] = extreme
    back = resize(faithful(noisy(4))(low), 12, 12)
    assert abs(back[5, 5, 0] - extreme) < 0.02
