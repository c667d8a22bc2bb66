from pathlib import Path

import numpy as np
import pytest

from sr_cli.degrade import downscale
from sr_cli.train import drawings
from sr_cli.train.drawings import draw_page, draw_pages, find_fonts


def edges(pixels: np.ndarray) -> float:
    """The share of neighbours that differ by more than what noise does."""
    steps = np.abs(np.diff(pixels.astype(int), axis=1)).max(axis=2)
    return float((steps > 30).mean())


def test_pages_are_pairs_full_of_edges():
    pages = draw_pages(12, seed=3)
    assert len(pages) == 12
    for pair in pages:
        assert (pair.high.shape, pair.high.dtype) == ((480, 480, 3), np.uint8)
        np.testing.assert_array_equal(pair.low, downscale(pair.high, 4))
    assert 0.02 < np.mean([edges(pair.high) for pair in pages]) < 0.4


def test_a_page_depends_on_its_seed_and_place_alone():
    few, many = draw_pages(2, seed=0), draw_pages(4, seed=0)
    for one, other in zip(few, many, strict=False):
        np.testing.assert_array_equal(one.high, other.high)
    assert not np.array_equal(many[0].high, many[1].high)
    assert not np.array_equal(many[0].high, draw_pages(1, seed=1)[0].high)


@pytest.mark.parametrize("content", [None, b"", b"no font at all"])
def test_without_a_good_font_pillows_own_is_taken(tmp_path, content):
    fonts: list[Path] = []
    if content is not None:
        fonts = [tmp_path / "broken.ttf"]
        fonts[0].write_bytes(content)
    alone = [draw_page(np.random.default_rng(seed), fonts) for seed in range(6)]
    assert np.mean([edges(page) for page in alone]) > 0.02


def test_fonts_are_sought_where_the_system_has_them(tmp_path, monkeypatch):
    deep = tmp_path / "Fonts" / "deep"
    deep.mkdir(parents=True)
    for name in ("b.ttf", "a.OTF", "c.txt"):
        (deep / name).touch()
    monkeypatch.setattr(drawings.sys, "platform", "win32")
    monkeypatch.setenv("WINDIR", str(tmp_path))
    assert [path.name for path in find_fonts()] == ["a.OTF", "b.ttf"]
