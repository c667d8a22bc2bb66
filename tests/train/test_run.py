import json

import pytest
import torch

from sr_cli.bench.datasets import cache_folder
from sr_cli.errors import ConfigError, DataError, DeviceError
from sr_cli.train import checkpoint, devices
from sr_cli.train.config import TrainConfig
from sr_cli.train.datasets import find_photos
from sr_cli.train.loop import start
from sr_cli.train.run import RunFolder, Session, settle


@pytest.fixture
def folder(tmp_path, tiny):
    """A run that was saved after no update."""
    folder = RunFolder(tmp_path / "run")
    session = Session(str(tmp_path / "photos"), save_every=7)
    folder.begin(tiny(), session, 3)
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


def test_settings_can_be_read_by_people_and_leftovers_go(folder, tiny):
    stale = folder.path / ".srup-0123.part"
    stale.touch()
    folder.begin(tiny(), Session("div2k"), 800)
    assert not stale.exists()
    settings = json.loads(folder.settings.read_text())
    assert settings["config"]["channels"] == 8
    assert folder.read_settings() == (Session("div2k"), 800)
    facts = folder.facts(tiny(), 4, 7200.0)
    assert (facts.steps, facts.hours, facts.data, facts.photos) == (
        4,
        2.0,
        "div2k",
        800,
    )


def test_damaged_settings(folder):
    folder.settings.write_text("{")
    with pytest.raises(DataError, match=r"Cannot read .*config\.json"):
        folder.read_settings()


def test_a_folder_that_cannot_be_made(tmp_path, tiny):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="Cannot write to"):
        RunFolder(tmp_path / "file" / "run").begin(tiny(), Session("x"), 1)


def test_known_photos_are_found_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="div2k is not on this machine") as refusal:
        find_photos("DIV2K")
    assert "https://data.vision.ee.ethz.ch/cvl/DIV2K/" in refusal.value.hint
    (tmp_path / "div2k").mkdir()
    assert find_photos("div2k").resolve() == tmp_path / "div2k"
    (cache_folder() / "div2k").mkdir(parents=True)
    assert find_photos("div2k") == tmp_path / "srup/datasets/div2k"


def test_folders_that_are_none(tmp_path):
    (tmp_path / "file").touch()
    assert find_photos(str(tmp_path)) == tmp_path
    with pytest.raises(DataError, match="is a file, not a folder"):
        find_photos(str(tmp_path / "file"))
    with pytest.raises(DataError, match="is no folder"):
        find_photos(str(tmp_path / "none"))


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
