"""The pipeline with a network whose right answer is known."""

import threading

import numpy as np
import pytest

from sr_cli import upscale as pipeline
from sr_cli.engines import EngineChoice, NotFiniteError
from sr_cli.errors import DeviceError, ModelError, OutOfMemoryError, PictureError
from sr_cli.networks.fuse import Add, Conv, Keep, Network, Shuffle
from sr_cli.picture import Picture, PictureSource
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

    name, device, calls_at_once, window_pixels = "torch", "cpu", 2, 10**9

    def __init__(self, precision="float32", largest=10**9, nan=False):
        self.precision, self.largest, self.nan = precision, largest, nan
        self.shapes: list[tuple[int, ...]] = []

    def levels(self, pixels, _at_once=1):
        self.shapes.append(pixels.shape[:2])
        if pixels.shape[0] * pixels.shape[1] > self.largest:
            raise OutOfMemoryError("A tile doesn't fit", "Use a smaller --tile")
        if self.nan:
            raise NotFiniteError
        return repeated(pixels)


def with_engines(monkeypatch, *engines):
    waiting = list(engines)
    monkeypatch.setattr(pipeline, "open_engine", lambda *_: waiting.pop(0))


def test_a_window_that_does_not_fit_is_halved_and_that_is_said_once(monkeypatch):
    engine = FakeEngine(largest=64 * 64)
    with_engines(monkeypatch, engine)
    said: list[str] = []
    pixels = random_pixels(400, 300, 3)
    upscaler = Upscaler(nearest_network(), tiling=Tiling(256), say=said.append)
    result = upscaler.upscale(Picture(pixels))
    np.testing.assert_array_equal(result.pixels, repeated(pixels))
    assert [s.rsplit(" ", 2)[-2] for s in said] == ["108", "48"]
    # Once learnt, no window of that size is tried again.
    too_large = [h * w for h, w in engine.shapes if h * w > engine.largest]
    assert len(too_large) <= 2 * engine.calls_at_once


def test_out_of_memory_gives_up_with_the_remedy(monkeypatch):
    with_engines(monkeypatch, FakeEngine(largest=10))
    with pytest.raises(OutOfMemoryError, match="smaller --tile"):
        Upscaler(nearest_network()).upscale(Picture(random_pixels(200, 150, 3)))


def test_overflow_is_redone_in_float32_and_said_once(monkeypatch):
    exact = FakeEngine()
    with_engines(monkeypatch, FakeEngine("bfloat16", nan=True), exact)
    said: list[str] = []
    pixels = random_pixels(100, 70, 3)
    upscaler = Upscaler(nearest_network(), tiling=Tiling(64, 8), say=said.append)
    result = upscaler.upscale(Picture(pixels))
    np.testing.assert_array_equal(result.pixels, repeated(pixels))
    assert len(said) == 1
    assert "overflowed in bfloat16" in said[0]
    assert len(exact.shapes) == 4


def test_a_real_overflow_in_bfloat16_is_caught():
    """Values beyond bfloat16's range between body and tail, within float32's."""
    loud = Conv(np.full((8, 3, 1, 1), 1e38, np.float32), np.zeros(8, np.float32))
    quiet = Conv(
        np.full((48, 8, 1, 1), 1e-38 / 24, np.float32), np.zeros(48, np.float32)
    )
    network = Network((loud, Keep("x"), Add("x"), quiet, Shuffle(4)), 4)
    try:
        choice = EngineChoice("openvino", "cpu", "bfloat16")
        said: list[str] = []
        upscaler = Upscaler(network, choice, say=said.append)
    except DeviceError:
        pytest.skip("this CPU has no bfloat16")
    # 200/255·3e38·2 is beyond float32 too, so no engine has an answer to white ...
    with pytest.raises(ModelError, match="not a number"):
        upscaler.upscale(Picture(np.full((9, 9, 3), 255, np.uint8)))
    assert "overflowed in bfloat16" in said[0]


class Counted(PictureSource):
    """Counts the rows that are taken, and may break in the middle."""

    def __init__(self, pixels, broken_at=10**9):
        super().__init__(Picture(pixels))
        self.taken, self.broken_at = 0, broken_at

    def read(self, rows):
        self.taken += rows
        if self.taken > self.broken_at:
            raise PictureError("the file is cut off", "Get it again")
        return super().read(rows)


def test_rows_come_in_and_bands_go_out_in_turn(upscaler):
    """Nothing but windows in work and a row of results is held."""
    pixels = random_pixels(1000, 40, 3)
    source = Counted(pixels)
    bands, given = [], 0
    for band in upscaler.stream(source):
        bands.append(band)
        given += len(band)
        assert source.taken * 4 - given < 4 * 32 * 6
    np.testing.assert_array_equal(np.concatenate(bands), repeated(pixels))


def test_a_consumer_that_stops_early_leaves_no_thread_behind(upscaler):
    before = threading.active_count()
    bands = upscaler.stream(Counted(random_pixels(400, 40, 3)))
    next(bands)
    bands.close()
    assert threading.active_count() <= before


def test_a_source_that_fails_midway_ends_with_its_own_error(upscaler):
    with pytest.raises(PictureError, match="cut off"):
        list(upscaler.stream(Counted(random_pixels(1000, 40, 3), broken_at=100)))


def test_weights_that_give_no_numbers_are_an_error(monkeypatch):
    with_engines(monkeypatch, FakeEngine(nan=True))
    with pytest.raises(ModelError, match="not a number"):
        Upscaler(nearest_network()).upscale(Picture(random_pixels(20, 20, 3)))
