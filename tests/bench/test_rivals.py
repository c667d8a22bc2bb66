"""What stands side by side in a report."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from sr_cli.bench.rivals import BASELINES, RanOn, baselines, common_scale, from_models
from sr_cli.degrade import resize, to_uint8
from sr_cli.engines import EngineChoice
from sr_cli.errors import ModelError
from sr_cli.networks.fuse import Network
from sr_cli.picture import Picture
from sr_cli.upscale import Upscaler
from sr_cli.weights import Model, load_model


@dataclass(frozen=True)
class Engineless:
    """Stands for an Upscaler where none is needed."""

    def upscale(self, picture: Picture) -> Picture:
        return picture


def open_nothing(model: Model) -> Upscaler:
    return Engineless()  # type: ignore[return-value]


@pytest.fixture
def model(tiny_weights) -> Model:
    return load_model(str(tiny_weights))


@pytest.mark.parametrize("channels", [1, 3])
def test_baselines_interpolate(channels):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 7, channels), np.uint8)
    for kernel, rival in zip(BASELINES, baselines(3), strict=True):
        assert (rival.id, rival.sha256, rival.ran_on()) == (kernel, None, None)
        expected = to_uint8(resize(pixels, 18, 21, kernel))
        np.testing.assert_array_equal(rival.upscale(Picture(pixels)).pixels, expected)


def test_a_model_upscales_with_the_code_that_users_run(model):
    upscaler = Upscaler(model.network, EngineChoice("onnxruntime", "cpu", "float32"))
    (rival,) = from_models([model], lambda _: upscaler)
    assert (rival.id, rival.sha256) == ("tiny", model.sha256)
    assert rival.ran_on() == RanOn("onnxruntime", "cpu", "float32")
    low = Picture(np.zeros((8, 9, 1), np.uint8))
    expected = upscaler.upscale(low).pixels
    np.testing.assert_array_equal(rival.upscale(low).pixels, expected)


def test_ids_never_clash(model):
    other = replace(model, sha256="0123456789abcdef")
    named_like_a_baseline = replace(model, id="bicubic")
    like = named_like_a_baseline
    models = [model, model, other, other, like, like]
    found = [rival.id for rival in from_models(models, open_nothing)]
    mark = model.sha256[:8]
    assert found == ["tiny", "tiny@01234567", f"bicubic@{mark}"]


def test_the_models_share_one_scale(model):
    assert common_scale([]) == 4
    assert common_scale([model, model]) == 4
    layers = model.network.layers
    double = replace(model, id="double", network=Network(layers, 2))
    assert common_scale([double]) == 2
    with pytest.raises(ModelError, match=r"tiny \(4x\) and double \(2x\)"):
        common_scale([model, double])


def test_a_model_is_opened_once_and_not_before_it_is_needed(model):
    opened = []

    def open_upscaler(found: Model) -> Upscaler:
        opened.append(found.id)
        return open_nothing(found)

    (rival,) = from_models([model], open_upscaler)
    assert opened == []
    for _ in range(2):
        rival.upscale(Picture(np.zeros((8, 9, 1), np.uint8)))
    assert opened == ["tiny"]
