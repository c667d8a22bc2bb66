import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_cli.degrade import downscale
from sr_cli.train.data import Crops
from sr_cli.train.device_crops import DeviceCrops, fits
from sr_cli.train.photos import Pair


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    random = np.random.default_rng(0)
    pairs = []
    for size in ((64, 96), (40, 40), (24, 96), (52, 36)):
        high = random.integers(0, 256, (*size, 3), np.uint8)
        high.flags.writeable = False  # as decoders and mapped files have it
        pairs.append(Pair(high, downscale(high, 4)))
    return pairs


@given(
    seed=st.integers(0, 99),
    step=st.integers(0, 10**6),
    size=st.integers(4, 10),
    sampling=st.sampled_from(["texture", "uniform"]),
    world=st.integers(1, 3),
)
@settings(max_examples=40, deadline=None)
def test_it_cuts_what_the_host_would(pairs, seed, step, size, sampling, world):
    crops = Crops(pairs, 4 * size, 5, seed, sampling)
    ours = DeviceCrops(crops, "cpu")
    assert ours.photos == crops.photos
    theirs = crops.batch(step, world - 1, world)
    for mine, host in zip(ours.batch(step, world - 1, world), theirs, strict=True):
        assert mine.dtype == torch.uint8
        assert mine.is_contiguous()
        np.testing.assert_array_equal(mine.numpy(), host)


def test_every_way_to_turn_is_cut_right(pairs):
    crops = Crops(pairs, 24, 200, 0, "uniform")
    plan = crops.plan(0)
    assert len(set(zip(plan.turns.tolist(), plan.flip.tolist(), strict=True))) == 8
    host = crops.batch(0)
    for mine, theirs in zip(DeviceCrops(crops, "cpu").batch(0), host, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs)


def test_whether_photos_fit(pairs, monkeypatch):
    crops = Crops(pairs, 24, 2, 0)
    needed = sum(pair.high.nbytes + pair.low.nbytes for pair in pairs)
    memory = {}
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (memory["free"], 0))
    for free, expected in ((2 * needed, True), (2 * needed - 1, False)):
        memory["free"] = free
        assert fits(crops, "cuda") is expected
        assert fits(crops, torch.device("cuda", 1)) is expected
    memory["free"] = 10**12
    assert not fits(crops, "cpu")
    assert not fits(crops, "mps")
    assert not fits(Crops(pairs, 24, 2, 0, degradation="jpeg"), "cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_cuts_the_same(pairs):
    crops = Crops(pairs, 24, 50, 0)
    for mine, host in zip(
        DeviceCrops(crops, "cuda").batch(3), crops.batch(3), strict=True
    ):
        np.testing.assert_array_equal(mine.cpu().numpy(), host)
