"""Small photos and small settings, so that an update takes milliseconds."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sr_cli.train.config import TrainConfig
from sr_cli.train.data import Crops
from sr_cli.train.photos import load_photos, picture_files


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Other test processes want cores as well."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three pictures of 96×80 pixels, smooth with some texture."""
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    y, x = np.mgrid[:80, :96] / 96.0
    for number in range(3):
        waves = np.sin(np.stack([(3 + k) * x + (5 - number) * y for k in range(3)], 2))
        pixels = 128 + 80 * waves + random.normal(0, 8, waves.shape)
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        image.save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="session")
def crops(photos: Path) -> Crops:
    pairs = load_photos(picture_files(photos)).pairs
    return Crops(pairs, crop=32, batch=2, seed=0)


@pytest.fixture
def tiny() -> Callable[..., TrainConfig]:
    """Settings of a run of six updates of a tiny network."""

    def make(**changes: object) -> TrainConfig:
        small = {
            "blocks": 1,
            "channels": 8,
            "crop": 32,
            "batch": 2,
            "steps": 6,
            "warmup": 2,
            "precision": "bfloat16",
        }
        return TrainConfig(**(small | changes))  # type: ignore[arg-type]

    return make
