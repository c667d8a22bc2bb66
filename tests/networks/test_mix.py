"""What lies between two networks."""

import pytest

from conftest import TINY, tiny_state
from sr_cli.errors import ModelError
from sr_cli.networks.fuse import Network, fuse
from sr_cli.networks.mix import Mix, mix


@pytest.fixture
def pair() -> list[Network]:
    return [fuse(tiny_state(TINY["none"], seed), TINY["none"]) for seed in (0, 1)]


def test_the_ends_are_the_networks(pair):
    assert mix(*pair, 0.0) is pair[0]
    assert mix(*pair, 1.0) is pair[1]


def test_what_lies_between_reaches_as_far_as_both(pair):
    shallow = Network(pair[1].layers[:1], pair[1].scale)
    between = mix(pair[0], shallow, 0.5)
    assert isinstance(between, Mix)
    assert (between.scale, between.halo) == (4, pair[0].halo)


def test_scales_must_agree(pair):
    with pytest.raises(ModelError, match="2x model can't be mixed with a 4x"):
        mix(pair[0], Network(pair[1].layers, 2), 0.5)
