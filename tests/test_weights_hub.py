"""Models on the Hub: named by the user, or pinned by the catalog."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

import hub_server
from conftest import TINY
from hub_server import Hub
from sr_cli import catalog, weights
from sr_cli.catalog import ModelSpec
from sr_cli.errors import WeightsError
from sr_cli.fetch import Telling
from sr_cli.weights import load_between, load_model

REPO = "somebody/sharp"


@pytest.fixture
def hub(tmp_path) -> Iterator[Hub]:
    with (
        hub_server.serving() as hub,
        hub_server.settings(**hub_server.environment(hub, tmp_path / "home")),
    ):
        yield hub


@pytest.fixture
def row(hub, tiny_weights, tmp_path, monkeypatch) -> ModelSpec:
    """The only row of the catalog, which the Hub has."""
    commit = hub.put(REPO, {"tiny.safetensors": tiny_weights.read_bytes()})
    spec = ModelSpec(
        "tiny",
        TINY["batch"],
        weights.file_sha256(tiny_weights),
        "a test",
        repo=REPO,
        revision=commit,
    )
    (tmp_path / "bundled").mkdir()
    monkeypatch.setattr(catalog, "MODELS", (spec,))
    monkeypatch.setattr(weights, "bundled_folder", lambda: tmp_path / "bundled")
    return spec


def test_a_named_model_loads(hub, tiny_weights):
    hub.put(REPO, {"net.safetensors": tiny_weights.read_bytes()})
    told = []
    telling = Telling(lambda *counts: told.append(counts))
    model = load_model(f"hf:{REPO}", telling=telling)
    assert model.id == f"hf:{REPO}"
    assert model.architecture == TINY["batch"]
    size = tiny_weights.stat().st_size
    assert told[-1] == (size, size)


def test_a_row_is_fetched_once_and_needs_no_network_then(hub, row):
    model = load_model("tiny")
    assert (model.id, model.sha256) == ("tiny", row.sha256)
    hub.requests.clear()
    assert load_model("tiny").path == model.path
    assert load_model("tiny", offline=True).path == model.path
    assert not hub.requests


def test_bundled_comes_before_cache_and_hub(hub, row, tiny_weights, tmp_path):
    load_model("tiny")
    bundled = tmp_path / "bundled" / "tiny.safetensors"
    bundled.write_bytes(tiny_weights.read_bytes())
    assert load_model("tiny").path == bundled
    bundled.write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="damaged"):  # no way around it
        load_model("tiny")


def test_a_row_stays_where_its_commit_is(hub, row):
    hub.put(REPO, {"tiny.safetensors": b"something newer"})
    assert load_model("tiny").sha256 == row.sha256


def test_a_row_whose_file_is_another_is_refused(hub, row, monkeypatch, tmp_path):
    other = dataclasses.replace(row, sha256="0" * 64)
    monkeypatch.setattr(catalog, "MODELS", (other,))
    with pytest.raises(
        WeightsError, match=rf"{row.sha256}, and should be 0{{64}}\. Upgrade srup"
    ):
        load_model("tiny")
    assert not list(tmp_path.rglob("snapshots/*/*"))


def test_a_damaged_cache_is_refused_emptied_and_filled_again(hub, row):
    path = load_model("tiny").path
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.resolve().write_bytes(bytes(data))
    found = weights.file_sha256(path)
    with pytest.raises(WeightsError) as refusal:
        load_model("tiny", offline=True)
    assert f"{found}, and should be {row.sha256}" in refusal.value.message
    assert "removed" in refusal.value.hint
    with pytest.raises(WeightsError, match="not in the Hub's cache"):
        load_model("tiny", offline=True)
    assert load_model("tiny").sha256 == row.sha256


def test_a_row_that_is_nowhere_says_so_offline(hub, row):
    with pytest.raises(WeightsError, match=r"hf:somebody/sharp@.*network is not to be"):
        load_model("tiny", offline=True)
    with pytest.raises(WeightsError, match="not in the Hub's cache"):
        load_between("tiny", 0.5, offline=True)


def test_weights_of_others_load_from_the_hub(hub, tmp_path):
    import torch

    from foreign_networks import original

    torch.save(original("BasicSR", 4).state_dict(), path := tmp_path / "x.pth")
    hub.put(REPO, {"x.pth": path.read_bytes()})
    assert load_model(f"hf:{REPO}:x.pth").network.scale == 4


@pytest.mark.parametrize(
    "name", ["hf:a/b:../x.safetensors", "hf:a/b@../c", "hf:a/b:/x"]
)
def test_names_that_lead_out_of_the_cache_are_refused(hub, name):
    with pytest.raises(catalog.ModelError, match="names no file"):
        load_model(name)
    assert not hub.requests


def test_nothing_is_left_behind(hub, row, tmp_path):
    load_model("tiny")
    names = {path.name for path in Path(tmp_path, "home").rglob("*") if path.is_file()}
    assert not [name for name in names if name.endswith((".part", ".part.json"))]
