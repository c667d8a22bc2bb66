"""Networks that spandrel knows: as it runs them itself, in windows of any size."""

import os
import resource
import sys
import warnings
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from made_pictures import waves
from sr_cli.cli import main
from sr_cli.engines import EngineChoice, open_engine
from sr_cli.errors import DeviceError, ModelError, SrupError, WeightsError
from sr_cli.foreign.spandrel_state import imported
from sr_cli.tiles import Tiling
from sr_cli.upscale import Upscaler
from sr_cli.weights import load_between, load_model

if find_spec("spandrel") is None:
    missing = "spandrel isn't installed: pip install 'srup[spandrel]'"
    pytest.skip(missing, allow_module_level=True)
try:
    spandrel = imported()
except WeightsError as error:
    pytest.skip(str(error), allow_module_level=True)

CPU = EngineChoice(device="cpu")


def esrgan():
    from spandrel.architectures.ESRGAN import ESRGAN

    return ESRGAN(num_filters=4, num_blocks=2)


def esrgan_unshuffled():
    """Twice, from 4×4 blocks: its sizes are multiples of four."""
    from spandrel.architectures.ESRGAN import ESRGAN

    return ESRGAN(in_nc=12, num_filters=8, num_blocks=1, scale=4, shuffle_factor=2)


def compact(**settings):
    from spandrel.architectures.Compact import Compact

    return Compact(num_feat=8, num_conv=2, **{"upscale": 4, **settings})


def span():
    from spandrel.architectures.SPAN import SPAN

    return SPAN(num_in_ch=3, num_out_ch=3, feature_channels=4, upscale=3)


def swinir():
    from spandrel.architectures.SwinIR import SwinIR

    return SwinIR(
        img_size=16,
        embed_dim=12,
        depths=[2],
        num_heads=[2],
        window_size=8,
        upscale=2,
        upsampler="pixelshuffledirect",
    )


NETWORKS = {
    "ESRGAN": (esrgan, 4),
    "unshuffled": (esrgan_unshuffled, 2),
    "Compact": (compact, 4),
    "Compact at 1x": (lambda: compact(upscale=1), 1),
    "gray": (lambda: compact(num_in_ch=1, num_out_ch=1, upscale=2), 2),
    "SPAN": (span, 3),
    "SwinIR": (swinir, 2),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spandrel")

    def save(name):
        path = folder / f"{name.replace(' ', '_')}.pth"
        if not path.exists():
            torch.manual_seed(0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                network = NETWORKS[name][0]()
            torch.save({"params_ema": network.state_dict()}, path)
        return path

    return save


def directly(path, low):
    """What spandrel gives that reads the file itself: (3, h, w) to (3, H, W)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = spandrel.ModelLoader("cpu").load_from_file(path)
    planes = torch.from_numpy(low).split(model.input_channels)
    return torch.cat([model(plane[None])[0] for plane in planes]).numpy()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("size", [(11, 18), (1, 3)])
def test_it_answers_as_spandrel(name, size, saved):
    path, scale = saved(name), NETWORKS[name][1]
    model = load_model(str(path))
    assert (model.network.scale, model.trained_as) == (scale, None)
    engine = open_engine(model.network, CPU)
    assert (engine.name, engine.precision) == ("torch", "float32")
    batch = np.random.default_rng(0).random((2, 3, *size), np.float32)
    result = engine(batch)
    assert result.shape == (2, 3, scale * size[0], scale * size[1])
    for low, high in zip(batch, result, strict=True):
        np.testing.assert_allclose(high, directly(path, low), atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_tiles_are_as_the_whole(name, saved):
    network = load_model(str(saved(name))).network
    picture = waves(3, False, 8, (70, 83))
    whole, tiled, exact = (
        Upscaler(network, CPU, tiling).upscale(picture).pixels.astype(int)
        for tiling in (Tiling(), Tiling(48, 24), Tiling(48, exact=True))
    )
    scale = network.scale
    assert whole.shape == (70 * scale, 83 * scale, 3)
    np.testing.assert_array_equal(exact, whole)
    difference = np.abs(tiled - whole)
    assert difference.max() <= 2
    assert difference.mean() < 0.1


def test_a_gray_network_takes_colours_one_at_a_time(saved):
    engine = open_engine(load_model(str(saved("gray"))).network, CPU)
    low = np.random.default_rng(1).random((1, 3, 9, 12), np.float32)
    other = low.copy()
    other[:, 1] = 0.5
    one, two = engine(low), engine(other)
    np.testing.assert_array_equal(one[:, [0, 2]], two[:, [0, 2]])
    assert np.abs(one[:, 1] - two[:, 1]).max() > 1e-4


@pytest.mark.parametrize("kind", ["safetensors", "wrapped", "float16"])
def test_it_is_found_however_it_was_saved(kind, tmp_path):
    torch.manual_seed(1)
    state = swinir().state_dict()
    path = tmp_path / "weights.pth"
    match kind:
        case "safetensors":
            save_file(state, path := tmp_path / "weights.safetensors")
        case "wrapped":
            state = {f"generator.{name}": value for name, value in state.items()}
            torch.save({"state_dict": state}, path)
        case "float16":
            halves = {
                k: v.half() if v.is_floating_point() else v for k, v in state.items()
            }
            torch.save(halves, path)
    assert load_model(str(path)).network.kind == "SwinIR"


def test_16_bits_only_where_they_are_possible(saved):
    compact = load_model(str(saved("Compact"))).network
    low = np.random.default_rng(0).random((1, 3, 16, 16), np.float32)
    exact = open_engine(compact, CPU)(low)
    rounded = open_engine(compact, EngineChoice("torch", "cpu", "bfloat16"))(low)
    assert 0 < np.abs(exact - rounded).max() < 0.05
    # The copy in float32 is still one.
    np.testing.assert_array_equal(exact, open_engine(compact, CPU)(low))
    with pytest.raises(DeviceError, match="SwinIR networks can't compute in float16"):
        open_engine(
            load_model(str(saved("SwinIR"))).network,
            EngineChoice(device="cpu", precision="float16"),
        )


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_only_torch_runs_it(engine, saved):
    network = load_model(str(saved("Compact"))).network
    with pytest.raises(DeviceError, match="can't run RealESRGAN Compact"):
        open_engine(network, EngineChoice(engine, "cpu"))


def test_it_is_no_end_of_the_dial(saved):
    with pytest.raises(ModelError, match="no SRResNet"):
        load_between(str(saved("ESRGAN")), 0.5)


@pytest.mark.parametrize("name", ["SPAN", "Compact at 1x"])
def test_the_command_line_takes_it(name, saved, tmp_path):
    low = waves(3, False, 8, (20, 31)).pixels
    Image.fromarray(low).save(source := tmp_path / "low.png")
    target = tmp_path / "high.png"
    words = ["upscale", source, "-o", target, "-m", saved(name), "--device", "cpu"]
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    assert stopped.value.code == 0
    low = low.transpose(2, 0, 1) / np.float32(255)
    expected = 255 * directly(saved(name), low).transpose(1, 2, 0)
    with Image.open(target) as high:
        assert np.abs(np.asarray(high) - expected).max() <= 0.5 + 1e-3


class Payload:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def refused(state, path):
    torch.save(state, path)
    with pytest.raises(WeightsError) as refusal:
        load_model(str(path))
    assert "\n" not in str(refusal.value)
    assert refusal.value.hint
    return refusal.value.message


def test_nothing_in_a_file_is_run(tmp_path):
    marker = tmp_path / "marker"
    state = {"params": esrgan().state_dict(), "note": Payload(marker)}
    assert "asks to run" in refused(state, tmp_path / "payload.pth")
    assert not marker.exists()


def test_names_that_promise_a_giant_take_no_memory(tmp_path):
    """A stage of ESRGAN here has 2.4 MiB; without a bound they would be 7.8 GiB."""
    state = esrgan().state_dict()
    wide = {"model.0.weight": torch.ones(256, 3, 3, 3), "model.0.bias": torch.ones(256)}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    message = refused(
        {**state, **wide, "model.9998.weight": torch.ones(3, 8, 3, 3)},
        tmp_path / "giant.pth",
    )
    assert "larger than its weights" in message
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 2**20  # KiB
    state["model.123456.weight"] = state["model.0.weight"]
    assert "impossible tensor" in refused(state, tmp_path / "numbered.pth")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda state: state.pop("model.0.bias"), "not those of the network"),
        (lambda state: state["model.0.weight"].fill_(torch.nan), "no finite numbers"),
        (
            lambda state: state.update({"model.0.weight": torch.ones(0, 2**39)}),
            "impossible tensor",
        ),
        (
            lambda state: state.update({"model.0.weight": torch.ones(3)}),
            "not those of the network",
        ),
    ],
)
def test_damaged_states_are_refused(change, reason, tmp_path):
    state = dict(esrgan().state_dict())
    change(state)
    assert reason in refused(state, tmp_path / "damaged.pth")


def test_other_purposes_are_refused(tmp_path):
    four = compact(num_in_ch=4, num_out_ch=4)
    assert "turns 4 channels into 4" in refused(four.state_dict(), tmp_path / "4.pth")


class Other(spandrel.Architecture):
    """An architecture for something else, as its users add one to spandrel."""

    def __init__(self, purpose):
        detect = spandrel.util.KeyCondition.has_all(f"{purpose}.weight")
        super().__init__(id=f"Other{purpose}", detect=detect)
        self.purpose = purpose

    def load(self, state_dict):
        facts = {"supports_half": True, "supports_bfloat16": True, "tags": []}
        facts |= {"input_channels": 3, "output_channels": 3, "purpose": self.purpose}
        model = torch.nn.Sequential()
        model.add_module(self.purpose, torch.nn.Conv2d(3, 3, 1))
        if self.purpose == "Inpainting":
            return spandrel.MaskedImageModelDescriptor(model, state_dict, self, **facts)
        return spandrel.ImageModelDescriptor(model, state_dict, self, scale=1, **facts)


@pytest.mark.parametrize(
    ("purpose", "reason"),
    [("Inpainting", "fills what a mask marks"), ("FaceSR", "restores faces")],
)
def test_networks_for_something_else_are_refused(purpose, reason, tmp_path):
    support = spandrel.ArchSupport.from_architecture(Other(purpose))
    spandrel.MAIN_REGISTRY.add(support, ignore_duplicates=True)
    state = {f"{purpose}.weight": torch.ones(3, 3, 1, 1)}
    state[f"{purpose}.bias"] = torch.ones(3)
    message = refused(state, tmp_path / "other.pth")
    assert f"Other{purpose}, which {reason}" in message


def test_strangers_stay_strangers(tmp_path):
    message = refused({"a.weight": torch.ones(3, 3)}, tmp_path / "stranger.pth")
    assert f"nor spandrel {spandrel.__version__}" in message


def test_a_torchvision_that_does_not_fit_is_told(saved, monkeypatch):
    path = saved("ESRGAN")
    for name in [name for name in sys.modules if name.split(".")[0] == "spandrel"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "torchvision.transforms.functional", None)
    with pytest.raises(SrupError, match="installed, but can't be loaded") as refusal:
        load_model(str(path))
    assert "torchvision" in refusal.value.hint
