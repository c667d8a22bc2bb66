"""One contract for every engine."""

from dataclasses import replace
from functools import cache
from itertools import islice

import numpy as np
import pytest

from conftest import TINY, tiny_state
from luma_networks import SMALL, low_pictures, state_of, trained, without_residual
from sr_cli import engines
from sr_cli.engines import Engine, EngineChoice, NotFiniteError, open_engine
from sr_cli.errors import DeviceError, OutOfMemoryError
from sr_cli.networks.fuse import Conv, Network, fuse
from sr_cli.tiles import Tiling, join, windows

ENGINES = ["torch", "onnxruntime", "openvino"]
KINDS = ["batch", "none", "srcnn", "espcn"]


@cache
def network_of(kind: str) -> Network:
    if kind in SMALL:
        return fuse(state_of(trained(SMALL[kind])), SMALL[kind])
    return fuse(tiny_state(TINY[kind]), TINY[kind])


@cache
def opened(name: str, kind: str) -> Engine:
    """An engine in float32, which any test may use."""
    return open_engine(network_of(kind), EngineChoice(name, "cpu", "float32"))


def reference(network: Network, batch: np.ndarray) -> np.ndarray:
    return open_engine(network, EngineChoice("torch", "cpu", "float32"))(batch)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("shape", [(1, 3, 1, 1), (1, 3, 17, 9), (3, 3, 8, 13)])
def test_engine_answers_like_float32_torch(name, kind, shape):
    engine = opened(name, kind)
    batch = np.random.default_rng(2).random(shape, dtype=np.float32)
    before = batch.copy()
    result = engine(batch)
    assert result.dtype == np.float32
    assert result.shape == (shape[0], 3, 4 * shape[2], 4 * shape[3])
    np.testing.assert_allclose(result, opened("torch", kind)(batch), atol=1e-5)
    np.testing.assert_array_equal(batch, before)
    assert (engine.name, engine.device, engine.precision) == (name, "cpu", "float32")


@pytest.mark.parametrize("family", SMALL)
@pytest.mark.parametrize("name", ENGINES)
def test_engine_answers_like_the_trained_network(name, family):
    torch = pytest.importorskip("torch")
    trained_network = trained(SMALL[family])
    engine = opened(name, family)
    low = low_pictures(2, 3, 7, 11)
    with torch.inference_mode():
        expected = trained_network(torch.from_numpy(low)).numpy()
    np.testing.assert_allclose(engine(low), expected, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("size", [(1, 1), (17, 9), (120, 101)])
def test_levels_are_the_rounded_floats(name, kind, size):
    engine = opened(name, kind)
    pixels = np.random.default_rng(5).integers(0, 256, (*size, 3), dtype=np.uint8)
    before = pixels.copy()
    floats = engine(pixels.transpose(2, 0, 1)[None].astype(np.float32) / 255)[0]
    expected = np.clip(floats * 255, 0, 255).transpose(1, 2, 0)
    for at_once in (1, 2):
        result = engine.levels(pixels, at_once)
        assert result.dtype == np.uint8
        # Values that lie between two levels may go either way.
        np.testing.assert_allclose(result, expected, atol=0.501)
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize("kind", ["batch", "espcn"])
@pytest.mark.parametrize("name", ENGINES)
def test_levels_say_when_a_result_is_no_number(name, kind):
    network = network_of(kind)
    *_, last = (layer for layer in network.layers if isinstance(layer, Conv))
    broken = replace(last, bias=np.full_like(last.bias, np.nan))
    layers = tuple(broken if layer is last else layer for layer in network.layers)
    engine = open_engine(Network(layers, 4), EngineChoice(name, "cpu", "float32"))
    with pytest.raises(NotFiniteError):
        engine.levels(np.zeros((9, 8, 3), np.uint8))


@pytest.mark.parametrize("family", SMALL)
@pytest.mark.parametrize("name", ENGINES)
def test_exact_tiles_equal_the_untiled_result(name, family):
    network, engine = network_of(family), opened(name, family)
    pixels = np.random.default_rng(6).integers(0, 256, (41, 59, 3), dtype=np.uint8)
    plan = Tiling(24, exact=True).plan(41, 59, network.halo)
    assert len(plan) == 12
    left = iter(pixels)
    parts = windows(lambda n: np.array(list(islice(left, n))).reshape(-1, 59, 3), plan)
    results = (engine.levels(np.ascontiguousarray(part)) for part in parts)
    tiled = np.concatenate(list(join(results, plan, 4)))
    untiled = engine.levels(pixels)
    assert np.abs(tiled.astype(int) - untiled).max() <= 1
    assert (tiled != untiled).mean() < 1e-3


@pytest.mark.parametrize("family", SMALL)
@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_the_enlarged_picture_stays_in_float32(name, family):
    """The network's correction is small, and may be rounded; the picture may not."""
    network = fuse(state_of(without_residual(SMALL[family])), SMALL[family])
    try:
        engine = open_engine(network, EngineChoice(name, "cpu", "bfloat16"))
    except DeviceError:
        pytest.skip("this CPU has no bfloat16")
    low = low_pictures(1, 3, 9, 12)
    np.testing.assert_allclose(engine(low), reference(network, low), atol=1e-6)


@pytest.mark.parametrize("name", ENGINES)
def test_results_of_two_calls_are_independent(name, tiny_network):
    engine = open_engine(tiny_network, EngineChoice(name, "cpu", "float32"))
    random = np.random.default_rng(3)
    one = engine(random.random((1, 3, 8, 8), dtype=np.float32))
    kept = one.copy()
    engine(random.random((1, 3, 8, 8), dtype=np.float32))
    np.testing.assert_array_equal(one, kept)


def test_bfloat16_stays_close(tiny_network):
    engine = open_engine(tiny_network, EngineChoice("torch", "cpu", "bfloat16"))
    batch = np.random.default_rng(4).random((1, 3, 16, 16), dtype=np.float32)
    expected = reference(tiny_network, batch)
    assert np.abs(engine(batch) - expected).max() < 0.05 * np.abs(expected).max()


def test_many_shapes_on_one_openvino_engine(tiny_network):
    engine = open_engine(tiny_network, EngineChoice("openvino", "cpu", "float32"))
    for side in (5, 6, 7, 8, 9, 5):
        assert engine(np.zeros((1, 3, side, 4), np.float32)).shape[2] == 4 * side


def test_auto_takes_the_first_installed_cpu_engine(tiny_network, monkeypatch):
    monkeypatch.setattr(engines, "_has_cuda_driver", lambda: False)
    monkeypatch.setattr(engines, "_has_mps", lambda: False)
    assert open_engine(tiny_network).name == "openvino"
    monkeypatch.setattr(engines, "CPU_ENGINES", ("onnxruntime", "torch"))
    assert open_engine(tiny_network).name == "onnxruntime"
    monkeypatch.setattr(engines, "CPU_ENGINES", ())
    with pytest.raises(DeviceError, match="No engine is installed"):
        open_engine(tiny_network)


def test_auto_says_so_when_the_gpu_cannot_be_used(tiny_network, monkeypatch):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has a usable CUDA device")
    monkeypatch.setattr(engines, "_has_cuda_driver", lambda: True)
    said: list[str] = []
    engine = open_engine(tiny_network, say=said.append)
    assert engine.device == "cpu"
    assert "Running on the CPU" in said[0]
    assert "no usable CUDA device" in said[0]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (EngineChoice("onnxruntime", "cuda"), "can't use CUDA"),
        (EngineChoice("openvino", "cuda"), "runs on the CPU"),
        (EngineChoice("onnxruntime", "mps"), "can't use Apple's GPU"),
        (EngineChoice("onnxruntime", "cpu", "bfloat16"), "runs this graph in float32"),
        (EngineChoice("openvino", "cpu", "float16"), "can't compute in float16"),
        (EngineChoice("torch", "mps"), "no Apple GPU"),
    ],
)
def test_what_cannot_be_had_is_an_error(tiny_network, choice, message):
    with pytest.raises(DeviceError, match=message):
        open_engine(tiny_network, choice)


def test_an_engine_that_is_not_installed_is_named(tiny_network, monkeypatch):
    monkeypatch.setattr(engines, "find_spec", lambda _: None)
    with pytest.raises(DeviceError, match="openvino is not installed"):
        open_engine(tiny_network, EngineChoice("openvino", "cpu"))


@pytest.mark.gpu
def test_cuda_answers_like_the_cpu(tiny_network):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    batch = np.random.default_rng(5).random((1, 3, 24, 24), dtype=np.float32)
    engine = open_engine(tiny_network, EngineChoice("torch", "cuda", "float32"))
    np.testing.assert_allclose(engine(batch), reference(tiny_network, batch), atol=1e-3)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: 10 bytes"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_memory_that_ran_out_is_one_error(tiny_network, monkeypatch, error):
    engine = open_engine(tiny_network, EngineChoice("torch", "cpu", "float32"))

    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(engine, "_run", fail)
    with pytest.raises(OutOfMemoryError, match="9×8 doesn't fit"):
        engine(np.zeros((1, 3, 8, 9), np.float32))


def test_other_faults_of_an_engine_are_not_hidden(tiny_network, monkeypatch):
    engine = open_engine(tiny_network, EngineChoice("torch", "cpu", "float32"))

    def fail(_: object) -> None:
        raise RuntimeError("illegal instruction")

    monkeypatch.setattr(engine, "_run", fail)
    with pytest.raises(RuntimeError, match="illegal instruction"):
        engine(np.zeros((1, 3, 8, 9), np.float32))
