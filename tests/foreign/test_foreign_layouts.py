"""The weights of others give the pictures that their own programs give."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from conftest import TINY, tiny_state
from foreign_networks import CASES, Original, original
from sr_cli.engines import EngineChoice, open_engine
from sr_cli.errors import WeightsError
from sr_cli.foreign import HEADER_ARCHITECTURE, Foreign, read_foreign
from sr_cli.networks.fuse import fuse
from sr_cli.networks.stages import body_and_tail


def low_pictures(*size: int) -> np.ndarray:
    return np.random.default_rng(3).random((2, 3, *size), dtype=np.float32)


def run(foreign: Foreign, low: np.ndarray, engine: str = "onnxruntime") -> np.ndarray:
    choice = EngineChoice(engine, "cpu", "float32")  # type: ignore[arg-type]
    return open_engine(foreign.network, choice)(low)


def assert_same(network: Original, result: np.ndarray, low: np.ndarray) -> None:
    with torch.inference_mode():
        expected = network.picture(torch.from_numpy(low)).numpy()
    if expected.min() >= 0 and expected.max() <= 1:
        result = result.clip(0, 1)  # what they clip, srup clips when it writes
    np.testing.assert_allclose(result, expected, atol=1e-5)


@pytest.mark.parametrize(("name", "scale"), CASES)
def test_every_layout_gives_the_same_pictures(name, scale, tmp_path):
    network = original(name, scale)
    torch.save(network.state_dict(), path := tmp_path / "weights.pth")
    foreign = read_foreign(path)
    assert foreign.network.scale == scale
    assert foreign.architecture is None
    assert name.split(",")[0].split()[0].lower() in foreign.layout.lower()
    for size in ((1, 1), (11, 7)):
        low = low_pictures(*size)
        assert_same(network, run(foreign, low), low)


@pytest.mark.parametrize("engine", ["openvino", "torch"])
@pytest.mark.parametrize(
    ("name", "scale"),
    [("BasicSR", 3), ("Lornatang", 2), ("Lornatang", 8), ("sgrvinod", 4)],
)
def test_every_engine_runs_them(engine, name, scale, tmp_path):
    network = original(name, scale)
    torch.save(network.state_dict(), path := tmp_path / "weights.pth")
    low = low_pictures(9, 14)
    assert_same(network, run(read_foreign(path), low, engine), low)


@pytest.mark.parametrize("name", ["Lornatang", "twtygqyy", "KAIR 0"])
def test_those_that_are_like_srresnet_are_cut_like_it(name, tmp_path):
    """Only so do they run as fast as srup's own on a CPU."""
    torch.save(original(name).state_dict(), path := tmp_path / "weights.pth")
    assert body_and_tail(read_foreign(path).network) is not None


@pytest.mark.parametrize("name", ["BasicSR", "sgrvinod"])
def test_the_halo_is_the_true_reach(name, tmp_path):
    torch.save(original(name, 2).state_dict(), path := tmp_path / "weights.pth")
    foreign = read_foreign(path)
    low = np.zeros((1, 3, 61, 61), np.float32)
    lit = low.copy()
    lit[0, :, 30, 30] = 1.0
    changed = np.argwhere(run(foreign, lit) != run(foreign, low))[:, 2:]
    assert foreign.network.halo - 1 < 30 - changed.min() / 2 <= foreign.network.halo


def without_norms(network: Original) -> None:
    """Take BatchNorm out of a network whose blocks name their parts."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, torch.nn.BatchNorm2d):
                setattr(module, name, torch.nn.Identity())


@pytest.mark.parametrize("name", ["leftthomas", "twtygqyy"])
def test_norms_may_be_left_out(name, tmp_path):
    without_norms(network := original(name))
    torch.save(network.state_dict(), path := tmp_path / "weights.pth")
    low = low_pictures(6, 7)
    assert_same(network, run(read_foreign(path), low), low)


def wrapped(network: Original) -> dict[str, object]:
    """Checkpoints as training programs write them."""
    state = network.state_dict()
    other = original("leftthomas", seed=9).state_dict()
    judge = torch.nn.Conv2d(3, 4, 3).state_dict()
    optimizer = torch.optim.Adam(network.parameters())
    beside = {"epoch": 7, "best": np.float64(27.5), "optimizer": optimizer.state_dict()}

    def under(prefix: str) -> dict[str, torch.Tensor]:
        return {prefix + name: value for name, value in state.items()}

    return {
        "BasicSR": {"params": other, "params_ema": state},
        "Lornatang": {**beside, "state_dict": state},
        "a GAN": {"discriminator": judge, "generator": state, **beside},
        "parallel": under("module."),
        "mmagic": {
            "meta": {"iter": 3},
            "state_dict": {
                **under("generator."),
                "discriminator.0.weight": torch.ones(4),
            },
        },
        "averaged": {
            "ema_state_dict": {"n_averaged": torch.ones(1)} | under("module.")
        },
        "parameters": dict(network.named_parameters()) | dict(network.named_buffers()),
        "a module": network,
        "sgrvinod": {"epoch": 130, "model": network, **beside},
    }


WRAPPINGS = list(wrapped(original("leftthomas")))


@pytest.mark.parametrize(
    ("wrap", "is_zip"),
    [
        *((wrap, True) for wrap in WRAPPINGS),
        # As before torch 1.6.
        *((wrap, False) for wrap in ("Lornatang", "parameters", "sgrvinod")),
    ],
)
def test_checkpoints_of_many_forms(wrap, is_zip, tmp_path):
    network = original("leftthomas")
    torch.save(
        wrapped(network)[wrap],
        path := tmp_path / "checkpoint.pth.tar",
        _use_new_zipfile_serialization=is_zip,
    )
    low = low_pictures(4, 5)
    assert_same(network, run(read_foreign(path), low), low)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("suffix", [".pt", ".ckpt", ".safetensors"])
def test_weights_of_other_precisions(dtype, suffix, tmp_path):
    network = original("KAIR 1").to(dtype)
    state = network.state_dict()
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(state, path, metadata={"format": "pt"})
    else:
        torch.save(state, path)
    low = low_pictures(4, 5)
    assert_same(network.float(), run(read_foreign(path), low), low)


def test_weights_in_another_order_of_memory(tmp_path):
    network = original("twtygqyy").to(memory_format=torch.channels_last)
    torch.save(network.state_dict(), path := tmp_path / "weights.pth")
    low = low_pictures(4, 5)
    assert_same(network, run(read_foreign(path), low), low)


def test_reading_needs_no_torch(tmp_path):
    torch.save(original("leftthomas").state_dict(), path := tmp_path / "weights.pth")
    code = (
        "import sys; from pathlib import Path\n"
        "from sr_cli.foreign import read_foreign\n"
        "read_foreign(Path(sys.argv[1]))\n"
        "sys.exit(bool({'torch', 'onnx'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code, path], check=True)


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_srups_own_weights_as_torch_saves_them(norm, tmp_path):
    architecture = replace(TINY[norm], output_range=(-1.0, 1.0))
    state = tiny_state(architecture)
    tensors = {k: torch.from_numpy(v.copy()) for k, v in state.items()}
    content = {"params": tensors, HEADER_ARCHITECTURE: architecture.to_json()}
    torch.save(content, path := tmp_path / "own.pth")
    foreign = read_foreign(path)
    assert foreign.architecture == architecture
    own = Foreign("", fuse(state, architecture), architecture, state)
    low = low_pictures(4, 5)
    np.testing.assert_array_equal(run(foreign, low), run(own, low))


def test_srups_own_weights_must_fit_what_they_say(tmp_path):
    state = {"head.weight": torch.zeros(3), "head.bias": torch.zeros(3, 3)}
    state |= {"head_act.weight": torch.zeros(1)}
    for facts in ("nonsense", TINY["none"].to_json()):
        content = {"params": state, HEADER_ARCHITECTURE: facts}
        torch.save(content, path := tmp_path / "own.pth")
        with pytest.raises(WeightsError):
            read_foreign(path)
    whole = tiny_state(TINY["none"]) | {"tail.weight": np.zeros((3, 8), np.float32)}
    tensors = {k: torch.from_numpy(v.copy()) for k, v in whole.items()}
    content = {"params": tensors, HEADER_ARCHITECTURE: TINY["none"].to_json()}
    torch.save(content, path := tmp_path / "own.pth")
    with pytest.raises(WeightsError, match="not those of the network that it names"):
        read_foreign(path)


def changed(name: str, scale: int = 4, **changes: torch.Tensor | None) -> dict:
    """A state dict with tensors replaced or, for None, left out."""
    state = original(name, scale).state_dict()
    for key, value in changes.items():
        state[key.replace("__", ".")] = value
    return {key: value for key, value in state.items() if value is not None}


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"weight": torch.zeros(3)}, "called weight …"),
        ({}, "holds no tensors by name"),
        (changed("BasicSR", conv_last__weight=None), "called conv_first.weight"),
        (
            changed(
                "BasicSR", **{f"body__{'9' * 5000}__conv1__weight": torch.zeros(1)}
            ),
            "called",
        ),
        # As twtygqyy's with InstanceNorm, which no tile can know.
        (changed("twtygqyy", residual__0__in1__weight=torch.ones(8)), "conv_input"),
        (changed("BasicSR", conv_first__weight=torch.zeros(8, 1, 3, 3)), "1 channels"),
        (changed("BasicSR", conv_hr__weight=torch.zeros(8, 9, 3, 3)), "9 channels"),
        (changed("BasicSR", conv_hr__weight=torch.zeros(8, 8, 3)), "hr is 8×8×3"),
        (changed("BasicSR", conv_hr__weight=torch.zeros(8, 8, 2, 2)), "8×8×2×2"),
        (changed("BasicSR", conv_hr__weight=torch.zeros(0, 8, 3, 3)), "0×8×3×3"),
        (changed("BasicSR", conv_hr__bias=torch.zeros(1)), "hr.bias has 1 numbers"),
        (
            changed(
                "BasicSR",
                conv_last__weight=torch.zeros(4, 8, 3, 3),
                conv_last__bias=torch.zeros(4),
            ),
            "makes 4 channels at 4x",
        ),
        (
            changed(
                "BasicSR",
                upconv2__weight=torch.zeros(33, 8, 3, 3),
                upconv2__bias=torch.zeros(33),
            ),
            "33 channels for 8",
        ),
        (
            changed(
                "BasicSR",
                upconv2__weight=torch.zeros(200, 8, 3, 3),
                upconv2__bias=torch.zeros(200),
            ),
            "3 channels at 10x",
        ),
        (changed("leftthomas", block2__prelu__weight=torch.zeros(3)), "3 slopes for 8"),
        (changed("leftthomas", block2__bn1__running_var=None), "lacks blocks.2.norm1"),
        (changed("leftthomas", block2__bn1__bias=torch.zeros(1)), "1 numbers for 8"),
        # Repeated once, the weights of 2x and 3x look alike.
        (original("KAIR 0, nearest", 2).state_dict(), "called model.0.weight"),
    ],
)
def test_other_networks_are_refused_with_a_sentence(state, reason, tmp_path):
    torch.save(state, path := tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="no network that srup knows") as refusal:
        read_foreign(path)
    assert reason in refusal.value.message
    assert "\n" not in str(refusal.value)
    assert "BasicSR" in refusal.value.hint


@pytest.mark.parametrize(
    "changes",
    [
        {"block7__0__bias": torch.full((8,), float("nan"))},
        {"block7__0__bias": torch.full((8,), float("inf"))},
        {"block7__1__running_var": torch.full((8,), -1.0)},
        {"block8__2__bias": torch.full((3,), 3e38)},  # which is doubled
        {"block1__1__weight": torch.full((1,), float("nan"))},
    ],
)
def test_weights_that_are_no_numbers_are_refused(changes, tmp_path):
    state = changed("leftthomas", **changes)
    torch.save(state, path := tmp_path / "broken.pth")
    with pytest.raises(WeightsError, match="no finite numbers"):
        read_foreign(path)


def test_whole_numbers_are_no_weights(tmp_path):
    state = changed("BasicSR", conv_hr__bias=torch.zeros(8, dtype=torch.int64))
    torch.save(state, path := tmp_path / "whole.pth")
    with pytest.raises(WeightsError, match="is a LongStorage"):
        read_foreign(path)
    save_file(state, path := tmp_path / "whole.safetensors")
    with pytest.raises(WeightsError, match="is I64"):
        read_foreign(path)
