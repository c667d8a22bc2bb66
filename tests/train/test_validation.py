import numpy as np
import pytest

from conftest import TINY, tiny_state
from sr_cli.bench.quality import load_pairs, mean_psnr
from sr_cli.engines import EngineChoice
from sr_cli.errors import DataError
from sr_cli.networks.fuse import fuse
from sr_cli.train.validation import open_validation
from sr_cli.upscale import Upscaler

CHOICE = EngineChoice(engine="torch", device="cpu", precision="float32")


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_it_is_what_users_run(photos, norm, monkeypatch):
    import torch

    architecture = TINY[norm]
    state = tiny_state(architecture)
    average = {name: torch.tensor(value) for name, value in state.items()}
    validate = open_validation(photos, architecture, CHOICE)
    upscaler = Upscaler(fuse(state, architecture), CHOICE)
    pairs = load_pairs(sorted(photos.iterdir()))
    expected = mean_psnr(pairs, upscaler)
    results = [upscaler.upscale(pair.low).pixels for pair in pairs]

    calls = []
    upscale = Upscaler.upscale
    monkeypatch.setattr(
        Upscaler, "upscale", lambda *words: calls.append(1) or upscale(*words)
    )
    found = validate(average)
    assert found.psnr_y == pytest.approx(expected)
    assert len(calls) == len(pairs)  # samples cost nothing more
    assert found.strip is not None
    rows = np.split(np.pad(found.strip, ((0, 2), (0, 2), (0, 0))), 3)
    for row, pair, result in zip(rows, pairs, results, strict=True):
        height, width = pair.high.shape[:2]
        _, now, truth = (part[:height, :width] for part in np.split(row, 3, axis=1))
        assert np.array_equal(now, result)
        assert np.array_equal(truth, pair.high)
    again = validate(average)
    assert np.array_equal(again.strip, found.strip)


def test_reading_is_told(photos):
    told = []
    open_validation(photos, TINY["none"], CHOICE, lambda *at: told.append(at))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_pictures_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match="holds no pictures"):
        open_validation(tmp_path, TINY["none"], CHOICE)
    (tmp_path / "bad.png").write_text("no picture")
    with pytest.raises(DataError, match=r"bad\.png"):
        open_validation(tmp_path, TINY["none"], CHOICE)
