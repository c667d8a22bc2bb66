"""Results of earlier runs are found by all that they depend on, and by nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from sr_cli.bench import results_cache
from sr_cli.bench.protocol import Protocol
from sr_cli.bench.quality import Conduct, ImageScore, Scores, measure
from sr_cli.bench.results_cache import results_of
from sr_cli.bench.rivals import RanOn, Rival, baselines

SCORE = ImageScore(
    *("mine", "a.png", 44, 48, False),
    Scores(30.0, 0.9, 30.0, 0.9, {"ssim_daala": 0.91}),
    *(1.5, RanOn("openvino", "cpu", "float32"), "ab" * 32, {}),
)
MINE = Rival("mine", lambda low: low, "cd" * 32)


def results(**changes):
    usual = {"protocol": Protocol(), "scale": 4, "running": "auto"}
    return results_of(**{**usual, **changes})


def test_what_is_kept_is_found_whole():
    results().keep(SCORE, MINE)
    assert results().find("ab" * 32, MINE) == SCORE


def test_a_model_is_its_weights_and_not_its_name():
    results().keep(SCORE, MINE)
    renamed = replace(MINE, id="other")
    assert results().find("ab" * 32, renamed) == replace(SCORE, rival="other")
    assert results().find("ab" * 32, replace(MINE, sha256="ef" * 32)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"protocol": Protocol(("psnr", "ssim", "daala"))},
        {"protocol": Protocol(border=0)},
        {"protocol": Protocol(reduction="pillow")},
        {"protocol": Protocol(gray_as_gray=False)},
        {"scale": 2},
        {"running": "float32"},
    ],
)
def test_another_way_of_measuring_finds_nothing(changes):
    results().keep(SCORE, MINE)
    assert results(**changes).find("ab" * 32, MINE) is None
    assert results().find("00" * 32, MINE) is None


def test_another_version_finds_nothing(monkeypatch):
    results().keep(SCORE, MINE)
    monkeypatch.setattr(results_cache, "__version__", "0.0.0")
    assert results().find("ab" * 32, MINE) is None


def test_interpolation_does_not_depend_on_how_models_run(photos):
    nearest = baselines()[0]
    (score,) = measure([photos / "a.png"], [nearest])
    results().keep(score, nearest)
    assert results(running="float32").find(score.sha256, nearest) == score


@pytest.mark.parametrize("version", [None, "0.1.16"])
def test_an_incomplete_result_is_kept_only_where_the_library_is_missing(
    version, monkeypatch
):
    monkeypatch.setattr(results_cache, "library_version", lambda: version)
    incomplete = replace(SCORE, not_computed={"niqe": "offline"})
    results().keep(incomplete, MINE)
    found = results().find("ab" * 32, MINE)
    assert found == (None if version else incomplete)


@pytest.mark.parametrize("damage", ["", "{}", "[]", "no json", "null"])
def test_a_damaged_file_is_as_good_as_none(damage, own_cache):
    results().keep(SCORE, MINE)
    (path,) = (own_cache / "bench").iterdir()
    path.write_text(damage, encoding="utf-8")
    assert results().find("ab" * 32, MINE) is None
    results().keep(SCORE, MINE)
    assert results().find("ab" * 32, MINE) == SCORE


def test_a_folder_that_takes_nothing_is_no_error(own_cache):
    own_cache.parent.mkdir(parents=True)
    own_cache.write_bytes(b"a file where the folder should be")
    results().keep(SCORE, MINE)
    assert results().find("ab" * 32, MINE) is None


def test_a_picture_that_changed_is_measured_again(photos):
    nearest, path = baselines()[0], photos / "a.png"
    conduct = Conduct(known=results())
    (before,) = measure([path], [nearest], conduct=conduct)
    path.write_bytes((photos / "c.png").read_bytes())
    (after,) = measure([path], [nearest], conduct=conduct)
    assert (before.height, after.height) == (44, 32)


def test_pixels_do_not_depend_on_what_is_measured():
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    results().keep_pixels("ab" * 32, MINE, pixels)
    other = results(protocol=Protocol(("psnr", "daala"), border=0))
    np.testing.assert_array_equal(other.find_pixels("ab" * 32, MINE), pixels)
    for changes in ({"protocol": Protocol(reduction="area")}, {"running": "float32"}):
        assert results(**changes).find_pixels("ab" * 32, MINE) is None


@pytest.mark.parametrize("damage", [b"", b"\x89PNG\r\n\x1a\n"])
def test_damaged_pixels_are_as_good_as_none(damage, own_cache):
    results().keep_pixels("ab" * 32, MINE, np.zeros((4, 4, 1), np.uint8))
    (path,) = (own_cache / "bench").iterdir()
    path.write_bytes(damage)
    assert results().find_pixels("ab" * 32, MINE) is None
