"""Enlargement against the resampler that makes the small pictures."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_cli.degrade import resize
from sr_cli.engines import EngineChoice, open_engine
from sr_cli.networks import fuse as layers
from sr_cli.networks.bicubic import enlarging_kernel
from sr_cli.networks.fuse import Network
from sr_cli.networks.luma import Enlarge


@settings(deadline=None, max_examples=40)
@given(
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    factor=st.sampled_from([2, 3, 4]),
)
def test_it_is_matlabs_everywhere(height, width, factor):
    """Borders included, which `resize` mirrors as MATLAB does."""
    image = np.random.default_rng(0).random((height, width, 3), dtype=np.float32)
    low = torch.from_numpy(image).permute(2, 0, 1)[None]
    found = Enlarge(factor)(low)[0].permute(1, 2, 0).numpy()
    expected = resize(image, factor * height, factor * width, "bicubic")
    np.testing.assert_allclose(found, expected, atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    factor=st.sampled_from([2, 3, 4, 8]),
)
def test_linear_enlargement_is_torchs_bilinear_everywhere(height, width, factor):
    image = np.random.default_rng(0).random((1, 3, height, width), dtype=np.float32)
    network = Network((layers.Enlarge(factor, "linear"),), factor)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(image), scale_factor=factor, mode="bilinear"
    )
    for engine in ("torch", "onnxruntime"):
        choice = EngineChoice(engine, "cpu", "float32")  # type: ignore[arg-type]
        found = open_engine(network, choice)(image)
        np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_every_phase_sums_to_one_and_mirrors_another(factor):
    kernel = enlarging_kernel(factor)
    np.testing.assert_allclose(kernel.sum(axis=(1, 2)), 1.0, atol=1e-6)
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1, ::-1], atol=1e-7)


def test_a_ramp_stays_a_ramp_inside():
    """Keys' kernel with a = -½ reproduces straight lines exactly."""
    ramp = torch.arange(10.0).expand(1, 1, 10, 10)
    found = Enlarge(4)(ramp)[0, 0, 20, 8:-8]
    expected = (torch.arange(8.0, 32.0) + 0.5) / 4.0 - 0.5
    assert (found - expected).abs().max() <= 1e-5
