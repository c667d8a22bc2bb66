"""A folder of photo-like pictures, and weights that a command can name."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from conftest import TINY, tiny_state
from sr_cli.picture import Picture, write
from sr_cli.weights import HEADER_ARCHITECTURE


def smooth_pixels(seed: int, height: int, width: int, channels: int) -> np.ndarray:
    """Something that interpolation can't do perfectly but not hopelessly either."""
    random = np.random.default_rng(seed)
    y, x = np.arange(height)[:, None, None], np.arange(width)[:, None]
    phases, periods = random.uniform(0, 6, channels), random.uniform(9, 30, channels)
    waves = 100 + 60 * np.sin(x / periods + phases) + 50 * np.cos(y * x / 300 + phases)
    return np.clip(waves + random.normal(0, 8, waves.shape), 0, 255).astype(np.uint8)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of one test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "srup"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three pictures: odd sides, gray, and divisible ones in colour."""
    folder = tmp_path / "photos"
    folder.mkdir()
    shapes = {"a.png": (45, 50, 3), "b.png": (40, 36, 1), "c.png": (32, 64, 3)}
    for seed, (name, shape) in enumerate(shapes.items()):
        write(Picture(smooth_pixels(seed, *shape)), folder / name)
    return folder


@pytest.fixture
def tiny_weights(tmp_path: Path) -> Path:
    """A random network as `srup train` would write it."""
    path = tmp_path / "tiny.safetensors"
    architecture = TINY["none"]
    header = {HEADER_ARCHITECTURE: architecture.to_json()}
    save_file(tiny_state(architecture), path, metadata=header)
    return path
