"""Sets that a command downloads, as the terminal shows it."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from sr_cli.cli import main
from sr_cli.datasets import KnownSet, Part, cache_folder, table
from sr_cli.datasets.table import Archive
from sr_cli.fetch import RemoteFile
from web_server import serving


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A server with a set of two pictures, which `srup` knows as photos."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for i in range(2):
            pixels = np.random.default_rng(i).integers(0, 255, (40, 40, 3), np.uint8)
            picture = io.BytesIO()
            Image.fromarray(pixels).save(picture, "png")
            archive.writestr(f"{i}.png", picture.getvalue())
    with serving() as site:
        source = Archive(RemoteFile(site.put("/photos.zip", packed.getvalue())))
        part = Part("photos", "both", 2, source)
        row = KnownSet("photos", "Photos", part, part, "free for all", "Me, 2001")
        monkeypatch.setattr(table, "KNOWN_SETS", (row,))
        yield site


def bench(*arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "photos", "--baselines-only", *arguments])
    return stopped.value.code


def test_bench_downloads_what_it_measures(site, capsys):
    assert bench() == 0
    out, err = capsys.readouterr()
    assert "Getting Photos: both, to " in err
    assert "Nobody has published hashes" in err
    assert "photos: 2 pictures" in out
    assert bench("-q") == 0
    assert len(site.requests) == 1


def test_offline_downloads_nothing(site, capsys):
    assert bench("--offline") == 1
    assert "photos is not on this machine" in capsys.readouterr().err
    assert site.requests == []


def test_quiet_is_quiet(site, capsys):
    assert bench("--quiet", "--json", "-") == 0
    assert capsys.readouterr().err == ""


def test_a_failure_is_a_sentence_with_a_remedy(site, capsys):
    site.files.clear()
    assert bench() == 1
    error = capsys.readouterr().err
    assert "Error: Cannot get http://127.0.0.1" in error
    assert "(404 Not Found). Check the network" in error
    assert f"put the pictures in {cache_folder() / 'photos'}." in error


def test_a_terminal_sees_how_far_it_is(site, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    assert bench() == 0
    error = capsys.readouterr().err
    assert "Downloading" in error
    assert "Unpacking" in error
    assert "kB" in error
