"""What is written gives the model's pictures, is whole, and says what it is."""

from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from conftest import TINY, tiny_state
from foreign_networks import original
from luma_networks import SMALL, state_of, trained
from sr_cli.catalog import MODELS, Architecture
from sr_cli.engines import EngineChoice, open_engine
from sr_cli.errors import ConfigError, DataError, ModelError
from sr_cli.export import SUFFIXES, export
from sr_cli.networks.fuse import Conv, Network
from sr_cli.networks.mix import Mix
from sr_cli.weights import HEADER_ARCHITECTURE, Model, load_model, read_weights


def own_model(path: Path, architecture: Architecture) -> Model:
    """A file of srup's own with random weights, and the model in it."""
    from safetensors.numpy import save_file

    if architecture.family == "srresnet":
        state = tiny_state(architecture)
    else:
        state = state_of(trained(architecture))
    state = {k: v for k, v in state.items() if "num_batches" not in k}
    save_file(state, path, {HEADER_ARCHITECTURE: architecture.to_json()})
    return read_weights(path, "tiny")


def foreign_model(path: Path, name: str) -> Model:
    torch.save(original(name).state_dict(), path)
    return read_weights(path, "theirs")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(
    scope="module",
    params=["batch", "espcn", "srcnn", "BasicSR", "leftthomas"],
)
def model(request, folder) -> Model:
    if request.param in TINY:
        architecture = replace(TINY[request.param], output_range=(-1.0, 1.0))
        return own_model(folder / "own.safetensors", architecture)
    if request.param in SMALL:
        return own_model(folder / "luma.safetensors", SMALL[request.param])
    return foreign_model(folder / f"{request.param}.pth", request.param)


def expected(model: Model, low: np.ndarray) -> np.ndarray:
    assert isinstance(model.network, Network)
    return open_engine(model.network, EngineChoice("torch", "cpu", "float32"))(low)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


LOWS = [
    np.random.default_rng(1).random(shape, dtype=np.float32)
    for shape in ((1, 3, 1, 1), (2, 3, 9, 14))
]


@pytest.mark.parametrize("element", ["float32", "float16"])
def test_onnx_takes_any_size_and_gives_the_same(model, element, tmp_path):
    done = export(model, path := tmp_path / "m.onnx", element=element)
    assert done.files == (path,)
    assert names_in(tmp_path) == ["m.onnx"]
    written = onnx.load(path)
    onnx.checker.check_model(written, full_check=True)
    session = onnxruntime.InferenceSession(path)
    tolerance = 1e-5 if element == "float32" else 4e-3
    assert done.deviation < tolerance
    for low in LOWS:
        (high,) = session.run(None, {"low": low})
        assert high.dtype == np.float32
        np.testing.assert_allclose(high, expected(model, low), atol=tolerance)


def test_in_float16_the_weights_take_half(small, tmp_path):
    model, sizes = small, {}
    for element in ("float32", "float16"):
        path = tmp_path / f"{element}.onnx"
        export(model, path, element=element)  # type: ignore[arg-type]
        written = onnx.load(path)
        sizes[element] = sum(
            onnx.numpy_helper.to_array(constant).nbytes
            for constant in written.graph.initializer
            if constant.name.endswith((".weight", ".bias", ".slope"))
        )
        export(model, tmp_path / f"{element}.xml", element=element)  # type: ignore[arg-type]
    assert 2 * sizes["float16"] == sizes["float32"]
    small, large = ((tmp_path / f"{e}.bin").stat().st_size for e in sizes)
    assert large < 0.7 * small


@pytest.mark.parametrize("element", ["float32", "float16"])
def test_openvino_ir_takes_any_size_and_gives_the_same(model, element, tmp_path):
    done = export(model, path := tmp_path / "m.xml", element=element)
    assert done.files == (path, tmp_path / "m.bin")
    assert names_in(tmp_path) == ["m.bin", "m.xml"]
    core = openvino.Core()
    written = core.read_model(path)
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(written, "CPU", settings)
    tolerance = 1e-5 if element == "float32" else 4e-3
    for low in LOWS:
        np.testing.assert_allclose(
            compiled(low)[0], expected(model, low), atol=tolerance
        )
    assert written.get_rt_info(["srup", "sha256"]).astype(str) == model.sha256


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_come_back(model, suffix, tmp_path):
    """Also from one to the other, and back."""
    path = tmp_path / f"m{suffix}"
    assert export(model, path).deviation < 1e-5
    there = read_weights(path, "again")
    np.testing.assert_allclose(
        expected(there, LOWS[1]), expected(model, LOWS[1]), atol=1e-6
    )
    other = tmp_path / f"n{'.pth' if suffix == '.safetensors' else '.safetensors'}"
    export(there, other)
    np.testing.assert_array_equal(
        expected(read_weights(other, "back"), LOWS[1]), expected(there, LOWS[1])
    )


def plain_torch() -> ModuleType:
    """The module among the examples, which knows nothing of srup."""
    path = Path(__file__).parents[2] / "examples" / "srresnet.py"
    assert "sr_cli" not in path.read_text(encoding="utf-8")
    spec = spec_from_file_location("plain_torch", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("norm", TINY)
def test_torch_loads_srups_own_weights(norm, folder, tmp_path):
    model = own_model(folder / f"{norm}.safetensors", TINY[norm])
    export(model, path := tmp_path / "m.pth")
    network = plain_torch().load(path)
    with torch.inference_mode():
        high = network(torch.from_numpy(LOWS[1])).numpy()
    np.testing.assert_allclose(high, expected(model, LOWS[1]), atol=1e-5)


def test_others_load_their_weights_as_they_were(tmp_path):
    """An MSRResNet goes back to BasicSR, which looks under `params`."""
    model = foreign_model(tmp_path / "theirs.pth", "BasicSR")
    export(model, tmp_path / "back.pth")
    export(model, tmp_path / "back.safetensors")
    network = original("BasicSR", seed=5)
    loaded = torch.load(tmp_path / "back.pth", weights_only=True)["params"]
    network.load_state_dict(loaded)
    network.load_state_dict(load_file(tmp_path / "back.safetensors"))
    for name, value in original("BasicSR").state_dict().items():
        assert torch.equal(network.state_dict()[name], value)


def test_a_safetensors_file_is_copied_as_it_is(folder, tmp_path):
    model = own_model(folder / "copied.safetensors", TINY["none"])
    export(model, path := tmp_path / "m.safetensors")
    assert path.read_bytes() == model.path.read_bytes()
    with safe_open(path, "np") as file:
        assert HEADER_ARCHITECTURE in file.metadata()


def test_a_graph_can_only_become_another_graph(tmp_path):
    graph = tmp_path / "espcn.onnx"
    export(load_model("espcn"), graph)
    model = read_weights(graph, "graph")
    assert export(model, tmp_path / "again.onnx").deviation < 1e-5
    assert export(model, tmp_path / "again.xml").deviation < 1e-5
    for name in ("m.pth", "m.safetensors"):
        with pytest.raises(ModelError, match="holds no weights by the names"):
            export(model, tmp_path / name)


def test_an_onnx_file_says_what_it_is(tmp_path):
    (spec,) = (spec for spec in MODELS if spec.id == "espcn")
    export(load_model("espcn"), path := tmp_path / "m.onnx")
    facts = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert facts["srup.model"] == "espcn"
    assert facts["srup.sha256"] == spec.sha256
    assert facts["srup.scale"] == "4"
    assert facts["srup.licence"] == spec.licence
    assert "black 0 and white 1" in facts["srup.range"]


@pytest.fixture
def small(folder) -> Model:
    return own_model(folder / "small.safetensors", TINY["none"])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_existing_files_need_a_word(small, suffix, tmp_path):
    path = tmp_path / f"m{suffix}"
    path.write_text("precious")
    with pytest.raises(DataError, match="exists already"):
        export(small, path)
    assert path.read_text() == "precious"
    export(small, path, overwrite=True)
    assert path.stat().st_size > 100


def test_the_weights_beside_an_xml_count_as_well(small, tmp_path):
    (tmp_path / "m.bin").write_text("precious")
    with pytest.raises(DataError, match=r"m\.bin exists already"):
        export(small, tmp_path / "m.xml")
    assert (tmp_path / "m.bin").read_text() == "precious"
    assert names_in(tmp_path) == ["m.bin"]


def flawed(model: Model, weight: float) -> Model:
    """A model one of whose weights is out of all proportion."""
    first, *others = model.network.layers  # type: ignore[union-attr]
    assert isinstance(first, Conv)
    values = first.weight.copy()
    values[0, 0, 4, 4] = weight
    layers = Conv(values, first.bias, first.slope), *others
    return replace(model, network=Network(tuple(layers), model.network.scale))


@pytest.mark.parametrize(
    ("weight", "name", "element"),
    [
        (1e6, "m.onnx", "float16"),  # infinite in float16
        (1e6, "m.xml", "float16"),
        (float("nan"), "m.onnx", "float32"),
        (1.0, "m.pth", "float32"),  # the file has other weights
        (1.0, "m.safetensors", "float32"),
    ],
)
def test_what_deviates_is_not_written(small, weight, name, element, tmp_path):
    with pytest.raises(ModelError, match="would give other pictures") as refusal:
        export(flawed(small, weight), tmp_path / name, element=element)
    assert ("--float16" in refusal.value.hint) == (element == "float16")
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("name", ["m.onnx", "m.xml"])
def test_a_folder_that_takes_no_file_is_told(small, name, tmp_path):
    with pytest.raises(DataError, match="Cannot write"):
        export(small, tmp_path / "nowhere" / name)
    assert names_in(tmp_path) == []


def test_what_makes_no_sense_is_refused(small, tmp_path):
    with pytest.raises(ConfigError, match=r"no format for the name m\.tflite"):
        export(small, tmp_path / "m.tflite")
    with pytest.raises(ConfigError, match="stay in float32"):
        export(small, tmp_path / "m.pth", element="float16")
    assert isinstance(small.network, Network)
    mixed = replace(small, network=Mix(small.network, small.network, 0.5))
    with pytest.raises(ModelError, match="mix"):
        export(mixed, tmp_path / "m.onnx")
