import json
import os
from hashlib import sha256

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from sr_cli import __version__
from sr_cli.errors import DataError, WeightsError
from sr_cli.networks.fuse import Conv, fuse
from sr_cli.train.export import HEADER_TRAINING, TrainingFacts, export, start_from
from sr_cli.train.loop import Means, start, train
from sr_cli.weights import HEADER_ARCHITECTURE, load_model


@pytest.fixture(params=["batch", "none"])
def trained(request, tiny, crops, tmp_path):
    state = start(tiny(normalization=request.param))
    list(train(state, Means(crops), tmp_path / "checkpoint"))
    return state


def test_what_is_exported_is_what_is_loaded(trained, tmp_path):
    facts = TrainingFacts(trained.config, 6, 0.5, "photos", 3)
    path = tmp_path / "tiny.safetensors"
    digest = export(trained.average, facts, path)
    assert digest == sha256(path.read_bytes()).hexdigest()
    model = load_model(str(path))
    assert (model.id, model.sha256) == ("tiny", digest)
    assert model.architecture == trained.config.architecture
    state = {k: v.numpy() for k, v in trained.average.items()}
    expected = fuse(state, trained.config.architecture).layers
    for ours, theirs in zip(model.network.layers, expected, strict=True):
        assert type(ours) is type(theirs)
        if isinstance(ours, Conv):
            assert np.array_equal(ours.weight, theirs.weight)
            assert np.array_equal(ours.bias, theirs.bias)


def test_the_header_tells_the_facts(trained, tmp_path):
    facts = TrainingFacts(trained.config, 6, 0.5, "photos", 3)
    path = tmp_path / "tiny.safetensors"
    export(trained.average, facts, path)
    with safe_open(path, "np") as file:
        header = file.metadata()
        assert {file.get_tensor(n).dtype for n in file.keys()} == {np.dtype("f4")}  # noqa: SIM118
    assert set(header) == {HEADER_ARCHITECTURE, HEADER_TRAINING, "srup.version"}
    assert header["srup.version"] == __version__
    told = json.loads(header[HEADER_TRAINING])
    assert told["steps"] == 6
    assert told["photos"] == 3
    assert told["config"]["learning_rate"] == 1e-3


def test_the_same_weights_make_the_same_file(trained, tmp_path):
    facts = TrainingFacts(trained.config, 6, 0.5)
    paths = [tmp_path / name for name in ("a", "b")]
    digests = {export(trained.average, facts, path) for path in paths}
    assert len(digests) == 1
    assert paths[0].read_bytes() == paths[1].read_bytes()
    # The tensors' data begin where an aligned reader wants them.
    assert int.from_bytes(paths[0].read_bytes()[:8], "little") % 8 == 0


def test_training_can_start_from_exported_weights(trained, tmp_path):
    path = tmp_path / "tiny.safetensors"
    export(trained.average, TrainingFacts(trained.config, 6, 0.5), path)
    state = start(trained.config)
    told = start_from(state, str(path))
    assert told == f"tiny (sha256 {sha256(path.read_bytes()).hexdigest()})"
    for name, value in load_file(path).items():
        assert torch.equal(state.network.state_dict()[name], value)
        assert torch.equal(state.average[name], value)


@pytest.mark.parametrize("ranges", [("unit", "signed"), ("signed", "unit")])
def test_the_range_of_the_output_may_differ(tiny, tmp_path, ranges):
    old, new = (start(tiny(target_range=name, seed=n)) for n, name in enumerate(ranges))
    path = tmp_path / "tiny.safetensors"
    export(old.average, TrainingFacts(old.config, 6, 0.5), path)
    start_from(new, str(path))
    low = torch.rand(1, 3, 6, 6)
    answers = []
    for state in (old, new):
        black, white = state.config.architecture.output_range
        answers.append((state.network(low) - black) / (white - black))
    assert torch.allclose(*answers, atol=1e-5)


def test_weights_of_another_network_are_no_start(trained, tiny, tmp_path):
    path = tmp_path / "tiny.safetensors"
    export(trained.average, TrainingFacts(trained.config, 6, 0.5), path)
    with pytest.raises(WeightsError, match="another network"):
        start_from(start(tiny(blocks=2)), str(path))
    with pytest.raises(WeightsError, match="There is no weights file"):
        start_from(start(tiny()), str(tmp_path / "none.safetensors"))


@pytest.mark.skipif(os.name == "nt", reason="folders are no files there")
def test_a_place_that_takes_no_file(trained, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="Cannot write the weights"):
        export(
            trained.average, TrainingFacts(trained.config, 6, 0.5), tmp_path / "file/x"
        )
