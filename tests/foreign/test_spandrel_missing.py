"""Networks that srup doesn't know, where nobody is there to ask."""

import sys

import pytest
import torch

from sr_cli.errors import WeightsError
from sr_cli.weights import load_model


@pytest.fixture
def stranger(tmp_path):
    """Weights whose names no layout of srup's has."""
    state = {f"body.{i}.weight": torch.ones(3, 3, 3, 3) for i in (0, 1)}
    torch.save(state, path := tmp_path / "stranger.pth")
    return path


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_the_extra_is_named(suffix, stranger, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "spandrel", None)
    path = stranger
    if suffix == ".safetensors":
        from safetensors.torch import save_file

        save_file({"body.0.weight": torch.ones(3)}, path := tmp_path / "s.safetensors")
    with pytest.raises(WeightsError) as refusal:
        load_model(str(path))
    assert "no network that srup knows" in refusal.value.message
    assert "pip install 'srup[spandrel]'" in refusal.value.hint
    assert "\n" not in str(refusal.value)


def test_what_is_damaged_needs_no_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "spandrel", None)
    (path := tmp_path / "damaged.pth").write_bytes(b"PK\3\4" + bytes(100))
    with pytest.raises(WeightsError) as refusal:
        load_model(str(path))
    assert "spandrel" not in str(refusal.value)
