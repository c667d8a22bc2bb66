"""Engines that work, and every way in which one doesn't."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from sr_cli import engines
from sr_cli.doctor import trials
from sr_cli.doctor.attempts import Attempt
from sr_cli.networks import reference
from sr_cli.networks.fuse import Network


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Put a package in the place of an engine's."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(name: str, code: str) -> None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(code)

    return make


def only(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    for module in (engines, trials):
        monkeypatch.setattr(module, "CPU_ENGINES", names)


def test_engines_answer_what_the_network_means(tiny_network, monkeypatch):
    only(monkeypatch, "openvino", "onnxruntime")  # torch is slow to import
    found = trials.try_engines(tiny_network)
    assert [engine.name for engine in found.engines] == ["openvino", "onnxruntime"]
    for engine in found.engines:
        assert engine.installed
        assert engine.version
        assert not engine.fault
        exact = engine.trials[0]
        assert (exact.device, exact.precision) == ("cpu", "float32")
        assert exact.levels_off < 0.01
        for trial in engine.trials:
            assert not trial.fault
            assert (trial.levels_off is None) == bool(trial.refused)
    auto = found.auto
    assert auto.engine in engines.CPU_ENGINES
    assert not auto.trial.fault
    same = next(e for e in found.engines if e.name == auto.engine)
    assert auto.trial in same.trials
    assert [reason.split()[0].strip(",") for reason in auto.because] == [
        auto.trial.device,
        auto.engine,
        auto.trial.precision,
    ]


def test_engines_that_cannot_be_loaded_or_crash_are_reported(
    tiny_network, monkeypatch, package
):
    package("openvino", "raise ImportError('libtbb.so.12: cannot open')")
    package("onnxruntime", "import os\nos.abort()")
    only(monkeypatch, "openvino", "onnxruntime")
    found = trials.try_engines(tiny_network)
    broken, crashed = found.engines
    assert (broken.installed, broken.version) == (True, "")
    assert broken.fault == "ImportError: libtbb.so.12: cannot open"
    if sys.platform != "win32":
        assert crashed.fault == "It crashed (SIGABRT)"
    assert found.auto.engine is None
    assert "libtbb.so.12" in found.auto.trial.fault


def test_an_engine_that_hangs_is_ended(tiny_network, monkeypatch, package):
    package("torch", "import time\ntime.sleep(1000)")
    only(monkeypatch, "torch")
    monkeypatch.setattr(trials, "_PATIENCE", 1.0)
    (engine,) = trials.try_engines(tiny_network).engines
    assert engine.fault == "It did not answer within 1 seconds"


def test_without_engines_that_is_the_fault(tiny_network, monkeypatch):
    monkeypatch.setattr(engines, "find_spec", lambda _: None)
    found = trials.try_engines(tiny_network)
    assert not any(engine.installed for engine in found.engines)
    assert found.auto.trial.fault == "No engine is installed"


def test_a_wrong_answer_is_a_fault(tiny_network, monkeypatch):
    compute = reference.compute

    def shifted(network: Network, low: np.ndarray) -> np.ndarray:
        return compute(network, low) + 0.5

    only(monkeypatch, "onnxruntime")
    monkeypatch.setattr(reference, "compute", shifted)
    (engine,) = trials.try_engines(tiny_network).engines
    assert engine.trials[0].fault == "The result is wrong"
    assert engine.trials[0].levels_off > 2


TRUTH = np.linspace(-0.5, 1.5, 48).reshape(3, 4, 4)
EXACT = Attempt("torch", "cpu", "float32", TRUTH[None].astype(np.float32))


def test_what_is_clipped_does_not_count():
    beyond = np.where(np.abs(TRUTH - 0.5) > 0.5, TRUTH * 3 - 1, TRUTH)
    clipped = replace(EXACT, result=beyond[None].astype(np.float32))
    trial = trials._judged(clipped, TRUTH)
    assert trial.levels_off < 1e-4
    assert not trial.fault


@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
def test_what_is_no_number_is_a_fault(spoilt):
    result = EXACT.result.copy()
    result[0, 1, 2, 3] = spoilt
    trial = trials._judged(replace(EXACT, result=result), TRUTH)
    assert trial.fault == (
        "The result is not a number" if np.isnan(spoilt) else "The result is wrong"
    )
