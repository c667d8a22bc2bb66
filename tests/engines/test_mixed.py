"""Two engines as one."""

import numpy as np
import pytest

from conftest import TINY, tiny_state
from sr_cli.engines import EngineChoice, open_engine
from sr_cli.networks.fuse import fuse
from sr_cli.networks.mix import Mix
from sr_cli.upscale import Upscaler


@pytest.fixture
def pair():
    return [fuse(tiny_state(TINY["none"], seed), TINY["none"]) for seed in (0, 1)]


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_the_answers_are_mixed(pair, share):
    choice = EngineChoice("onnxruntime", "cpu")
    mixed = open_engine(Mix(*pair, share), choice)
    batch = np.random.default_rng(0).random((2, 3, 9, 12), np.float32)
    one, other = (open_engine(network, choice)(batch) for network in pair)
    np.testing.assert_allclose(
        mixed(batch), (1 - share) * one + share * other, atol=1e-6
    )
    pixels = np.random.default_rng(1).integers(0, 256, (9, 12, 3), np.uint8)
    floats = mixed(pixels.transpose(2, 0, 1)[None] / np.float32(255))[0]
    expected = np.floor(np.clip(floats * 255, 0, 255) + 0.5).transpose(1, 2, 0)
    assert np.abs(mixed.levels(pixels).astype(int) - expected).max() <= 1


def test_the_lesser_precision_is_told(pair):
    exact = open_engine(Mix(*pair, 0.5), EngineChoice("openvino", "cpu", "float32"))
    assert (exact.name, exact.precision) == ("openvino", "float32")


def test_an_upscaler_takes_it(pair):
    upscaler = Upscaler(Mix(*pair, 0.5), EngineChoice("onnxruntime", "cpu"))
    assert upscaler.scale == 4
    pixels = np.random.default_rng(1).integers(0, 256, (9, 12, 3), np.uint8)
    from sr_cli.picture import Picture

    assert upscaler.upscale(Picture(pixels)).pixels.shape == (36, 48, 3)
