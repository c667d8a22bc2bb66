"""Pictures from files become versions of one exhibit."""

import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from sr_cli.cli import cli
from sr_cli.errors import DataError
from sr_cli.viewer.compare import exhibits, labels
from sr_cli.viewer.saving import check_page, save_page, told


def save(path, height=6, width=8, seed=0, mode="RGB"):
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (height, width, len(mode)), np.uint8)
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels.squeeze(), mode=None).save(path)
    return path


def test_sizes_and_figures(tmp_path):
    one = save(tmp_path / "a.png")
    other = save(tmp_path / "b.png", seed=1)
    small = save(tmp_path / "c.png", 3, 4)
    (found,) = exhibits([one, other, small])
    assert [version.label for version in found.versions] == ["a.png", "b.png", "c.png"]
    assert [version.pixels.shape[0] for version in found.versions] == [6, 6, 3]
    first, second, third = (version.figures for version in found.versions)
    assert not first
    assert not third
    (value,) = second.values()
    assert 5 < value < 20


def test_gray_and_transparent_pictures_are_shown_on_white(tmp_path):
    gray = save(tmp_path / "g.png", mode="L")
    clear = save(tmp_path / "t.png", mode="RGBA")
    with Image.open(clear) as image:
        image.putalpha(0)
        image.save(clear)
    (found,) = exhibits([gray, clear])
    assert all(version.pixels.shape == (6, 8, 3) for version in found.versions)
    assert (found.versions[1].pixels == 255).all()


def test_folders_are_compared_by_name(tmp_path):
    for folder in ("one", "two"):
        for name in ("x.png", "y.png", f"{folder}.png"):
            save(tmp_path / folder / name)
    (tmp_path / "one" / "z.txt").write_text("no picture")
    (tmp_path / "two" / "z.txt").write_text("no picture")
    found = exhibits([tmp_path / "one", tmp_path / "two"])
    assert [exhibit.name for exhibit in found] == ["x", "y"]
    assert [version.label for version in found[0].versions] == ["one", "two"]


@pytest.mark.parametrize("names", [["one/x.png"], ["one", "one/x.png"], ["one", "two"]])
def test_what_cannot_be_compared_is_refused(tmp_path, names):
    save(tmp_path / "one" / "x.png")
    save(tmp_path / "two" / "y.png")
    with pytest.raises(DataError):
        exhibits([tmp_path / name for name in names])


def test_labels_tell_files_apart():
    assert labels([Path("a/x.png"), Path("b/x.png")]) == ["a/x.png", "b/x.png"]
    assert labels([Path("a/x.png"), Path("b/y.png")]) == ["x.png", "y.png"]
    assert labels([Path("x.png"), Path("x.png")]) == ["x.png", "x.png (2)"]


def test_a_page_is_not_replaced_unasked(tmp_path):
    path = tmp_path / "p.html"
    check_page(path)
    save_page("ü", path)
    assert path.read_bytes() == "ü".encode()
    for refuse in (check_page, lambda path: save_page("new", path)):
        with pytest.raises(DataError, match="exists"):
            refuse(path)
    assert path.read_text(encoding="utf-8") == "ü"
    save_page("new", path, overwrite=True)
    assert path.read_text() == "new"


@pytest.mark.parametrize("name", ["p.png", "nowhere/p.html", "folder.html"])
def test_a_place_that_takes_no_page_is_refused(tmp_path, name):
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(DataError):
        check_page(tmp_path / name, overwrite=True)


def test_the_command(tmp_path):
    one = save(tmp_path / "a & <b>.png")
    other = save(tmp_path / "b.png", seed=1)
    page = tmp_path / "page.html"
    words = ["compare", str(one), str(other), "-o", str(page)]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    text = page.read_text(encoding="utf-8")
    assert "a &amp; &lt;b&gt;.png" in text
    assert len(re.findall(r"data:image/webp;base64,", text)) == 2
    again = CliRunner().invoke(cli, words)
    assert isinstance(again.exception, DataError)


def test_a_damaged_picture_leaves_no_page(tmp_path):
    good, bad = save(tmp_path / "a.png"), tmp_path / "b.png"
    bad.write_bytes(good.read_bytes()[:60])
    page = tmp_path / "page.html"
    done = CliRunner().invoke(cli, ["compare", str(good), str(bad), "-o", str(page)])
    assert done.exit_code != 0
    assert not page.exists()


@pytest.mark.parametrize(
    ("size", "amount"),
    [(10, "1 kB"), (64_200, "64 kB"), (999_999, "999 kB"), (2_420_000, "2.4 MB")],
)
def test_a_small_page_has_a_size_too(size, amount):
    assert told("x" * size, Path("page.html")) == f"page.html ({amount})"
