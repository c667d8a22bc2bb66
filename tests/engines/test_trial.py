"""What is tried once and remembered."""

import os
from dataclasses import replace

import numpy as np
import pytest

from conftest import TINY, tiny_state
from sr_cli.cache_folder import cache_folder
from sr_cli.engines import EngineChoice, open_engine, trial
from sr_cli.errors import DeviceError
from sr_cli.networks.fuse import Add, Conv, Keep, Network, Shuffle, fuse


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_an_answer_is_asked_for_once():
    asked = []

    def ask() -> float:
        asked.append(1)
        return 4.5

    assert [trial.remembered("what?", ask) for _ in range(3)] == [4.5] * 3
    assert trial.remembered("what else?", lambda: 2.0) == 2.0
    assert len(asked) == 1


@pytest.mark.parametrize("damage", ["", "{", "[1]", '{"what?": "much"}', "\0\xff"])
def test_a_damaged_record_is_replaced(damage):
    cache_folder().mkdir(parents=True)
    (cache_folder() / "trials.json").write_text(damage, encoding="latin-1")
    assert trial.remembered("what?", lambda: 1.0) == 1.0
    assert trial.remembered("what?", lambda: 2.0) == 1.0


@pytest.mark.skipif(os.name == "nt", reason="a file in the way is another error there")
def test_an_answer_that_cannot_be_kept_is_still_given():
    cache_folder().parent.mkdir(exist_ok=True)
    cache_folder().touch()  # a file where the folder should be
    assert trial.remembered("what?", lambda: 1.0) == 1.0
    assert trial.remembered("what?", lambda: 2.0) == 2.0


def auto(network: Network):
    try:
        open_engine(network, EngineChoice("openvino", "cpu", "bfloat16"))
    except DeviceError:
        pytest.skip("this CPU has no bfloat16")
    return open_engine(network, EngineChoice("openvino", "cpu"))


def test_a_network_that_bears_rounding_runs_in_bfloat16():
    """Bicubic-like: it hands pixels through, which bfloat16 holds exactly."""
    hand_through = np.zeros((48, 3, 1, 1), np.float32)
    for channel in range(3):
        hand_through[16 * channel : 16 * (channel + 1), channel] = 1.0
    one = np.eye(3, dtype=np.float32)[:, :, None, None]
    zeros = np.zeros(48, np.float32)
    layers = (
        *(Conv(one, zeros[:3]), Keep("x"), Conv(0 * one, zeros[:3]), Add("x")),
        *(Conv(hand_through, zeros), Shuffle(4)),
    )
    assert auto(Network(layers, 4)).precision == "bfloat16"


def test_a_network_that_rounding_would_harm_runs_in_float32():
    """Two large numbers whose small difference is the picture."""
    network = fuse(tiny_state(TINY["none"]), TINY["none"])
    *others, last, shuffle = network.layers
    harmed = replace(last, weight=last.weight * 300, bias=last.bias * 300)
    assert auto(Network((*others, harmed, shuffle), 4)).precision == "float32"


def test_on_x86_nothing_is_tried(monkeypatch):
    monkeypatch.setattr(trial.platform, "machine", lambda: "x86_64")
    assert trial.fastest(["openvino", "onnxruntime"], lambda _: 1 / 0) == "openvino"


def test_elsewhere_the_fastest_wins_and_is_remembered(monkeypatch, tiny_network):
    monkeypatch.setattr(trial.platform, "machine", lambda: "riscv64")
    monkeypatch.setattr(trial, "_SECONDS", 0.01)
    picture = trial.trial_picture(32)
    monkeypatch.setattr(trial, "trial_picture", lambda: picture)
    opened = []

    def open_one(name: str):
        opened.append(name)
        engine = open_engine(tiny_network, EngineChoice(name, "cpu", "float32"))
        if name == "openvino":  # made the slower one, whatever this machine is

            class Slow:
                def levels(self, pixels):
                    return [engine.levels(pixels) for _ in range(50)]

            return Slow()
        return engine

    for _ in range(2):
        assert trial.fastest(["openvino", "onnxruntime"], open_one) == "onnxruntime"
    assert opened == ["openvino", "onnxruntime"]
