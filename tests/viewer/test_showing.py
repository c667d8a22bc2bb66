"""`--compare` and `--map`, from real files by real models."""

from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

from sr_cli.cli.options import Running
from sr_cli.cli.showing import Showing
from sr_cli.errors import DataError, PictureError
from sr_cli.jobs import Job

CPU = Running("cpu", "auto", "float32", None, None, exact=False, offline=True)


@pytest.fixture
def job(tmp_path, small_photo):
    """Twelve by ten pixels of a photo, and four times as many."""
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    with Image.open(small_photo) as photo:
        photo.crop((0, 0, 12, 10)).save(source)
        photo.resize((48, 40)).save(target)
    return Job(source, target)


def test_page_and_map_are_written(tmp_path, job):
    page, heat = tmp_path / "page.html", tmp_path / "map.png"
    showing = Showing(page, heat)
    showing.check([job], overwrite=False)
    said = showing.show([job], "srresnet", CPU, page=None, overwrite=False)
    assert "in.png" in page.read_text(encoding="utf-8")
    assert np.asarray(Image.open(heat))[:40, :48].any()
    assert len(said) == 2
    number = float(said[1].partition("srgan invented ")[2].partition(" ")[0])
    assert 0 < number < 100


def test_nothing_asked_for_is_nothing(job):
    showing = Showing(None, None)
    showing.check([job], overwrite=False)
    assert showing.show([job], "srresnet", CPU, page=None, overwrite=False) == []


@pytest.mark.parametrize("name", ["page.html", "map.png"])
def test_what_is_there_is_refused_before_any_work(tmp_path, job, name):
    path = tmp_path / name
    path.write_bytes(b"kept")
    is_page = path.suffix == ".html"
    showing = Showing(path, None) if is_page else Showing(None, path)
    with pytest.raises((DataError, PictureError), match="exists"):
        showing.check([job], overwrite=False)
    showing.check([job], overwrite=True)
    assert path.read_bytes() == b"kept"


def test_streams_and_several_maps_are_refused(tmp_path, job):
    with pytest.raises(click.UsageError, match="streams"):
        Showing(tmp_path / "p.html", None).check(
            [Job(job.source, None)], overwrite=False
        )
    for jobs in ([job, job], [Job(None, job.target)]):
        with pytest.raises(click.UsageError, match="one picture"):
            Showing(None, Path("map.png")).check(jobs, overwrite=False)
    with pytest.raises(click.UsageError, match="its own"):
        Showing(None, job.target).check([job], overwrite=True)
