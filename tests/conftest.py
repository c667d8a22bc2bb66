"""Fixtures: a tiny network, and the real data where this machine has it."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sr_cli.catalog import Architecture
from sr_cli.networks.fuse import Network, fuse
from torch_forks import Forks, open_forks

TINY = {
    norm: Architecture(blocks=2, channels=8, normalization=norm)  # type: ignore[arg-type]
    for norm in ("batch", "none")
}


@pytest.fixture
def data_root() -> Path:
    """The folder with train/, val/, bench/ and features/."""
    root = os.environ.get("SRUP_TEST_DATA")
    if not root:
        pytest.skip("SRUP_TEST_DATA names no folder with the benchmark pictures")
    return Path(root)


def tiny_state(architecture: Architecture, seed: int = 0) -> dict[str, np.ndarray]:
    """A random trained state, BatchNorm statistics included."""
    import torch

    from sr_cli.networks.srresnet import SRResNet

    torch.manual_seed(seed)
    network = SRResNet(architecture)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0.0, 0.2)
            module.running_var.uniform_(0.5, 2.0)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0.0, 0.1)
    # Trained networks answer in about [0, 1]; so should this one, for tolerances.
    network.tail.weight.data.mul_(0.05)
    return {k: v.detach().numpy() for k, v in network.state_dict().items()}


@pytest.fixture(scope="session")
def tiny_network() -> Network:
    """A fused network with random weights, quick enough for any test."""
    return fuse(tiny_state(TINY["none"]), TINY["none"])


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file of the tiny network."""
    from safetensors.numpy import save_file

    from sr_cli.weights import HEADER_ARCHITECTURE

    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    architecture = TINY["batch"]
    header = {HEADER_ARCHITECTURE: architecture.to_json()}
    save_file(tiny_state(architecture), path, metadata=header)
    return path


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """What starts processes that need torch, in a moment."""
    if not hasattr(os, "fork"):
        pytest.skip("Windows has no fork, which these tests start processes by")
    with open_forks() as found:
        yield found


@pytest.fixture
def small_photo(tmp_path: Path) -> Path:
    """A JPEG of 40×30 pixels with a gradient and noise."""
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 60, (30, 40, 3))
    pixels += np.linspace(0, 190, 40)[None, :, None].astype(int)
    path = tmp_path / "photo.jpg"
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path
