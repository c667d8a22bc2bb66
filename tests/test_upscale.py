"""The pipeline with a network whose right answer is known."""

import numpy as np
import pytest

from sr_cli import upscale as pipeline
from sr_cli.engines import EngineChoice
from sr_cli.errors import ModelError, OutOfMemoryError
from sr_cli.networks.fuse import Conv, Network, Shuffle
from sr_cli.picture import Picture
from sr_cli.tiles import Tiling
from sr_cli.upscale import Upscaler


def nearest_network() -> Network:
    """A 4x network that repeats pixels: exact in every engine."""
    weight = np.zeros((48, 3, 1, 1), np.float32)
    for channel in range(3):
        weight[16 * channel : 16 * (channel + 1), channel] = 1.0
    return Network((Conv(weight, np.zeros(48, np.float32)), Shuffle(4)), 4)


@pytest.fixture
def upscaler() -> Upscaler:
    choice = EngineChoice("onnxruntime", "cpu", "float32")
    return Upscaler(nearest_network(), choice, Tiling(32, 8))


def random_pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def repeated(pixels: np.ndarray) -> np.ndarray:
    return pixels.repeat(4, axis=0).repeat(4, axis=1)


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (50, 71)])
def test_every_level_survives(upscaler, size):
    pixels = random_pixels(*size, 3)
    result = upscaler.upscale(Picture(pixels))
    np.testing.assert_array_equal(result.pixels, repeated(pixels))


def test_gray_stays_gray(upscaler):
    pixels = random_pixels(20, 30, 1)
    np.testing.assert_array_equal(
        upscaler.upscale(Picture(pixels)).pixels, repeated(pixels)
    )


def test_everything_else_is_carried_along(upscaler):
    picture = Picture(random_pixels(8, 8, 3), icc=b"profile", exif=b"x", dpi=(72, 72))
    result = upscaler.upscale(picture)
    assert (result.icc, result.exif, result.dpi) == (b"profile", b"x", (72, 72))


def test_alpha_is_upscaled_and_colours_bleed_under_it(upscaler):
    pixels = np.zeros((16, 16, 3), np.uint8)
    alpha = np.zeros((16, 16), np.uint8)
    pixels[:, 8:], alpha[:, 8:] = 200, 255
    seen = []
    result = upscaler.upscale(Picture(pixels, alpha), lambda *a: seen.append(a))
    np.testing.assert_array_equal(result.alpha, repeated(alpha))
    # What was black under transparency took its neighbours' colour: no dark fringe.
    assert result.pixels[:, 28:32].min() >= 190
    assert seen[-1] == (2, 2)


def test_constant_alpha_costs_no_second_pass(upscaler):
    picture = Picture(random_pixels(8, 9, 3), np.full((8, 9), 255, np.uint8))
    seen = []
    result = upscaler.upscale(picture, lambda *a: seen.append(a))
    assert seen == [(1, 1)]
    assert result.alpha.shape == (32, 36)
    assert (result.alpha == 255).all()


class FakeEngine:
    """Runs nearest, but fails as told."""

    name, device = "torch", "cpu"

    def __init__(self, precision="float32", largest=10**9, nan=False):
        self.precision, self.largest, self.nan = precision, largest, nan

    def __call__(self, batch):
        if batch.shape[2] * batch.shape[3] > self.largest:
            raise OutOfMemoryError("A tile doesn't fit", "Use a smaller --tile")
        result = batch.repeat(4, axis=2).repeat(4, axis=3)
        return result * np.float32(np.nan) if self.nan else result


def with_engines(monkeypatch, *engines):
    waiting = list(engines)
    monkeypatch.setattr(pipeline, "open_engine", lambda *_: waiting.pop(0))


def test_out_of_memory_begins_again_with_smaller_tiles_and_says_so(monkeypatch):
    with_engines(monkeypatch, FakeEngine(largest=64 * 64))
    said: list[str] = []
    pixels = random_pixels(200, 150, 3)
    result = Upscaler(nearest_network(), say=said.append).upscale(Picture(pixels))
    np.testing.assert_array_equal(result.pixels, repeated(pixels))
    assert [s.rsplit(" ", 2)[-2] for s in said] == ["100", "50"]


def test_out_of_memory_gives_up_with_the_remedy(monkeypatch):
    with_engines(monkeypatch, FakeEngine(largest=10))
    with pytest.raises(OutOfMemoryError, match="smaller --tile"):
        Upscaler(nearest_network()).upscale(Picture(random_pixels(200, 150, 3)))


def test_overflow_is_redone_in_float32_and_said(monkeypatch):
    with_engines(monkeypatch, FakeEngine("bfloat16", nan=True), FakeEngine())
    said: list[str] = []
    pixels = random_pixels(20, 20, 3)
    result = Upscaler(nearest_network(), say=said.append).upscale(Picture(pixels))
    np.testing.assert_array_equal(result.pixels, repeated(pixels))
    assert "overflowed in bfloat16" in said[0]


def test_weights_that_give_no_numbers_are_an_error(monkeypatch):
    with_engines(monkeypatch, FakeEngine(nan=True))
    with pytest.raises(ModelError, match="not a number"):
        Upscaler(nearest_network()).upscale(Picture(random_pixels(20, 20, 3)))
