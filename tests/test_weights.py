"""Names to verified networks, with the faults that files have."""

import dataclasses

import numpy as np
import pytest
from safetensors.numpy import save_file

from conftest import TINY, tiny_state
from sr_cli import catalog, weights
from sr_cli.catalog import MODELS, Architecture, ModelSpec
from sr_cli.errors import ModelError, WeightsError
from sr_cli.networks.graph import build_onnx
from sr_cli.weights import HEADER_ARCHITECTURE, load_model


@pytest.mark.parametrize("spec", MODELS, ids=lambda spec: spec.id)
def test_every_row_has_its_bundled_weights(spec):
    model = load_model(spec.id)
    assert model.sha256 == spec.sha256
    assert model.architecture == spec.architecture
    assert model.network.scale == 4
    assert (weights.bundled_folder() / f"{spec.id}.md").is_file()


def test_ids_are_unique():
    assert len({spec.id for spec in MODELS}) == len(MODELS) > 0


def test_a_local_file_loads(tiny_weights):
    model = load_model(str(tiny_weights))
    assert model.id == "tiny"
    assert model.architecture == TINY["batch"]
    assert len(model.sha256) == 64


def test_an_unknown_model_names_the_known():
    with pytest.raises(ModelError, match=r"no model called 'vdsr'.*srresnet"):
        load_model("vdsr")


def test_a_missing_file_says_so():
    with pytest.raises(WeightsError, match="no weights file nowhere"):
        load_model("nowhere.safetensors")


@pytest.mark.parametrize("keep", [0, 5, 100, 2000])
def test_a_truncated_file_is_refused(tiny_weights, tmp_path, keep):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(tiny_weights.read_bytes()[:keep])
    with pytest.raises(WeightsError, match="Cannot read the weights"):
        load_model(str(broken))


def test_a_file_without_facts_is_refused(tmp_path):
    path = tmp_path / "foreign.safetensors"
    save_file({"x": np.zeros(1, np.float32)}, path)
    with pytest.raises(WeightsError, match="for no network that srup knows"):
        load_model(str(path))


@pytest.mark.parametrize(
    "facts",
    ["nonsense", "{}", '{"family": "gan", "output_range": [0, 1]}', "[1]"],
)
def test_unknown_facts_are_refused(tmp_path, facts):
    path = tmp_path / "odd.safetensors"
    header = {HEADER_ARCHITECTURE: facts}
    save_file({"x": np.zeros(1, np.float32)}, path, metadata=header)
    with pytest.raises(WeightsError):
        load_model(str(path))


def test_tensors_that_are_not_what_the_header_says_are_refused(tmp_path):
    path = tmp_path / "odd.safetensors"
    header = {HEADER_ARCHITECTURE: TINY["none"].to_json()}
    for shape in ((), (3,), (3, 8), (3, 8, 9)):
        state = tiny_state(TINY["none"]) | {"tail.weight": np.zeros(shape, np.float32)}
        save_file(state, path, metadata=header)
        with pytest.raises(WeightsError, match=r"not those of|expects|make"):
            load_model(str(path))


def test_a_file_of_others_loads_but_trains_nothing(tmp_path):
    import torch

    from foreign_networks import original

    network = original("BasicSR", 4)
    torch.save(network.state_dict(), path := tmp_path / "theirs.pth")
    model = load_model(str(path))
    assert (model.id, model.network.scale, dict(model.header)) == ("theirs", 4, {})
    assert model.sha256 == weights.file_sha256(path)
    with pytest.raises(WeightsError, match=r"no file of srup's own.*srup train"):
        _ = model.architecture


def test_an_onnx_graph_is_a_model(tiny_network, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(build_onnx(tiny_network))
    model = load_model(str(path))
    assert (model.id, model.network.scale) == ("net", 4)
    assert len(model.network.layers) == len(tiny_network.layers)


def test_architecture_survives_its_header():
    facts = Architecture(blocks=5, normalization="none", output_range=(-1.0, 1.0))
    assert Architecture.from_json(facts.to_json()) == facts


@pytest.fixture
def one_row(tiny_weights, tmp_path, monkeypatch) -> ModelSpec:
    """A catalog of one row, in a folder of its own."""
    bundled = tmp_path / "bundled"
    bundled.mkdir()
    data = tiny_weights.read_bytes()
    (bundled / "tiny.safetensors").write_bytes(data)
    digest = weights.file_sha256(tiny_weights)
    spec = ModelSpec("tiny", TINY["batch"], digest, "a test")
    monkeypatch.setattr(catalog, "MODELS", (spec,))
    monkeypatch.setattr(weights, "bundled_folder", lambda: bundled)
    return spec


def test_a_catalog_row_loads_verified(one_row):
    assert load_model("tiny").sha256 == one_row.sha256


def test_a_flipped_bit_is_refused_with_expected_and_got(one_row):
    path = weights.bundled_folder() / "tiny.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(WeightsError, match=rf"damaged.*not {one_row.sha256}.*again"):
        load_model("tiny")


def test_a_missing_bundled_file_is_named(one_row):
    (weights.bundled_folder() / "tiny.safetensors").unlink()
    with pytest.raises(WeightsError, match="weights of tiny are missing"):
        load_model("tiny")


@pytest.fixture
def hub_cache(tmp_path, monkeypatch, tiny_weights):
    """The Hub's own cache layout with one repository in it, and no network."""
    from huggingface_hub import constants

    cache = tmp_path / "hub"
    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = cache / "models--somebody--sharp" / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (snapshot / "net.safetensors").write_bytes(tiny_weights.read_bytes())
    refs = cache / "models--somebody--sharp" / "refs"
    refs.mkdir()
    (refs / "main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return snapshot


@pytest.mark.parametrize(
    "name",
    [
        "hf:somebody/sharp",
        "hf:somebody/sharp@main",
        "hf:somebody/sharp@main:net.safetensors",
        "hf:somebody/sharp:net.safetensors",
    ],
)
def test_a_cached_hub_model_loads_offline(hub_cache, name):
    model = load_model(name, offline=True)
    assert model.id == name
    assert model.architecture == TINY["batch"]


def test_a_hub_model_that_is_not_cached_says_so_offline(hub_cache):
    with pytest.raises(WeightsError, match="not in the Hub's cache"):
        load_model("hf:somebody/else", offline=True)


def test_several_files_on_the_hub_must_be_told_apart(hub_cache):
    (hub_cache / "other.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError, match="2 files to choose from"):
        load_model("hf:somebody/sharp", offline=True)


@pytest.mark.parametrize("name", ["hf:", "hf:a/b/c", "hf:..", "hf:-/x y"])
def test_a_name_that_is_no_repository(hub_cache, name):
    with pytest.raises(ModelError):
        load_model(name, offline=True)


def test_rows_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        MODELS[0].id = "x"  # type: ignore[misc]


def test_state_of_another_architecture_is_refused(tmp_path):
    path = tmp_path / "mixed.safetensors"
    facts = dataclasses.replace(TINY["none"], blocks=9)
    save_file(
        tiny_state(TINY["none"]), path, metadata={HEADER_ARCHITECTURE: facts.to_json()}
    )
    with pytest.raises(WeightsError, match="lack the tensor"):
        load_model(str(path))
