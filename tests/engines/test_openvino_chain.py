"""Body and tail on tiles of their own give the whole network's numbers."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import openvino
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import TINY, tiny_state
from sr_cli.engines import EngineChoice, openvino_chain
from sr_cli.engines.openvino import (
    OpenVinoChainEngine,
    OpenVinoEngine,
    open_openvino,
    physical_cores,
)
from sr_cli.engines.openvino_chain import TAIL_AREA, _tail_tiles
from sr_cli.engines.openvino_models import to_bfloat16
from sr_cli.networks.fuse import Network, fuse
from sr_cli.upscale import Upscaler


@pytest.fixture(scope="module")
def core() -> openvino.Core:
    return openvino.Core()


@pytest.fixture(scope="module")
def network() -> Network:
    return fuse(tiny_state(TINY["none"]), TINY["none"])


def random_low(*size: int) -> np.ndarray:
    return np.random.default_rng(0).random((1, 3, *size), dtype=np.float32)


@pytest.mark.parametrize("size", [(1, 1), (7, 40), (23, 24), (25, 49), (70, 31)])
def test_small_tail_tiles_change_nothing(core, network, monkeypatch, size):
    monkeypatch.setattr(openvino_chain, "TAIL_AREA", 24 * 24)
    engine = OpenVinoChainEngine(core, network, "float32")
    whole = OpenVinoEngine(core, network, "float32")
    low = random_low(*size)
    np.testing.assert_allclose(engine(low), whole(low), atol=2e-6)


@given(height=st.integers(1, 900), width=st.integers(1, 2000))
def test_tail_tiles_fit_the_cache_and_waste_little(height, width):
    rows, columns = _tail_tiles(height, width, 6)
    tall, wide = rows[0].stop, columns[0].stop
    assert tall * wide <= TAIL_AREA * 1.1 or len(rows) * len(columns) == 1
    if min(height, width) >= 80:
        work = len(rows) * tall * len(columns) * wide
        assert work <= 1.3 * height * width


def test_bfloat16_is_no_worse_than_openvinos_own(core, network):
    if "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this CPU has no bfloat16")
    low = random_low(60, 50)
    exact = OpenVinoEngine(core, network, "float32")(low)

    def error(engine: OpenVinoEngine | OpenVinoChainEngine) -> float:
        return float(np.square(engine(low) - exact).mean() ** 0.5)

    ours = error(OpenVinoChainEngine(core, network, "bfloat16"))
    theirs = error(OpenVinoEngine(core, network, "bfloat16"))
    assert 0 < ours < 1.1 * theirs


def test_threads_get_what_they_would_get_alone(core, network):
    engine = OpenVinoChainEngine(core, network, "float32")
    random = np.random.default_rng(1)
    pictures = [
        random.integers(0, 256, (30 + n % 3, 40, 3), dtype=np.uint8) for n in range(9)
    ]
    alone = [engine.levels(pixels) for pixels in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda p: engine.levels(p, 4), pictures))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_more_models_are_kept_than_a_batch_needs(core, network):
    engine = OpenVinoChainEngine(core, network, "float32")
    for side in range(8, 20):
        engine.levels(np.zeros((side, 9, 3), np.uint8))
    assert len(engine._chain._compiled) <= 2 * openvino_chain._KEPT


def test_networks_without_a_tail_run_whole(network):
    assert isinstance(open_openvino(network, "float32"), OpenVinoChainEngine)
    head = Network(network.layers[-2:], 2)
    assert isinstance(open_openvino(head, "float32"), OpenVinoEngine)


def test_windows_shrink_with_the_bytes_and_the_cores(core, network):
    one = OpenVinoChainEngine(core, network, "float32").window_pixels
    assert one * physical_cores(core) * 4 * 8 <= openvino_chain._FEATURES * 1.01


def test_bfloat16_rounds_to_nearest_ties_to_even():
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(2).standard_normal(10_000).astype(np.float32)
    values[:4] = [0.0, -0.0, 1.00390625, 1.01171875]  # two ties
    expected = torch.from_numpy(values).bfloat16().view(torch.int16).numpy()
    np.testing.assert_array_equal(to_bfloat16(values).view(np.int16), expected)


def test_the_pipeline_over_several_windows(core, network):
    """Two windows side by side, each by one core, against one by all."""
    pixels = np.random.default_rng(3).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    from sr_cli.picture import Picture
    from sr_cli.tiles import Tiling

    choice = EngineChoice("openvino", "cpu", "float32")
    tiled = Upscaler(network, choice, Tiling(160, exact=True)).upscale(Picture(pixels))
    whole = OpenVinoEngine(core, network, "float32").levels(pixels)
    assert np.abs(tiled.pixels.astype(int) - whole).max() <= 1
