"""The JSON document and its file."""

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import pytest

from sr_cli import __version__
from sr_cli.bench.quality import measure
from sr_cli.bench.report import (
    check_report,
    document,
    summarise,
    to_json,
    write_report,
)
from sr_cli.bench.rivals import baselines, from_models
from sr_cli.engines import EngineChoice
from sr_cli.errors import SrupError
from sr_cli.upscale import Upscaler
from sr_cli.weights import load_model


@pytest.fixture
def result(photos):
    rivals = baselines()
    images = list(measure(sorted(photos.iterdir()), rivals))
    return summarise("photos", 4, rivals, images)


def test_the_document_has_the_agreed_form(result):
    found = json.loads(to_json([result]))
    assert list(found) == ["dataset", "protocol", "models"]
    assert found["dataset"] == "photos"
    assert [row["id"] for row in found["models"]] == ["nearest", "bicubic", "lanczos"]
    protocol = found["protocol"]
    assert (protocol["scale"], protocol["border"], protocol["pictures"]) == (4, 4, 3)
    assert protocol["srup"] == __version__
    assert {"kernel", "channel", "gray", "ssim", "averaging"} <= set(protocol)


@pytest.mark.parametrize("key", ["psnr_y", "ssim_y", "psnr_y_gray_as_rgb"])
def test_a_row_is_the_mean_of_its_images(key, result):
    row = json.loads(to_json([result]))["models"][1]
    assert [image["file"] for image in row["images"]] == ["a.png", "b.png", "c.png"]
    assert [image["gray"] for image in row["images"]] == [False, True, False]
    figures = [image[key] for image in row["images"]]
    assert row[key] == pytest.approx(sum(figures) / 3, abs=2e-6)
    assert (row["sha256"], row["engine"], row["precision"]) == (None, None, None)


def test_a_model_row_says_what_ran_it(photos, tiny_weights):
    model = load_model(str(tiny_weights))
    choice = EngineChoice("onnxruntime", "cpu", "float32")
    rivals = from_models([model], lambda m: Upscaler(m.network, choice))
    images = list(measure([photos / "c.png"], rivals))
    (row,) = json.loads(to_json([summarise("one", 4, rivals, images)]))["models"]
    assert row["id"] == "tiny"
    assert row["sha256"] == model.sha256
    ran_on = (row["engine"], row["device"], row["precision"])
    assert ran_on == ("onnxruntime", "cpu", "float32")


def test_several_sets_stand_in_a_list(result):
    found = json.loads(to_json([result, replace(result, dataset="other")]))
    assert [one["dataset"] for one in found["results"]] == ["photos", "other"]


def test_infinity_becomes_null(result):
    first = result.models[0]
    perfect = replace(first, scores=replace(first.scores, psnr_y=math.inf))
    found = document(replace(result, models=(perfect,)))
    (row,) = json.loads(json.dumps(found, allow_nan=False))["models"]
    assert row["psnr_y"] is None


def test_a_report_replaces_an_earlier_one(tmp_path):
    path = tmp_path / "report.json"
    for text in ("one", "zwei ä"):
        check_report(path)
        write_report(path, text)
        assert path.read_text(encoding="utf-8") == text
    assert list(tmp_path.iterdir()) == [path]


def test_a_report_is_whole_or_absent(tmp_path, monkeypatch):
    path = tmp_path / "report.json"
    write_report(path, "before")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SrupError, match="no space left"):
        write_report(path, "after")
    assert path.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "reason"),
    [(".", "it is a folder"), ("gone/report.json", "there is no folder gone")],
)
def test_a_hopeless_place_is_refused_at_once(name, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SrupError, match=reason):
        check_report(Path(name))


@pytest.mark.skipif(os.name == "nt", reason="has no such devices")
def test_a_device_is_never_replaced():
    with pytest.raises(SrupError, match="a device or a pipe"):
        check_report(Path("/dev/null"))


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(SrupError, match="takes no new files"):
        check_report(tmp_path / "report.json")
