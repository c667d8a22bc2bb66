"""What networks know, and what lies beyond."""

import numpy as np

from sr_cli.degrade import resize
from sr_cli.enlarge.gamut import beyond_srgb

RNG = np.random.default_rng(0)


def unsure(low):
    """Stand for a network: right within [0, 1], lost outside."""
    assert low.dtype == np.float32
    known = (low >= 0.0) & (low <= 1.0)
    return np.where(known, low, np.nan).repeat(4, axis=0).repeat(4, axis=1)


def test_what_is_inside_is_the_networks():
    low = RNG.random((6, 7, 3), np.float32)
    np.testing.assert_array_equal(beyond_srgb(unsure)(low), unsure(low))


def test_flat_colours_outside_stay_what_they_are():
    low = np.empty((8, 9, 3), np.float32)
    low[:] = -0.66, 1.0, 1.3
    high = beyond_srgb(unsure)(low)
    assert high.dtype == np.float32
    np.testing.assert_allclose(high, low.repeat(4, 0).repeat(4, 1), atol=1e-6)


def test_what_is_outside_is_interpolated():
    low = RNG.uniform(-0.5, 1.5, (8, 9, 3)).astype(np.float32)
    inside = np.clip(low, 0.0, 1.0)
    expected = unsure(inside) + resize(low - inside, 32, 36)
    np.testing.assert_allclose(beyond_srgb(unsure)(low), expected, atol=1e-5)


def test_what_the_network_overshoots_is_cut_off():
    def overshooting(low):
        return unsure(low) * np.float32(1.2) - np.float32(0.1)

    low = np.zeros((4, 4, 3), np.float32)
    low[:] = 1.0, 0.0, -0.3
    high = beyond_srgb(overshooting)(low)
    np.testing.assert_allclose(high, low.repeat(4, 0).repeat(4, 1), atol=1e-6)
