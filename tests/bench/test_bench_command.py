"""`srup bench` as its users meet it."""

import csv
import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from sr_cli import datasets
from sr_cli.bench import protocol, quality, training
from sr_cli.bench.quiet import Quietness
from sr_cli.catalog import MODELS
from sr_cli.cli import bench_options, cli, main
from sr_cli.picture import Picture, write
from sr_cli.upscale import Upscaler

CPU = ("--engine", "onnxruntime", "--device", "cpu", "--precision", "float32")


def run(*arguments: object) -> tuple[str, str]:
    result = CliRunner().invoke(
        cli, ["bench", *map(str, arguments)], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def exit_of(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["bench", *map(str, arguments)])
    return stopped.value.code  # type: ignore[return-value]


def test_a_table_shows_baselines_and_models(photos, tiny_weights):
    out, err = run(photos, "-m", tiny_weights, *CPU)
    assert "photos: 3 pictures, 4x" in out
    for name in ("nearest", "bicubic", "lanczos", "tiny", "onnxruntime cpu float32"):
        assert name in out
    assert "as RGB" in out  # one picture is gray
    assert err == ""


def test_without_gray_there_are_no_brackets(photos):
    (photos / "b.png").unlink()
    out, _ = run(photos, "--baselines-only")
    assert "(" not in out
    assert "tiny" not in out


def test_json_alone_on_standard_output(photos, tiny_weights):
    out, err = run(photos, "-m", tiny_weights, "--json", "-", *CPU)
    found = json.loads(out)
    assert found["dataset"] == "photos"
    ids = [row["id"] for row in found["models"]]
    assert ids == ["nearest", "bicubic", "lanczos", "tiny"]
    assert err == ""


def test_json_to_a_file_beside_the_table(photos, tmp_path):
    report = tmp_path / "report.json"
    out, _ = run(photos, "--baselines-only", "--json", report)
    assert "bicubic" in out
    found = json.loads(report.read_text(encoding="utf-8"))
    assert len(found["models"][1]["images"]) == 3


def test_several_sets_and_models(photos, tiny_weights, tmp_path):
    other = tmp_path / "other.safetensors"
    other.write_bytes(tiny_weights.read_bytes())
    more = tmp_path / "more"
    shutil.copytree(photos, more)
    sets = (photos, more, photos)
    out, _ = run(*sets, "-m", tiny_weights, "-m", other, "--json", "-", *CPU)
    results = json.loads(out)["results"]
    assert [found["dataset"] for found in results] == ["photos", "more"]
    for found in results:
        assert [row["id"] for row in found["models"]][3:] == ["tiny", "other"]


def test_a_set_by_name(photos, tmp_path):
    photos.rename(tmp_path / "Set5")
    out, err = run("Set5", "--data", tmp_path, "--baselines-only", "--json", "-")
    assert json.loads(out)["dataset"] == "set5"
    assert "set5 has 5 pictures, but 3 were found" in err
    out, err = run("set5", "--data", tmp_path, "--baselines-only", "--quiet")
    assert "bicubic" in out
    assert err == ""


def test_tiles_reach_the_upscaler(tiny_weights, tmp_path, capsys):
    write(Picture(np.zeros((32, 96, 3), np.uint8)), tmp_path / "wide.png")
    arguments = (tmp_path, "-m", tiny_weights, *CPU, "--tile", 16, "--overlap")
    assert exit_of(*arguments, 12) == 1
    assert "overlap of 12 pixels doesn't fit" in capsys.readouterr().err
    assert exit_of(*arguments, 4) == 0


def test_all_sets_and_all_models_that_are_there(photos, tmp_path, monkeypatch):
    photos.rename(tmp_path / "Set14")
    out, err = run(
        *("all", "--data", tmp_path, "-m", "all", "--json", "-", *CPU),
    )
    found = json.loads(out)
    assert found["dataset"] == "set14"
    ids = [row["id"] for row in found["models"]]
    assert ids == ["nearest", "bicubic", "lanczos", *(spec.id for spec in MODELS)]
    assert "urban100 is left out" in err
    assert exit_of("all", "--data", tmp_path / "nowhere", "--baselines-only") == 1


def test_a_rerun_measures_nothing(photos, tiny_weights, monkeypatch):
    arguments = (photos, "-m", tiny_weights, "--json", "-", *CPU)
    first, _ = run(*arguments)

    def refuse(*_):
        raise AssertionError("was measured again")

    with monkeypatch.context() as patch:
        patch.setattr(Upscaler, "upscale", refuse)
        patch.setattr(quality, "load_pair", refuse)
        assert run(*arguments, "--offline") == (first, "")
        with pytest.raises(AssertionError, match="again"):
            run(*arguments, "--no-cache")
        with pytest.raises(AssertionError, match="again"):
            run(*arguments, "--border", 6)


def test_jobs_change_no_figure(photos):
    alone, threaded = (
        json.loads(
            run(photos, "--baselines-only", "--no-cache", "--json", "-", "--jobs", n)[0]
        )
        for n in (1, 3)
    )
    for one, other in zip(alone["models"], threaded["models"], strict=True):
        for row in (one, other, *one["images"], *other["images"]):
            row.pop("seconds")
        assert one == other


def test_metrics_channels_border_and_the_gray_rule(photos):
    out, _ = run(
        *(photos, "--baselines-only", "--metric", "psnr", "--metric", "daala"),
        *("--channel", "both", "--border", 5, "--gray", "rgb"),
    )
    for words in ("PSNR dB", "PSNR RGB dB", "SSIM (daala)", "5 pixels", "gray as RGB"):
        assert words in out
    assert "SSIM RGB" not in out
    assert "(as" not in out


def test_the_kernel_is_asked_for_and_told(photos):
    arguments = (photos, "--baselines-only")
    usual, other = (
        json.loads(run(*arguments, *more, "--json", "-")[0])
        for more in ((), ("--kernel", "opencv"))
    )
    assert "MATLAB" in usual["protocol"]["kernel"]
    assert "OpenCV" in other["protocol"]["kernel"]
    assert usual["models"][1]["psnr_y"] > other["models"][1]["psnr_y"] + 0.1
    out, _ = run(*arguments, "--kernel", "opencv")
    assert "OpenCV's bicubic" in out
    assert usual["protocol"]["data_sha256"][:12] in out


def test_what_cannot_be_computed_is_named_and_no_number(photos):
    arguments = (photos, "--baselines-only", "--metric", "niqe", "--offline")
    out, _ = run(*arguments)
    assert "niqe not computed: " in out
    found = json.loads(run(*arguments, "--json", "-")[0])
    assert "pyiqa" in found["not_computed"]["niqe"]
    assert all("niqe" not in row for row in found["models"])
    assert "niqe" in found["models"][0]["images"][0]["not_computed"]
    (row, *_) = csv.DictReader(run(*arguments, "--csv", "-")[0].splitlines())
    assert row["niqe"] == ""
    assert row["not_computed"].startswith("niqe: it needs the library pyiqa")
    assert [row["id"] for row in found["models"]][-1] == "original"


def test_published_figures_beside_ours(photos, tmp_path):
    photos.rename(tmp_path / "Set14")
    arguments = ("set14", "--data", tmp_path, "--baselines-only", "--published", "-q")
    out, _ = run(*arguments, "--markdown", "-")
    (paper,) = (line for line in out.splitlines() if line.startswith("| SRGAN |"))
    assert "| 26.02 | – | 0.7397 | 3.72 | – | table 2 |" in paper  # not Wang's
    assert "- table 2: Ledig et al." in out
    (other,) = (line for line in out.splitlines() if "| 28.59 |" in line)
    assert "0.799" not in other  # of another kind
    mark = other.split("≠\u00a0")[1][0]
    assert mark in "¹²³"  # a figure would read as a value
    (note,) = (
        line for line in out.splitlines() if line.startswith(f"- ≠\u00a0{mark} ")
    )
    assert "Pillow's bicubic" in note
    assert "gray as RGB" in note
    assert "| MSRResNet" not in out  # on RGB: not a figure of it could stand there
    assert "without a figure to compare: MSRResNet of BasicSR (measured on RGB" in out
    found = json.loads(run(*arguments, "--json", "-")[0])
    assert {"method", "source", "psnr_y", "differences"} <= set(found["published"][0])
    (original,) = (r for r in found["published"] if r["method"] == "original")
    assert (original["psnr_y"], original["mos"]) == (None, 4.32)
    both, _ = run(*arguments, "--channel", "both", "--markdown", "-")
    assert "| MSRResNet | – | – | 26.78 | 0.7451 |" in both


@pytest.mark.parametrize("columns", [40, 99, 100, 101, 102, 103, 110])
def test_nothing_is_cut_short_in_a_narrow_terminal(
    columns, photos, tmp_path, monkeypatch
):
    monkeypatch.setenv("COLUMNS", str(columns))
    photos.rename(tmp_path / "Set14")
    arguments = ("--baselines-only", "--published", "--channel", "both", "-q")
    out, _ = run("set14", "--data", tmp_path, *arguments)
    assert "…" not in out
    for words in ("SRResNet-VGG22", "PSNR RGB dB", "SSIM (daala)", "0.7397"):
        assert words in out
    for words in ("Lornatang", "trevor-m", "sgrvinod", "(2017)"):
        assert words in out


def test_every_report_of_one_run(photos, tiny_weights, tmp_path):
    files = {kind: tmp_path / f"r.{kind}" for kind in ("json", "markdown", "csv")}
    options = [word for kind, path in files.items() for word in (f"--{kind}", path)]
    page = tmp_path / "r.html"
    run(photos, "-m", tiny_weights, *CPU, *options, "--html", page)
    found = json.loads(files["json"].read_text(encoding="utf-8"))
    sha256 = found["models"][3]["sha256"]
    assert len(sha256) == 64
    data = found["protocol"]["data_sha256"]
    for text in (files["markdown"].read_text(), page.read_text(encoding="utf-8")):
        assert sha256 in text
        assert data in text
        assert "4 pixels of border left out" in text
    with files["csv"].open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 4 * 3
    assert {row["weights_sha256"] for row in rows} == {"", sha256}
    images = found["models"][0]["images"]
    digest = hashlib.sha256((photos / "a.png").read_bytes()).hexdigest()
    assert rows[0]["data_sha256"] == images[0]["sha256"] == digest
    assert float(rows[0]["psnr_y"]) == images[0]["psnr_y"]


@pytest.fixture
def in_photos(photos, monkeypatch):
    monkeypatch.chdir(photos)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["set6"], 1, "set6 is no set or folder"),
        (["set5", "--data", "nowhere"], 1, "DIR/Set5"),
        ([".", "-m", "gone.safetensors"], 1, "no weights file"),
        ([".", "-m", "unknown"], 1, "no model called 'unknown'"),
        ([".", "--baselines-only", "--json", "gone/a.json"], 1, "no folder gone"),
        ([".", "--baselines-only", "-m", "x"], 2, "exclude each other"),
        ([".", "--baselines-only", "--csv", "-", "--json", "-"], 2, "same place"),
        ([".", "--baselines-only", "--html", "gone/a.html"], 1, "no folder gone"),
        ([".", "--baselines-only", "--html", "-"], 2, "--html needs a file"),
        ([".", "--baselines-only", "--border", "15"], 1, "below 45 pixels"),
        ([], 2, "Missing argument"),
        ([".", "--tile", "3"], 2, "--tile"),
    ],
)
def test_what_can_go_wrong(arguments, code, message, in_photos, capsys):
    assert exit_of(*arguments) == code
    out, err = capsys.readouterr()
    assert message in err
    assert out == ""


def test_nothing_is_written_after_a_failure(photos, tmp_path, capsys):
    (photos / "d.png").write_bytes(b"no picture")
    report = tmp_path / "report.json"
    assert exit_of(photos, "--baselines-only", "--json", report) == 1
    assert "d.png" in capsys.readouterr().err
    assert not report.exists()


def test_an_interrupt_is_130(photos, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets, "pictures_in", interrupted)
    assert exit_of(photos, "--baselines-only") == 130


def test_baselines_need_no_torch(photos):
    # Other tests of this process may have imported it, so ask a fresh one.
    code = (
        "import sys; from sr_cli.cli import cli;"
        f"cli(['bench', {str(photos)!r}, '--baselines-only'], standalone_mode=False);"
        "assert not {'torch', 'onnxruntime', 'openvino'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_default_can_be_named(photos):
    named, _ = run("pictures", photos, "--baselines-only", "--json", "-")
    unnamed, _ = run(photos, "--baselines-only", "--json", "-")
    assert json.loads(named)["dataset"] == json.loads(unnamed)["dataset"] == "photos"


def test_options_may_come_before_the_set(photos):
    out, _ = run("--baselines-only", photos)
    assert "photos: 3 pictures" in out


def test_a_folder_called_like_a_command(photos, tmp_path, monkeypatch):
    photos.rename(tmp_path / "training")
    monkeypatch.chdir(tmp_path)
    out, _ = run("./training", "--baselines-only")
    assert "training: 3 pictures" in out
    assert exit_of("--baselines-only", "training") == 0


def test_the_command_offers_every_metric():
    assert bench_options.METRICS == protocol.METRICS
    assert tuple(protocol.REDUCTION_FACTS) == bench_options.KERNELS


def test_help_names_the_measurements():
    out, _ = run("--help")
    assert "pictures " in out
    assert "training " in out
    assert run("-h") == (out, "")


@pytest.mark.parametrize("words", [["bench"], ["bench", "training"]])
def test_help_loads_nothing_heavy(words):
    code = (
        "import sys; from sr_cli.cli import cli;"
        f"cli([*{words!r}, '--help'], standalone_mode=False);"
        "assert not {'torch', 'numpy', 'onnx', 'openvino'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.fixture
def tiny_training(monkeypatch):
    """Lets `srup bench training` measure a tiny network on a machine said to be idle,
    or as busy as the value that is set."""
    measure = training.measure
    busy = [0.0]

    def tiny(workload, on_progress):
        small = replace(workload, blocks=1, channels=8, photos=2, photo_side=64)
        found = measure(small, on_progress)
        return replace(found, quietness=Quietness("cpu time of others", tuple(busy)))

    monkeypatch.setattr(training, "measure", tiny)
    monkeypatch.setattr(training, "_SETTLE", 0.0)
    return busy


TINY_TRAINING = (
    *("training", "--batch", 2, "--crop", 32, "--repeats", 2, "--updates", 1),
    *("--device", "cpu"),
)


def test_training_shows_all_loops_and_the_loader(tiny_training, tmp_path):
    report = tmp_path / "training.json"
    out, err = run(*TINY_TRAINING, "--json", report)
    for words in ("plain torch", "Muon", "Adam", "loader", "times plain", "2 turns"):
        assert words in out
    assert err == ""
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["workload"]["batch"] == 2
    assert found["quiet"] is True


def test_training_as_json_alone_on_a_busy_machine(tiny_training):
    tiny_training[:] = [0.0, 0.31]
    out, err = run(*TINY_TRAINING, "--json", "-")
    assert json.loads(out)["quiet"] is False
    assert "not quiet: other programs used up to 31% of the cores" in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--crop", 18], 1, "can't be halved twice"),
        (["--crop", 8], 2, "--crop"),
        (["--batch", 0], 2, "--batch"),
        (["--json", "gone/a.json"], 1, "no folder gone"),
        (["set5"], 2, "unexpected extra argument"),
    ],
)
def test_what_can_go_wrong_with_training(arguments, code, message, in_photos, capsys):
    assert exit_of("training", *arguments) == code
    out, err = capsys.readouterr()
    assert message in err
    assert out == ""
