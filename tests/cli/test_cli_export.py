"""`srup export` as a user meets it."""

import json

import onnxruntime
import pytest

from sr_cli.cli import main


def srup(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(a) for a in arguments])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def test_a_model_becomes_onnx(tmp_path, capsys):
    assert srup("export", "espcn", "-o", path := tmp_path / "m.onnx") == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert f"Wrote {path}." in err
    assert onnxruntime.InferenceSession(path).get_outputs()[0].name == "high"


def test_json_reports_everything(tiny_weights, tmp_path, capsys):
    path = tmp_path / "m.xml"
    assert srup("export", tiny_weights, "-o", path, "--float16", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["files"] == [str(path), str(tmp_path / "m.bin")]
    assert report["model"] == "tiny"
    assert len(report["sha256"]) == 64
    assert 0 < report["deviation"] < 4e-3


def test_quiet_says_nothing(tiny_weights, tmp_path, capsys):
    assert srup("export", tiny_weights, "-o", tmp_path / "m.pth", "-q") == 0
    assert capsys.readouterr() == ("", "")


def test_refusals_are_one_sentence_and_leave_nothing(tiny_weights, tmp_path, capsys):
    assert srup("export", tiny_weights, "-o", tmp_path / "m.bmp") == 1
    assert srup("export", "vdsr", "-o", tmp_path / "m.onnx") == 1
    assert srup("export", tiny_weights) == 2
    assert srup("export", tiny_weights, "-o", tmp_path / "m.pth", "--float16") == 1
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert err.count("Error: ") == 4
    assert not list(tmp_path.iterdir())


def test_existing_files_are_replaced_only_when_told(tiny_weights, tmp_path, capsys):
    path = tmp_path / "m.onnx"
    path.touch()
    assert srup("export", tiny_weights, "-o", path) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert path.stat().st_size == 0
    assert srup("export", tiny_weights, "-o", path, "--overwrite") == 0
    assert path.stat().st_size > 1000
