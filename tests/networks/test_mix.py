"""Networks between networks."""

from functools import partial

import numpy as np
import pytest

from conftest import TINY, tiny_state
from sr_cli.errors import ModelError
from sr_cli.networks.fuse import Conv, fuse
from sr_cli.networks.mix import mix


@pytest.fixture
def pair():
    return [fuse(tiny_state(TINY["none"], seed), TINY["none"]) for seed in (0, 1)]


def test_the_ends_are_the_networks(pair):
    assert mix(*pair, 0.0) is pair[0]
    assert mix(*pair, 1.0) is pair[1]


def test_every_weight_lies_between(pair):
    close = partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-7)
    for a, b, c in zip(*(n.layers for n in pair), mix(*pair, 0.25).layers, strict=True):
        assert type(a) is type(c)
        if isinstance(a, Conv):
            close(c.weight, 0.75 * a.weight + 0.25 * b.weight)
            close(c.bias, 0.75 * a.bias + 0.25 * b.bias)
            if a.slope is not None:
                close(c.slope, 0.75 * a.slope + 0.25 * b.slope)


def test_other_networks_are_refused(pair):
    smaller = fuse(tiny_state(TINY["none"]), TINY["none"])
    smaller = type(smaller)(smaller.layers[:-1], smaller.scale)
    with pytest.raises(ModelError, match="same network"):
        mix(pair[0], smaller, 0.5)
