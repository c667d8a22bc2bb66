"""torch's way from 8-bit levels to 8-bit levels, and the memory it takes."""

import threading
import weakref
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from conftest import TINY, tiny_state
from luma_networks import SMALL, state_of, trained
from sr_cli.engines import EngineChoice, NotFiniteError, open_engine
from sr_cli.engines.pytorch import TorchEngine, window_that_fits
from sr_cli.engines.torch_footprint import peak_bytes
from sr_cli.errors import OutOfMemoryError
from sr_cli.networks.fuse import Conv, Network, Shuffle, fuse

KINDS = ["batch", "none", "srcnn", "espcn"]


def network_of(kind: str) -> Network:
    if kind in SMALL:
        return fuse(state_of(trained(SMALL[kind])), SMALL[kind])
    return fuse(tiny_state(TINY[kind]), TINY[kind])


def engine_of(
    kind: str, precision: str = "float32", device: str = "cpu"
) -> TorchEngine:
    engine = open_engine(network_of(kind), EngineChoice("torch", device, precision))
    assert isinstance(engine, TorchEngine)
    return engine


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    shape = (height, width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def floats(engine: TorchEngine, pixels: np.ndarray) -> np.ndarray:
    """(s·h, s·w, 3) through the float32 contract, in levels, not rounded."""
    planes = pixels.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)
    result = engine(np.ascontiguousarray(planes))[0]
    return result.transpose(1, 2, 0) * np.float32(255)


def rounded(levels: np.ndarray) -> np.ndarray:
    return np.clip(np.floor(levels + np.float32(0.5)), 0, 255).astype(np.uint8)


def with_bias(network: Network, bias: float) -> Network:
    """The same network, whose last convolution adds `bias` to everything."""
    layers = list(network.layers)
    last = max(i for i, layer in enumerate(layers) if isinstance(layer, Conv))
    layers[last] = replace(layers[last], bias=layers[last].bias + np.float32(bias))
    return replace(network, layers=tuple(layers))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (17, 9), (24, 32)])
def test_levels_are_the_float_result_rounded(kind, precision, shape):
    engine = engine_of(kind, precision)
    pixels = photo(*shape)
    before = pixels.copy()
    result = engine.levels(pixels)
    assert result.dtype == np.uint8
    assert result.shape == (4 * shape[0], 4 * shape[1], 3)
    assert result.flags.c_contiguous
    np.testing.assert_array_equal(result, rounded(floats(engine, pixels)))
    np.testing.assert_array_equal(pixels, before)


@pytest.fixture(scope="module")
def pass_through() -> TorchEngine:
    """An engine that repeats each pixel 2×2 and changes no level."""
    weight = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0).reshape(12, 3, 1, 1)
    layers = (Conv(weight, np.zeros(12, np.float32)), Shuffle(2))
    return TorchEngine(Network(layers, 2), "cpu", "float32")


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_no_level_changes_on_its_way_to_the_device_and_back(
    pass_through, height, width, seed
):
    pixels = photo(height, width, seed)
    expected = pixels.repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(pass_through.levels(pixels), expected)


@pytest.mark.parametrize(("bias", "level"), [(-2.0, 0), (2.0, 255)])
def test_what_leaves_the_range_is_clipped(bias, level):
    engine = TorchEngine(with_bias(network_of("none"), bias), "cpu", "float32")
    assert np.all(engine.levels(photo(4, 6)) == level)


def test_any_view_of_a_picture_will_do():
    engine = engine_of("none")
    pixels = photo(20, 31)
    view = pixels[3:17:2, ::-1]
    expected = engine.levels(view.copy())
    np.testing.assert_array_equal(engine.levels(view), expected)
    frozen = view.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(engine.levels(frozen), expected)


def test_a_result_belongs_to_the_caller():
    engine = engine_of("none")
    one = engine.levels(photo(8, 8))
    kept = one.copy()
    engine.levels(photo(8, 8, seed=1))
    np.testing.assert_array_equal(one, kept)
    one[:] = 7
    np.testing.assert_array_equal(engine.levels(photo(8, 8)), kept)


@pytest.mark.parametrize("kind", ["batch", "espcn"])
def test_threads_that_call_at_once_get_what_one_gets_alone(kind):
    engine = engine_of(kind)
    pictures = [photo(8 + i % 3, 9 + i % 5, seed=i) for i in range(24)]
    alone = [engine.levels(pixels) for pixels in pictures]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda x: engine.levels(x, 6), pictures))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_more_calls_run_than_keep_the_device_busy(monkeypatch):
    """The maps of more would take memory and save no time."""
    engine = engine_of("none")
    run = engine._run
    entered: list[None] = []
    go_on = threading.Event()

    def wait(x: torch.Tensor) -> torch.Tensor:
        entered.append(None)
        assert go_on.wait(timeout=60)
        return run(x)

    monkeypatch.setattr(engine, "_run", wait)
    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(engine.levels, photo(5, 6)) for _ in range(3)]
        # Long enough for all three, were nothing in their way.
        futures.wait(calls, timeout=0.1)
        running = len(entered)
        go_on.set()
        results = [call.result() for call in calls]
    assert running == engine.calls_at_once == 1
    for result in results:
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize("kind", ["none", "srcnn"])
@pytest.mark.parametrize("bias", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_an_error(kind, bias):
    engine = TorchEngine(with_bias(network_of(kind), bias), "cpu", "float32")
    with pytest.raises(NotFiniteError):
        engine.levels(photo(4, 5))


def test_one_value_that_is_no_number_is_found(pass_through, monkeypatch):
    run = pass_through._run

    def spoil(x: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            x = run(x)
            x[0, 2, 5, 3] = torch.nan
        return x

    monkeypatch.setattr(pass_through, "_run", spoil)
    with pytest.raises(NotFiniteError):
        pass_through.levels(photo(6, 6))


def test_float16_overflows_where_float32_does_not():
    network = with_bias(network_of("none"), 1e5)
    with pytest.raises(NotFiniteError):
        TorchEngine(network, "cpu", "float16").levels(photo(3, 3))
    assert np.all(TorchEngine(network, "cpu", "float32").levels(photo(3, 3)) == 255)


def allocate_too_much() -> None:
    """Ask for more than any machine can address."""
    torch.empty(2**60, dtype=torch.uint8)


def test_memory_that_ran_out_lets_go_of_what_was_held(monkeypatch):
    """Smaller windows are tried while the error is still at hand."""
    engine = engine_of("none")
    run = engine._run
    maps: list[weakref.ref[torch.Tensor]] = []

    def fail(x: torch.Tensor) -> torch.Tensor:
        wide = run(x)
        maps.append(weakref.ref(wide))
        allocate_too_much()
        return wide

    monkeypatch.setattr(engine, "_run", fail)
    with pytest.raises(OutOfMemoryError, match="9×8 doesn't fit") as caught:
        engine.levels(photo(8, 9))
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert [one() for one in maps] == [None]
    with pytest.raises(OutOfMemoryError, match="9×8 doesn't fit"):
        engine(np.zeros((1, 3, 8, 9), np.float32))


def test_an_engine_still_runs_after_calls_that_failed(monkeypatch):
    engine = engine_of("none")
    expected = engine.levels(photo(8, 9))
    run = engine._run

    def fail(_: torch.Tensor) -> torch.Tensor:
        allocate_too_much()
        raise AssertionError

    for _ in range(engine.calls_at_once + 1):
        monkeypatch.setattr(engine, "_run", fail)
        with pytest.raises(OutOfMemoryError):
            engine.levels(photo(8, 9))
    monkeypatch.setattr(engine, "_run", run)
    np.testing.assert_array_equal(engine.levels(photo(8, 9)), expected)


class Held(TorchDispatchMode):
    """Counts the bytes of all tensors that live at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._live: set[int] = set()
        self._bytes = self.peak = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if isinstance(tensor, torch.Tensor):
                self._count(tensor.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._live:
            return
        self._live.add(key)
        self._bytes += size
        self.peak = max(self.peak, self._bytes)

        def drop() -> None:
            self._live.discard(key)
            self._bytes -= size

        weakref.finalize(storage, drop)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("precision", "element"), [("float32", 4), ("bfloat16", 2)])
def test_the_memory_of_a_window_is_known_beforehand(kind, precision, element):
    network, side = network_of(kind), 96
    engine = TorchEngine(network, "cpu", precision)
    with Held() as held:
        engine.levels(photo(side, side))
    expected = held.peak / side**2
    assert peak_bytes(network.layers, element) == pytest.approx(expected, rel=0.05)


def test_a_window_takes_its_share_of_the_free_memory():
    gib = 2**30
    assert window_that_fits(8 * gib, 4096, 2) == 8 * gib // 2 // 2 // 4096
    assert window_that_fits(8 * gib, 4096, 1) == 2**20
    assert window_that_fits(100 * gib, 4096, 2) == 2**20
    assert window_that_fits(0, 4096, 2) > 0


@pytest.fixture
def cuda() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")


@pytest.mark.gpu
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_cuda_gives_the_levels_of_the_cpu(cuda, kind, precision):
    engine = engine_of(kind, precision, "cuda")
    for shape in [(1, 1), (17, 9), (64, 48)]:
        pixels = photo(*shape)
        expected = rounded(floats(engine_of(kind), pixels)).astype(int)
        assert np.abs(engine.levels(pixels) - expected).max() <= 2


@pytest.mark.gpu
def test_threads_on_cuda_get_what_one_gets_alone(cuda):
    engine = engine_of("batch", "float16", "cuda")
    assert engine.calls_at_once == 2
    pictures = [photo(60 + i % 3, 90 + i % 5, seed=i) for i in range(24)]
    alone = [engine.levels(pixels) for pixels in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(engine.levels, pictures))
    for one, other in zip(alone, together, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1


@pytest.mark.gpu
def test_cuda_gives_memory_back_after_it_ran_out(cuda):
    engine = engine_of("none", "float16", "cuda")
    expected = engine.levels(photo(64, 64))
    before = torch.cuda.memory_allocated()
    _, total = torch.cuda.mem_get_info()
    allowed = torch.cuda.memory_reserved() + 64 * 2**20
    torch.cuda.set_per_process_memory_fraction(allowed / total)
    try:
        with pytest.raises(OutOfMemoryError, match="2048×2048") as caught:
            engine.levels(photo(2048, 2048))
        assert isinstance(caught.value.__cause__, torch.cuda.OutOfMemoryError)
        assert torch.cuda.memory_allocated() == before
        np.testing.assert_array_equal(engine.levels(photo(64, 64)), expected)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.gpu
def test_a_window_on_cuda_fits_twice(cuda):
    engine = engine_of("none", "float16", "cuda")
    side = int(engine.window_pixels**0.5)
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(engine.levels, [photo(side, side)] * 2))
    assert results[0].shape == (4 * side, 4 * side, 3)
