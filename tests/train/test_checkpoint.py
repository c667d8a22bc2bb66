import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from sr_cli.errors import ConfigError, DataError
from sr_cli.train import checkpoint
from sr_cli.train.loop import Means, start, train


@pytest.fixture
def saved(tiny, crops, tmp_path):
    state = start(tiny(normalization="batch", steps=2))
    list(train(state, Means(crops), tmp_path / "run.safetensors"))
    return state, tmp_path / "run.safetensors"


def test_all_that_changes_comes_back(saved, tiny):
    state, path = saved
    fresh = start(tiny(normalization="batch", steps=2, seed=5))
    checkpoint.restore(fresh, path)
    assert (fresh.step, fresh.seconds) == (2, state.seconds)
    for one, other in zip(state.optimizers, fresh.optimizers, strict=True):
        for index, slots in one.state_dict()["state"].items():
            again = other.state_dict()["state"][index]
            for name, value in slots.items():
                assert torch.equal(value, again[name])
                assert value.stride() == again[name].stride()
    assert checkpoint.read_config(path) == state.config
    part = checkpoint.read_average(path)
    assert (part.config, part.step) == (state.config, 2)
    assert part.average.keys() == state.average.keys()


@pytest.mark.parametrize(
    "failing", ["sr_cli.train.checkpoint.serialize", "os.fsync", "pathlib.Path.replace"]
)
def test_a_save_that_fails_leaves_the_last_one(saved, monkeypatch, failing):
    state, path = saved
    before = path.read_bytes()

    def fail(*_args, **_named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(failing, fail)
    state.step = 77
    with pytest.raises(DataError, match="No space left"):
        checkpoint.save(state, path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_another_network_is_refused(saved, tiny):
    _, path = saved
    for changes in ({"normalization": "none"}, {"blocks": 2}, {"optimizer": "adam"}):
        config = tiny(**({"normalization": "batch"} | changes))
        with pytest.raises(ConfigError, match="The run was started with"):
            checkpoint.restore(start(config), path)


def test_files_that_are_no_checkpoints(saved, tiny, tmp_path):
    _, path = saved
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="Cannot read the checkpoint"):
        checkpoint.read_config(path)
    with pytest.raises(DataError, match="Cannot read the checkpoint"):
        checkpoint.read_config(tmp_path / "none.safetensors")
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(DataError, match="is not a checkpoint"):
        checkpoint.restore(start(tiny()), path)


@pytest.mark.parametrize("judge", ["dense", "patch"])
def test_an_earlier_discriminator_is_refused(tiny, crops, tmp_path, judge):
    """It had one optimiser, and in patches other layers; nothing is restored."""
    settings = {"network": "srgan", "discriminator": judge, "optimizer": "adam"}
    config = tiny(**settings, discriminator_channels=2, adversarial_weight=0.1, steps=1)
    path = tmp_path / "run.safetensors"
    list(train(start(config), Means(crops), path))
    checkpoint.restore(start(config), path)
    with safe_open(path, "pt") as file:
        header = file.metadata()
    tensors = load_file(path)
    slots = {k: k.replace("optimizer.0.", "optimizer.") for k in tensors}
    slots |= {k: k for k in tensors if k.startswith("optimizer.")}
    layers = {k: k.replace("discriminator.", "discriminator.old.") for k in tensors}
    for names in (slots, layers):
        save_file({names[k]: v for k, v in tensors.items()}, path, header)
        fresh = start(config)
        with pytest.raises(ConfigError, match="srup had before"):
            checkpoint.restore(fresh, path)
        assert fresh.step == 0


def test_names_are_stable(saved):
    """Runs that are going on depend on them."""
    names = load_file(saved[1]).keys()
    for name in (
        "network.blocks.0.conv1.weight",
        "average.merge_norm.running_mean",
        "optimizer.0.0.exp_avg",
        "optimizer.1.0.momentum",
    ):
        assert name in names
