"""What is looked up, and what is not shown."""

import os
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from sr_cli.catalog import MODELS
from sr_cli.doctor import extras, models, places, privacy
from sr_cli.networks.fuse import Enlarge
from sr_cli.weights import bundled_folder, file_sha256


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "alice"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    return folder


def test_homes_are_hidden_wherever_they_stand(home):
    value = {
        "path": f"{home}/models/x.pth",
        "list": [f"Cannot read {home}: no such file", f"'{home}'", 3, None],
        "other": f"{home}2/x and /mnt{home}/x and {home.parent}/bob",
    }
    assert privacy.without_home(value) == {
        "path": "~/models/x.pth",
        "list": ["Cannot read ~: no such file", "'~'", 3, None],
        "other": value["other"],
    }


@pytest.mark.skipif(os.name == "nt", reason="needs links")
def test_a_home_behind_a_link_is_hidden(home, tmp_path, monkeypatch):
    link = tmp_path / "link"
    link.symlink_to(home)
    monkeypatch.setenv("HOME", str(link))
    assert privacy.without_home(f"{home}/a {link}/b") == "~/a ~/b"


@pytest.mark.skipif(os.name == "nt", reason="homes are no roots there")
def test_a_home_at_the_root_hides_nothing(monkeypatch):
    monkeypatch.setenv("HOME", "/")
    assert privacy.without_home("/usr/lib and /") == "/usr/lib and /"


def test_caches_are_measured(home, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    folder = home / "cache" / "srup" / "datasets"
    folder.mkdir(parents=True)
    (folder / "a.zip").write_bytes(bytes(1000))
    (folder.parent / "trials.json").write_bytes(bytes(24))
    if os.name != "nt":
        (folder / "again.zip").symlink_to(folder / "a.zip")
        (folder / "around").symlink_to(folder)
    ours, _ = places.places()
    assert ours.path == str(folder.parent)
    assert (ours.exists, ours.bytes, ours.files, ours.whole) == (True, 1024, 2, True)
    (folder / "a.zip").unlink()
    assert places.places()[0].bytes == 24


def test_a_cache_that_is_not_there_is_empty(home, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    ours, _ = places.places()
    assert (ours.exists, ours.bytes, ours.files, ours.whole) == (False, 0, 0, True)


def test_a_cache_that_is_too_large_is_counted_for_a_while(home, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setattr(places, "_PATIENCE", 0.0)
    folder = home / "cache" / "srup"
    folder.mkdir(parents=True)
    for number in range(5):
        (folder / str(number)).write_bytes(b"x")
    ours, _ = places.places()
    assert not ours.whole
    assert ours.files < 5


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package with extras, as pip would have left it."""
    folder = tmp_path / "site" / "sample-1.0.dist-info"
    folder.mkdir(parents=True)
    requirements = (
        "click>=8.1",
        "tomli>=2.0; python_version < '3.11'",
        'numpy>=2.0; extra == "watch"',
        'Not.There[all]<3,>=2; (sys_platform != "aix") and extra == "watch"',
        'pytest; extra == "test"',
        "pillow; extra == 'heic'",
    )
    lines = ["Metadata-Version: 2.4", "Name: sample", "Version: 1.0"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requirements]
    (folder / "METADATA").write_text("\n".join(lines) + "\n")
    monkeypatch.syspath_prepend(str(folder.parent))


def test_extras_are_found_or_missing(installed):
    watch, heic = extras.extras("sample")
    assert watch.name == "watch"
    assert watch.found == (f"numpy {version('numpy')}",)
    assert watch.missing == ("Not.There",)
    assert heic.found == (f"pillow {version('pillow')}",)
    assert heic.missing == ()


def test_without_an_installation_no_extras_are_known():
    assert extras.extras("nothing-of-that-name") == ()


@pytest.fixture
def own_weights(tmp_path, monkeypatch):
    """The bundled weights, copied to where they can be damaged."""
    for spec in MODELS:
        target = tmp_path / spec.file_name
        target.write_bytes((bundled_folder() / spec.file_name).read_bytes())
    for name, module in list(sys.modules.items()):
        if name.startswith("sr_cli.") and hasattr(module, "bundled_folder"):
            monkeypatch.setattr(module, "bundled_folder", lambda: tmp_path)
    return tmp_path


def test_models_are_verified(own_weights):
    found = models.models()
    assert [model.id for model in found[: len(MODELS)]] == [m.id for m in MODELS]
    for model in found:
        assert not model.fault
        assert file_sha256(Path(model.path)) == model.sha256


def test_damaged_and_missing_models_are_named(own_weights):
    first, second, *_ = MODELS
    with (own_weights / first.file_name).open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\0")
    (own_weights / second.file_name).unlink()
    damaged, missing, *_ = models.models()
    found = file_sha256(own_weights / first.file_name)
    assert damaged.fault == (
        f"The weights of {first.id} are damaged: their sha256 is {found}"
    )
    assert missing.fault == f"The weights of {second.id} are missing"
    assert missing.path == ""
    name, network = models.network_to_try()
    assert name == MODELS[2].id
    assert network.scale == 4


def test_without_whole_weights_there_is_still_a_network(own_weights):
    for spec in MODELS:
        (own_weights / spec.file_name).write_bytes(b"nothing")
    name, network = models.network_to_try()
    assert name == "bicubic enlargement"
    assert network.layers == (Enlarge(4),)
