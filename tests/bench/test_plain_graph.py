"""The plain graph: the trained network itself, drawn and counted."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import TINY, tiny_state
from sr_cli.bench.peers import open_peer, plain_torch
from sr_cli.bench.plain_graph import build_plain_onnx, multiply_adds, plain_layers
from sr_cli.bench.plain_ncnn import build_plain_ncnn
from sr_cli.catalog import MODELS, Architecture
from sr_cli.errors import DeviceError, ModelError
from sr_cli.networks.build import build

ARCHITECTURES = {
    **TINY,
    "srcnn": Architecture(family="srcnn", channels=8),
    "espcn": Architecture(family="espcn", channels=8),
    "tanh": Architecture(blocks=1, channels=8, output_range=(-1.0, 1.0)),
}
RESIDUAL = ("none", "batch", "tanh")
SIZES = [(1, 1), (3, 8), (13, 10)]


def state_of(name: str) -> dict[str, np.ndarray]:
    architecture = ARCHITECTURES[name]
    if architecture.family == "srresnet":
        state = tiny_state(architecture)
        state["tail.weight"] *= 20.0  # for answers that are large enough to differ
        return state
    torch.manual_seed(0)
    return {k: v.detach().numpy() for k, v in build(architecture).state_dict().items()}


def trained(name: str, low: np.ndarray) -> np.ndarray:
    """What the network that was trained makes of `low`."""
    network = build(ARCHITECTURES[name])
    network.load_state_dict({k: torch.tensor(v) for k, v in state_of(name).items()})
    with torch.inference_mode():
        return network.eval()(torch.from_numpy(low)).numpy()


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).random((1, 3, height, width), np.float32)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_graph_is_the_trained_network(name, size):
    low = picture(*size)
    model = build_plain_onnx(state_of(name), ARCHITECTURES[name])
    (high,) = onnxruntime.InferenceSession(model).run(["high"], {"low": low})
    np.testing.assert_allclose(high, trained(name, low), atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_torch_network_is_the_trained_network(name, size):
    low = picture(*size)
    with torch.inference_mode():
        high = plain_torch(state_of(name), ARCHITECTURES[name])(torch.from_numpy(low))
    np.testing.assert_allclose(high, trained(name, low), atol=1e-5)


def nodes_of(name: str) -> list[onnx.NodeProto]:
    model = onnx.load_from_string(build_plain_onnx(state_of(name), ARCHITECTURES[name]))
    onnx.checker.check_model(model)
    return list(model.graph.node)


def test_nothing_is_fused():
    kinds = [node.op_type for node in nodes_of("batch")]
    assert kinds.count("BatchNormalization") == 2 * 2 + 1
    assert kinds.count("PRelu") == 1 + 2 + 2
    assert kinds[-7:] == ["Conv", "DepthToSpace", "PRelu"] * 2 + ["Conv"]
    (side,) = [
        attribute.ints[0]
        for attribute in nodes_of("none")[-1].attribute
        if attribute.name == "kernel_shape"
    ]
    assert side == 9


def test_without_normalisation_there_is_none_to_do():
    assert "BatchNormalization" not in {node.op_type for node in nodes_of("none")}


def test_the_count_by_hand():
    layers = plain_layers(state_of("none"), ARCHITECTURES["none"])
    at_low = 81 * 3 * 8 + 5 * (9 * 8 * 8) + 9 * 8 * 32
    at_double, at_full = 9 * 8 * 32, 81 * 8 * 3
    expected = 5 * 7 * (at_low + 4 * at_double + 16 * at_full)
    assert multiply_adds(layers, 5, 7) == expected


def test_the_papers_network_takes_two_million_a_pixel():
    architecture = MODELS[0].architecture
    state = {k: v.numpy() for k, v in build(architecture).state_dict().items()}
    # 15,552 + 33·36,864 + 147,456 + 4·147,456 + 16·15,552
    assert multiply_adds(plain_layers(state, architecture), 1, 1) == 2_218_176


@settings(deadline=None, max_examples=10)
@given(
    name=st.sampled_from(sorted(ARCHITECTURES)),
    height=st.integers(1, 6),
    width=st.integers(1, 6),
)
def test_the_count_is_that_of_the_convolutions_that_run(name, height, width):
    network = plain_torch(state_of(name), ARCHITECTURES[name])
    counted = 0

    def count(module, _, output):
        nonlocal counted
        counted += output[:, :1].numel() * module.weight.numel()

    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(count)
    with torch.inference_mode():
        network(torch.from_numpy(picture(height, width)))
    if name in ("srcnn", "espcn"):  # whose luma is three products, and no module
        zoom = 4 if name == "srcnn" else 1
        counted += 3 * height * width * zoom**2
    layers = plain_layers(state_of(name), ARCHITECTURES[name])
    assert multiply_adds(layers, height, width) == counted


# --- peers


def numbers(result: object) -> np.ndarray:
    if isinstance(result, torch.Tensor):
        return result.float().numpy()
    if isinstance(result, onnxruntime.OrtValue):
        return result.numpy()
    found = np.array(result)
    return found if found.ndim == 4 else found[None]


@pytest.mark.parametrize(
    ("peer", "precision", "tolerance"),
    [
        ("torch", "float32", 1e-5),
        ("torch", "bfloat16", 2e-2),
        ("onnxruntime", "float32", 1e-5),
        ("openvino", "float32", 1e-5),
        ("openvino", "bfloat16", 2e-2),
        ("ncnn", "float32", 1e-5),
    ],
)
@pytest.mark.parametrize("name", RESIDUAL)
def test_a_peer_runs_the_trained_network_on_its_own_copy(
    name, peer, precision, tolerance
):
    low = picture(9, 12)
    expected = trained(name, low)
    try:
        run = open_peer(peer, state_of(name), ARCHITECTURES[name], low, precision)
    except DeviceError as error:
        pytest.skip(str(error))
    low[:] = np.nan
    for _ in range(2):
        assert np.abs(numbers(run()) - expected).max() < tolerance


@pytest.mark.parametrize("name", ["srcnn", "espcn"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_torch_runs_the_luma_networks_in_both_precisions(name, precision):
    low = picture(9, 12)
    run = open_peer("torch", state_of(name), ARCHITECTURES[name], low, precision)
    assert np.abs(numbers(run()) - trained(name, low)).max() < 2e-2


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr("sr_cli.bench.peers.find_spec", lambda _: None)
    with pytest.raises(DeviceError, match="openvino is not installed"):
        open_peer("openvino", {}, TINY["none"], picture(1, 1), "float32")


def test_a_precision_that_a_peer_lacks_is_refused():
    state = state_of("none")
    with pytest.raises(DeviceError, match="onnxruntime runs this graph in float32"):
        open_peer("onnxruntime", state, TINY["none"], picture(4, 4), "bfloat16")


# --- ncnn's format, read as its documentation has it


def run_ncnn(text: str, content: bytes, low: np.ndarray) -> np.ndarray:
    """A small interpreter of the format."""
    values = np.frombuffer(content, "<f4")

    def take(count: int) -> torch.Tensor:
        nonlocal values
        taken, values = values[:count], values[count:]
        assert len(taken) == count
        return torch.tensor(taken)

    magic, counts, *lines = text.splitlines()
    assert magic == "7767517"
    blobs = {"low": torch.from_numpy(low)}
    assert lines[0] == "Input low 0 1 low"
    for line in lines[1:]:
        kind, _, inputs, outputs, *rest = line.split()
        sources = [blobs[name] for name in rest[: int(inputs)]]
        names = rest[int(inputs) : int(inputs) + int(outputs)]
        facts = dict(part.split("=") for part in rest[int(inputs) + int(outputs) :])
        x = sources[0]
        if kind == "Convolution":
            assert take(1) == 0  # float32 follows
            out, side = int(facts["0"]), int(facts["1"])
            weight = take(int(facts["6"])).reshape(out, -1, side, side)
            padding = int(facts["4"])
            x = torch.nn.functional.conv2d(x, weight, take(out), padding=padding)
        elif kind == "BatchNorm":
            gain, mean, variance, offset = (take(int(facts["0"])) for _ in range(4))
            x = torch.nn.functional.batch_norm(
                x, mean, variance, gain, offset, eps=float(facts["1"])
            )
        elif kind == "PReLU":
            x = torch.nn.functional.prelu(x, take(int(facts["0"])))
        elif kind == "PixelShuffle":
            x = torch.nn.functional.pixel_shuffle(x, int(facts["0"]))
        elif kind == "BinaryOp":
            assert facts["0"] == "0"
            x = sources[0] + sources[1]
        else:
            assert kind == "Split"
        blobs.update(dict.fromkeys(names, x))
    assert counts.split() == [str(len(lines)), str(len(blobs))]
    assert not len(values)
    return blobs["high"].numpy()


@pytest.mark.parametrize("name", RESIDUAL)
def test_the_net_for_ncnn_is_the_trained_network(name):
    low = picture(6, 5)
    layers = plain_layers(state_of(name), ARCHITECTURES[name])
    high = run_ncnn(*build_plain_ncnn(layers), low)
    np.testing.assert_allclose(high, trained(name, low), atol=1e-5)


def test_only_srresnet_is_drawn_for_ncnn():
    layers = plain_layers(state_of("espcn"), ARCHITECTURES["espcn"])
    with pytest.raises(ModelError, match="Only SRResNet"):
        build_plain_ncnn(layers)
