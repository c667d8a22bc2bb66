"""Eight answers, one mean."""

import numpy as np

from sr_cli.enlarge.ensemble import ensembled


def nearest(low):
    return low.repeat(4, axis=0).repeat(4, axis=1)


def test_what_is_alike_in_all_positions_stays():
    low = np.random.default_rng(0).random((5, 7, 3), np.float32)
    np.testing.assert_allclose(ensembled(nearest)(low), nearest(low), atol=1e-6)


def test_what_depends_on_the_position_is_averaged():
    def slanted(low):
        high = nearest(low)
        return high + np.linspace(0, 1, high.shape[1], dtype=np.float32)[:, None]

    low = np.zeros((6, 9, 3), np.float32)
    # A slope and its mirror image sum to a constant.
    np.testing.assert_allclose(ensembled(slanted)(low), 0.5, atol=1e-6)


def test_every_position_is_asked_once():
    seen = []

    def run(low):
        seen.append(low.copy())
        return nearest(low)

    low = np.arange(2 * 3 * 3, dtype=np.float32).reshape(2, 3, 3)
    ensembled(run)(low)
    assert len({(x.shape, x.tobytes()) for x in seen}) == 8
