from dataclasses import replace

import pytest
import torch

from sr_cli.errors import ConfigError, DataError, DeviceError
from sr_cli.train import checkpoint, devices
from sr_cli.train.config import SYSTEMS, TrainConfig
from sr_cli.train.loop import start
from sr_cli.train.presets import preset
from sr_cli.train.run import Origins, RunFolder, Session, read_wishes, settle


@pytest.fixture
def folder(tmp_path, tiny):
    """A run that was saved after no update."""
    folder = RunFolder(tmp_path / "run")
    session = Session(str(tmp_path / "photos"), save_every=7)
    folder.begin(tiny(), session, Origins(3))
    checkpoint.save(start(tiny()), folder.checkpoint)
    return folder


def begin(folder, wanted, **how):
    return settle(folder, wanted, **({"resume": False, "overwrite": False} | how))


def test_a_new_run_takes_defaults_and_wishes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wanted = {"data": "photos", "validate": "val", "steps": 9, "device": "cpu"}
    config, session = begin(RunFolder(tmp_path), wanted)
    assert config == TrainConfig(steps=9)
    assert session == Session(str(tmp_path / "photos"), str(tmp_path / "val"))
    assert session.data_name == "photos"
    assert begin(RunFolder(tmp_path), {"data": "div2k"})[1].data == "div2k"


def test_a_resumed_run_keeps_what_is_not_changed(folder, tiny, tmp_path):
    config, session = begin(folder, {"steps": 60, "log_every": 5}, resume=True)
    assert config == tiny(steps=60)
    assert session == Session(str(tmp_path / "photos"), save_every=7, log_every=5)


def test_a_run_of_an_earlier_srup_needs_its_photos_named(folder):
    folder.settings.unlink()
    with pytest.raises(ConfigError, match="No photos are named"):
        begin(folder, {}, resume=True)
    _, session = begin(folder, {"data": "/photos"}, resume=True)
    assert session.save_every == 500


def test_a_run_is_not_begun_over_another(folder, tmp_path):
    with pytest.raises(ConfigError, match="holds a run already") as refusal:
        begin(folder, {"data": "x"})
    assert "--resume" in refusal.value.hint
    assert begin(folder, {"data": "x"}, overwrite=True)[0] == TrainConfig()
    folder.clear()
    assert list(folder.path.iterdir()) == []
    with pytest.raises(ConfigError, match="holds no run to resume"):
        begin(folder, {}, resume=True)


def test_presets_and_wishes_over_them(tmp_path):
    folder = RunFolder(tmp_path)
    wanted = {"data": "div2k", "network": "srresnet", "preset": "paper"}
    config, session = begin(folder, wanted | {"content": "vgg22", "steps": 5})
    assert config.variation_weight == 2e-8  # SRResNet-VGG22's
    assert (config.steps, config.crop, config.preset) == (5, 96, "paper")
    assert session.init is None
    wrong = wanted | {"content": "vgg99"}
    with pytest.raises(ConfigError, match="vgg99"):
        begin(folder, wrong)


def test_srgan_begins_with_a_srresnet(tmp_path):
    folder = RunFolder(tmp_path)
    wanted = {"data": "div2k", "network": "srgan"}
    config, session = begin(folder, wanted)
    assert (config.network, session.init) == ("srgan", "srresnet")
    paper = wanted | {"preset": "paper"}
    with pytest.raises(ConfigError, match="begins with a trained SRResNet") as refusal:
        begin(folder, paper)
    assert "--init none" in refusal.value.hint
    assert begin(folder, paper | {"init": "none"})[1].init is None
    (tmp_path / "run").mkdir()
    _, session = begin(folder, paper | {"init": str(tmp_path / "run")})
    assert session.init == str(tmp_path / "run")


def test_a_run_can_be_resumed_from_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vgg.pth").touch()
    (tmp_path / "first").mkdir()
    wanted = {"data": "photos", "init": "first", "features_file": "vgg.pth,random"}
    _, session = begin(RunFolder(tmp_path / "run"), wanted)
    assert session.data == str(tmp_path / "photos")
    assert session.init == str(tmp_path / "first")
    assert session.features_file == f"{tmp_path / 'vgg.pth'},random"


def test_wishes_from_a_file(tmp_path):
    path = tmp_path / "wishes.toml"
    path.write_text('crop = 64\nlearning-rate = 1e-5\ndata = "photos"\n')
    assert read_wishes(path) == {"crop": 64, "learning_rate": 1e-5, "data": "photos"}
    path.write_text("crop = 64\ncrops = 3\nbatches = 1\n")
    with pytest.raises(ConfigError, match="doesn't exist: batches, crops"):
        read_wishes(path)
    path.write_text("crop =")
    with pytest.raises(ConfigError, match="Cannot read the settings"):
        read_wishes(path)
    with pytest.raises(ConfigError, match="Cannot read the settings"):
        read_wishes(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="wrong kind"):
        begin(RunFolder(tmp_path), {"data": "div2k", "crop": "large"})


@pytest.mark.parametrize("network", SYSTEMS)
def test_a_runs_settings_make_the_same_run_elsewhere(tmp_path, network):
    config = replace(preset(network, "paper"), decay=None, seed=4)
    first = RunFolder(tmp_path / "first")
    session = Session("div2k", init="none", tensorboard=True, cache_gib=1.5)
    first.begin(config, session, Origins(3, "x", ("y", "z")))
    assert first.read_settings() == (session, Origins(3, "x", ("y", "z")))
    wishes = read_wishes(first.settings)
    again, same = begin(RunFolder(tmp_path / "second"), wishes)
    assert (again, same) == (
        replace(config, decay=again.decay),
        replace(session, init=None),
    )


def test_settings_can_be_read_by_people(folder, tiny):
    folder.begin(tiny(), Session("div2k"), Origins(800, "srresnet (sha256 5)"))
    assert "\nchannels = 8\n" in folder.settings.read_text()
    origins = Origins(800, "srresnet (sha256 5)")
    assert folder.read_settings() == (Session("div2k"), origins)
    facts = folder.facts(tiny(), 4, 7200.0)
    told = (facts.steps, facts.hours, facts.data, facts.photos, facts.init)
    assert told == (4, 2.0, "div2k", 800, origins.init)


def test_damaged_settings(folder):
    folder.settings.write_text("{")
    with pytest.raises(DataError, match=r"Cannot read .*config\.toml"):
        folder.read_settings()


def test_a_folder_that_cannot_be_made(tmp_path, tiny):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="Cannot write to"):
        RunFolder(tmp_path / "file" / "run").begin(tiny(), Session("x"), Origins())


def test_devices(monkeypatch):
    assert devices.prepare_device("cpu", threads=1) == "cpu"
    for name in ("cuda", "mps"):
        monkeypatch.setattr(
            f"torch.{'' if name == 'cuda' else 'backends.'}{name}.is_available",
            lambda: False,
        )
    assert devices.prepare_device("auto") == "cpu"
    with pytest.raises(DeviceError, match="no usable cuda device"):
        devices.prepare_device("cuda")
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    assert devices.prepare_device("auto") == "mps"
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.backends.cudnn.benchmark", False)
    told = []
    monkeypatch.setattr("torch.set_float32_matmul_precision", told.append)
    assert devices.prepare_device("auto") == "cuda"
    assert torch.backends.cudnn.benchmark
    assert told == ["high"]
