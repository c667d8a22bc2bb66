"""Why an engine was taken, and what is said of one that can't be loaded."""

import platform
import sys

import pytest

from sr_cli import engines
from sr_cli.engines import EngineChoice, open_engine, trial
from sr_cli.errors import DeviceError


@pytest.fixture(autouse=True)
def a_cpu_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(engines, "_has_cuda_driver", lambda: False)
    monkeypatch.setattr(engines, "_has_mps", lambda: False)


AUTO = EngineChoice()


def reasons(network, choice=AUTO):
    said: list[str] = []
    engine = open_engine(network, choice, explain=said.append)
    return engine, said


def test_every_choice_has_a_reason(tiny_network, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    engine, (device, name, precision) = reasons(tiny_network)
    assert device == "cpu, for no GPU was found"
    assert name == "openvino, which won on x86 wherever it was measured"
    assert precision.startswith(f"{engine.precision}, for ")


def test_what_was_asked_for_needs_none(tiny_network):
    choice = EngineChoice("onnxruntime", "cpu", "float32")
    assert reasons(tiny_network, choice)[1] == []


def test_elsewhere_the_figures_decide(tiny_network, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(trial, "_SECONDS", 0.01)
    engine, (_, name, _) = reasons(tiny_network)
    assert name.startswith(f"{engine.name}, the fastest here with a small picture: ")
    assert "openvino " in name
    assert "onnxruntime " in name


@pytest.mark.parametrize(
    ("installed", "reason"),
    [
        (("onnxruntime",), "onnxruntime, the only engine installed"),
        (("onnxruntime", "torch"), "onnxruntime, for torch starts slowly"),
    ],
)
def test_without_a_choice_that_is_the_reason(
    tiny_network, monkeypatch, installed, reason
):
    monkeypatch.setattr(engines, "CPU_ENGINES", installed)
    assert reasons(tiny_network)[1][1] == reason


def test_float16_is_torchs(tiny_network):
    engine, said = reasons(tiny_network, EngineChoice("auto", "cpu", "float16"))
    assert engine.name == "torch"
    assert said == ["torch, for only it runs on GPUs, or on a CPU in float16"]


def test_torch_tells_its_precision(tiny_network):
    engine, (said,) = reasons(tiny_network, EngineChoice("torch", "cpu"))
    assert said.startswith(f"{engine.precision}, for cpu ")


def test_a_gpu_that_cannot_be_used_is_told(tiny_network, monkeypatch):
    torch = pytest.importorskip("torch")
    if torch.backends.mps.is_available():
        pytest.skip("this machine has an Apple GPU")
    monkeypatch.setattr(engines, "_has_mps", lambda: True)
    assert engines.likely_gpu() == "mps"
    engine, said = reasons(tiny_network)
    assert engine.device == "cpu"
    assert said[0] == "cpu, for the GPU can't be used"


@pytest.mark.parametrize(
    ("psnr", "begins"), [(60.0, "bfloat16, for "), (54.49, "float32, for ")]
)
def test_bfloat16_is_taken_where_it_is_accurate(
    tiny_network, monkeypatch, psnr, begins
):
    monkeypatch.setattr(trial, "remembered", lambda _question, _ask: psnr)
    said: list[str] = []
    accurate = trial.bfloat16_is_accurate(
        tiny_network, "1", lambda _: None, said.append
    )
    assert accurate == begins.startswith("bfloat16")
    assert said[0].startswith(begins)
    assert f"{psnr:.1f} dB" in said[0]


@pytest.mark.parametrize("error", ["ImportError", "OSError"])
def test_an_engine_that_cannot_be_loaded_is_named(
    tiny_network, monkeypatch, tmp_path, error
):
    (tmp_path / "openvino").mkdir()
    code = f"raise {error}('libtbb.so.12: cannot open')"
    (tmp_path / "openvino" / "__init__.py").write_text(code)
    for name in list(sys.modules):
        if name.split(".")[0] == "openvino" or name.startswith("sr_cli.engines.openv"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(DeviceError, match=r"openvino is installed, but can't .*libtbb"):
        open_engine(tiny_network)
