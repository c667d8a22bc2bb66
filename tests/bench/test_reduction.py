"""Low-resolution pictures, beside those of the programs they are named after."""

from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image

from sr_cli.bench.protocol import REDUCTION_FACTS, Protocol, Reduction
from sr_cli.bench.quality import mean_scores, measure
from sr_cli.bench.reduction import REDUCTIONS, reduce
from sr_cli.bench.rivals import baselines
from sr_cli.degrade import downscale


@pytest.fixture(params=[1, 3])
def high(request) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (44, 60, request.param), np.uint8)


def test_every_reduction_has_facts():
    assert tuple(REDUCTION_FACTS) == get_args(Reduction) == REDUCTIONS


def test_the_literatures_is_the_default(high):
    np.testing.assert_array_equal(reduce(high, 4), downscale(high, 4))


def test_pillows_is_pillows(high):
    image = Image.fromarray(high.squeeze())
    expected = np.asarray(image.resize((15, 11), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(
        reduce(high, 4, "pillow"), expected.reshape(11, 15, -1)
    )


def test_opencvs_aliases_as_torchs_does(high):
    planes = torch.from_numpy(high.transpose(2, 0, 1)[None].astype(np.float32))
    small = torch.nn.functional.interpolate(planes, (11, 15), mode="bicubic")
    expected = small.clamp(0, 255)[0].permute(1, 2, 0).numpy()
    found = reduce(high, 4, "opencv").astype(np.float32)
    assert np.abs(found - expected).max() <= 0.502


def test_area_is_the_mean_of_squares(high):
    squares = high.reshape(11, 4, 15, 4, -1).mean(axis=(1, 3))
    found = reduce(high, 4, "area").astype(np.float64)
    assert np.abs(found - squares).max() <= 0.502


def test_lanczos_is_near_pillows_inside(high):
    image = Image.fromarray(high.squeeze())
    other = np.asarray(image.resize((15, 11), Image.Resampling.LANCZOS))
    found = reduce(high, 4, "lanczos").astype(int)
    difference = np.abs(found - other.reshape(found.shape))[3:-3, 3:-3]
    assert difference.max() <= 2


def test_the_bicubic_row_knows_its_kernel(data_root):
    files = sorted((data_root / "bench" / "Set5").glob("*.png"))
    bicubic = baselines()[1:2]
    psnr = {
        one: mean_scores(
            list(measure(files, bicubic, protocol=Protocol(reduction=one)))
        ).psnr_y
        for one in ("matlab", "pillow", "opencv")
    }
    assert psnr["pillow"] == pytest.approx(psnr["matlab"], abs=0.01)
    assert 0.6 < psnr["matlab"] - psnr["opencv"] < 1.4
