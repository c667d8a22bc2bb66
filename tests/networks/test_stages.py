"""Where networks are cut in two."""

from dataclasses import replace

import numpy as np

from conftest import TINY, tiny_state
from luma_networks import SMALL, state_of, trained
from sr_cli.networks.fuse import Keep, Network, fuse, receptive_radius
from sr_cli.networks.stages import body_and_tail


def test_srresnet_is_cut_before_it_widens():
    network = fuse(tiny_state(TINY["none"]), TINY["none"])
    stages = body_and_tail(network)
    assert stages is not None
    body, tail = stages
    assert body + tail == network.layers
    assert receptive_radius(tail) == 3
    # 9×9, then two 3×3 a block, then one more
    assert receptive_radius(body) == 4 + 2 * TINY["none"].blocks + 1


def test_networks_with_unusual_ends_are_left_whole():
    network = fuse(tiny_state(TINY["none"]), TINY["none"])
    *others, last, shuffle = network.layers
    bent = replace(last, slope=np.full_like(last.bias, 0.25))
    assert body_and_tail(Network((*others, bent, shuffle), 4)) is None
    kept_first = Network((Keep("low"), *network.layers), 4)
    assert body_and_tail(kept_first) is None
    assert body_and_tail(Network(tuple(others[:-3]), 4)) is None


def test_other_networks_are_left_whole():
    for architecture in SMALL.values():
        network = fuse(state_of(trained(architecture)), architecture)
        assert body_and_tail(network) is None
    assert body_and_tail(Network((), 1)) is None
