"""ONNX graphs become layers that give the same pictures, or are refused."""

import re
import tracemalloc
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, numpy_helper

from conftest import TINY, tiny_state
from foreign_networks import CASES, Original, original
from luma_networks import SMALL, state_of, trained
from sr_cli.bench.plain_graph import build_plain_onnx
from sr_cli.engines import EngineChoice, open_engine
from sr_cli.errors import WeightsError
from sr_cli.foreign import read_foreign
from sr_cli.networks.fuse import Conv, Enlarge, Network, fuse
from sr_cli.networks.graph import build_onnx
from sr_cli.networks.stages import body_and_tail

MIB = 2**20
LOW = np.random.default_rng(3).random((1, 3, 9, 11), dtype=np.float32)


def run(network: Network, low: np.ndarray = LOW) -> np.ndarray:
    return open_engine(network, EngineChoice("onnxruntime", "cpu", "float32"))(low)


def as_it_is(content: bytes, low: np.ndarray = LOW) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options)
    (low_name,) = (one.name for one in session.get_inputs())
    return session.run(None, {low_name: low})[0]


def read(content: bytes | ModelProto, folder: Path) -> Network:
    path = folder / "model.onnx"
    is_bytes = isinstance(content, bytes)
    path.write_bytes(content if is_bytes else content.SerializeToString())
    return read_foreign(path).network


def own_networks() -> dict[str, Network]:
    networks = {
        norm: fuse(tiny_state(TINY[norm]), TINY[norm]) for norm in ("batch", "none")
    }
    for family, architecture in SMALL.items():
        for scale in (2, 4) if family == "srcnn" else (3,):
            scaled = replace(architecture, scale=scale)
            state = state_of(trained(scaled))
            networks[f"{family} {scale}"] = fuse(state, scaled)
    return networks


OWN = own_networks()


@pytest.mark.parametrize("name", OWN)
def test_what_srup_writes_srup_reads(name, tmp_path):
    network = read(build_onnx(OWN[name]), tmp_path)
    assert (network.scale, network.halo) == (OWN[name].scale, OWN[name].halo)
    assert len(network.layers) == len(OWN[name].layers)
    np.testing.assert_array_equal(run(network), run(OWN[name]))
    halves = read(build_onnx(OWN[name], "float16"), tmp_path)
    np.testing.assert_allclose(run(halves), run(OWN[name]), atol=4e-3)


@pytest.mark.parametrize("kernel", ["cubic", "linear"])
@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_enlargements_are_told_apart(kernel, factor, tmp_path):
    network = Network((Enlarge(factor, kernel),), factor)
    assert read(build_onnx(network), tmp_path).layers == network.layers


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_the_papers_graph_becomes_the_fused_one(norm, tmp_path):
    content = build_plain_onnx(tiny_state(TINY[norm]), TINY[norm])
    network = read(content, tmp_path)
    assert network.halo == OWN[norm].halo
    assert body_and_tail(network) is not None
    shapes = [x.weight.shape for x in network.layers if isinstance(x, Conv)]
    assert shapes == [x.weight.shape for x in OWN[norm].layers if isinstance(x, Conv)]
    np.testing.assert_allclose(run(network), as_it_is(content), atol=1e-5)


class Program(torch.nn.Module):
    """What others do with their network, ranges included."""

    def __init__(self, network: Original) -> None:
        super().__init__()
        self.network = network

    def forward(self, low: torch.Tensor) -> torch.Tensor:
        return self.network.picture(low)


@pytest.mark.filterwarnings(
    "ignore"
)  # torch has a newer exporter, with another package
@pytest.mark.parametrize(
    ("name", "scale"),
    [case for case in CASES if "nearest" not in case[0] and case[1] in (3, 4)],
)
def test_what_torch_exports_is_read(name, scale, tmp_path):
    program = Program(original(name, scale)).eval()
    path = tmp_path / "model.onnx"
    low = torch.from_numpy(LOW)
    torch.onnx.export(program, (low[:, :, :8, :8],), path, dynamo=False)
    result = run(read_foreign(path).network)
    with torch.inference_mode():
        expected = program(low).numpy()
    if "Lornatang" in name:
        result = result.clip(expected.min(), expected.max())
    np.testing.assert_allclose(result, expected, atol=1e-5)


def graph(
    nodes: list[onnx.NodeProto],
    *constants: TensorProto,
    inputs: tuple[str, ...] = ("low",),
    **options: object,
) -> ModelProto:
    picture = ["n", 3, "h", "w"]
    made = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, picture) for x in inputs],
        [helper.make_tensor_value_info("high", TensorProto.FLOAT, None)],
        constants,
        **options,
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)])


def constant(name: str, *shape: int, seed: int = 0) -> TensorProto:
    values = np.random.default_rng(seed).normal(0, 0.2, shape).astype(np.float32)
    return numpy_helper.from_array(values, name)


WEIGHT = constant("w", 12, 3, 3, 3)
NODES = {
    "conv": helper.make_node("Conv", ["low", "w"], ["a"], pads=[1] * 4),
    "shuffle": helper.make_node(
        "DepthToSpace", ["a"], ["high"], blocksize=2, mode="CRD"
    ),
}


def like(name: str, *inputs: str, **attributes: object) -> onnx.NodeProto:
    """A node of `NODES` with other inputs or attributes."""
    node = NODES[name]
    facts = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    facts |= attributes
    return helper.make_node(node.op_type, inputs or node.input, node.output, **facts)


def after_shuffle(*nodes: onnx.NodeProto) -> list[onnx.NodeProto]:
    """The two usual nodes, and then others from the value `b` to `high`."""
    shuffle = helper.make_node("DepthToSpace", ["a"], ["b"], blocksize=2, mode="CRD")
    return [NODES["conv"], shuffle, *nodes]


def one(operator: str, *inputs: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(operator, inputs, ["high"], **attributes)


EACH, ALL = constant("each", 3, 1, 1, seed=4), constant("all", seed=5)
NORM = [
    numpy_helper.from_array(np.array(values, np.float32), name)
    for name, values in (
        ("gain", [0.5, 1, 2]),
        ("offset", [0, 0.1, 0.2]),
        ("mean", [0.3, 0, -0.3]),
        ("variance", [1, 2, 3]),
    )
]


@pytest.mark.parametrize(
    "nodes",
    [
        [one("Relu", "b")],
        [one("LeakyRelu", "b", alpha=0.3)],
        [one("LeakyRelu", "b")],
        [one("PRelu", "b", "each")],
        [one("PRelu", "b", "all")],
        [one("Mul", "b", "each")],
        [one("Mul", "all", "b")],
        [one("Add", "each", "b")],
        [one("Sub", "b", "each")],
        [one("Sub", "each", "b")],
        [one("Div", "b", "each")],
        [one("Tanh", "b")],
        [one("Sigmoid", "b")],
        [one("Identity", "b")],
        [one("Cast", "b", to=TensorProto.FLOAT)],
        [one("Add", "b", "b")],
        [one("BatchNormalization", "b", *(t.name for t in NORM), epsilon=0.1)],
        # Values that are asked for again, far behind, in either order.
        [
            helper.make_node("Tanh", ["b"], ["c"]),
            helper.make_node("Relu", ["b"], ["d"]),
            helper.make_node("Add", ["d", "c"], ["e"]),
            one("Add", "b", "e"),
        ],
        [
            helper.make_node("Relu", ["b"], ["c"]),
            helper.make_node("Mul", ["c", "all"], ["d"]),
            helper.make_node("Add", ["c", "d"], ["e"]),
            helper.make_node("Tanh", ["b"], ["unused"]),
            one("Add", "e", "b"),
        ],
    ],
    ids=lambda nodes: " ".join(node.op_type for node in nodes),
)
def test_operators_mean_what_they_mean(nodes, tmp_path):
    model = graph(after_shuffle(*nodes), WEIGHT, EACH, ALL, *NORM)
    network = read(model, tmp_path)
    expected = as_it_is(model.SerializeToString())
    np.testing.assert_allclose(run(network), expected, atol=1e-6)


def test_constants_may_be_nodes_and_the_last_clipping_goes(tmp_path):
    bounds = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value))
        for name, value in (("zero", np.float32(0)), ("one", np.float32(1)))
    ]
    clip = one("Clip", "b", "zero", "one")
    model = graph([*bounds, *after_shuffle(clip)], WEIGHT)
    found, expected = run(read(model, tmp_path)), as_it_is(model.SerializeToString())
    assert found.min() < 0  # so there is something to clip
    np.testing.assert_allclose(found.clip(0, 1), expected, atol=1e-6)


def external(tensor: TensorProto, location: str) -> TensorProto:
    """`tensor` with its numbers elsewhere."""
    moved = TensorProto()
    moved.CopyFrom(tensor)
    moved.ClearField("raw_data")
    moved.data_location = TensorProto.EXTERNAL
    entry = moved.external_data.add()
    entry.key, entry.value = "location", location
    return moved


@pytest.mark.parametrize("place", ["initializer", "node", "unused"])
@pytest.mark.parametrize("location", ["w.bin", "/etc/passwd", "../../secret"])
def test_weights_in_other_files_are_not_opened(place, location, tmp_path):
    (tmp_path / "w.bin").write_bytes(WEIGHT.raw_data)
    moved = external(WEIGHT, location)
    nodes = list(NODES.values())
    if place == "node":
        nodes.insert(0, helper.make_node("Constant", [], ["w"], value=moved))
        model = graph(nodes)
    elif place == "unused":
        moved.name = "unused"
        model = graph(nodes, WEIGHT, moved)
    else:
        model = graph(nodes, moved)
    with pytest.raises(WeightsError, match="in another file, which is not opened"):
        read(model, tmp_path)


def test_what_external_data_would_have_given(tmp_path):
    """So that the test above proves something: the file is good but for that."""
    assert read(graph(list(NODES.values()), WEIGHT), tmp_path).scale == 2


def lying(**changes: object) -> TensorProto:
    tensor = TensorProto()
    tensor.CopyFrom(WEIGHT)
    for name, value in changes.items():
        tensor.ClearField(name)
        if isinstance(value, list):
            getattr(tensor, name).extend(value)
        else:
            setattr(tensor, name, value)
    return tensor


def nodes_with(name: str, **attributes: object) -> list[onnx.NodeProto]:
    changed = like(name, **attributes)
    return [changed if key == name else node for key, node in NODES.items()]


USUAL = list(NODES.values())


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (graph(USUAL, lying(dims=[2**40, 3, 3, 3])), "damaged"),
        (graph(USUAL, lying(dims=[-1, 3, 3, 3])), "impossible shape"),
        (graph(USUAL, lying(dims=[12, 3, 3, 3], raw_data=b"")), "damaged"),
        (graph(USUAL, lying(data_type=TensorProto.STRING)), "of no known kind"),
        (graph(USUAL, lying(data_type=TensorProto.COMPLEX128)), "of no known kind"),
        (
            graph(USUAL, lying(raw_data=np.full(324, np.nan, np.float32).tobytes())),
            "no finite numbers",
        ),
        (graph(USUAL), "doesn't know what its Conv"),
        (graph(USUAL, WEIGHT, inputs=("low", "mask")), "one picture into one"),
        (graph(USUAL, constant("w", 12, 4, 3, 3)), "expects 4 channels and gets 3"),
        (graph(USUAL, constant("w", 11, 3, 3, 3)), "shuffle by 2 gets 11"),
        (graph(USUAL, constant("w", 16, 3, 3, 3)), "makes 4 channels at 2x"),
        (graph(USUAL, constant("w", 12, 3, 3, 1)), "no usual one"),
        (graph(USUAL, constant("w", 12, 3, 2, 2)), "no usual one"),
        (graph(USUAL, constant("w", 12)), "no usual one"),
        (graph(nodes_with("conv", pads=[0] * 4), WEIGHT), "no usual one"),
        (graph(nodes_with("conv", strides=[2, 2]), WEIGHT), "no usual one"),
        (graph(nodes_with("conv", dilations=[2, 2]), WEIGHT), "no usual one"),
        (graph(nodes_with("conv", group=3), WEIGHT), "no usual one"),
        (graph(nodes_with("shuffle", mode="DCR"), WEIGHT), "otherwise than torch"),
        (graph(nodes_with("shuffle", blocksize=2**40), WEIGHT), "otherwise than torch"),
        (graph(USUAL[:1], WEIGHT), "makes last|12 channels"),
        (graph(USUAL[::-1], WEIGHT), "nothing makes before"),
        (graph([]), "makes last"),
        (graph(after_shuffle(one("Softmax", "b")), WEIGHT), "its Softmax"),
        (graph(after_shuffle(one("Add", "b", "c")), WEIGHT), "nothing makes before"),
        (graph(after_shuffle(one("Mul", "b", "b")), WEIGHT), "its Mul"),
        (
            graph(after_shuffle(one("Div", "each", "b")), WEIGHT, EACH),
            "divides by its values",
        ),
        (
            graph(
                after_shuffle(one("Mul", "b", "mask")), WEIGHT, constant("mask", 18, 22)
            ),
            "a constant for places",
        ),
        (
            graph(after_shuffle(one("Clip", "b", "each", "all")), WEIGHT, EACH, ALL),
            "damaged|its Clip",
        ),
        (
            graph(
                [
                    helper.make_node("Conv", ["low", "w"], ["a"]),
                    helper.make_node("Tanh", ["a"], ["b"]),
                    one("Relu", "b"),
                ],
                constant("w", 50_000, 3, 1, 1),
            ),
            "only multiplied",
        ),
        (
            graph(
                [
                    helper.make_node("Conv", ["low", "w"], ["0"]),
                    *(
                        helper.make_node(operator, [f"{n}{at}"], [f"{n + step}{to}"])
                        for n in range(50)
                        for operator, at, to, step in (
                            ("Tanh", "", "t", 0),
                            ("Relu", "t", "", 1),
                        )
                    ),
                    one("Identity", "50"),
                ],
                constant("w", 1_000, 3, 1, 1),
            ),
            "only multiplied",
        ),
        (graph([one("Tanh", "low")] * 10_001), "10,001 nodes"),
        (graph(after_shuffle(one("Shape", "b")), WEIGHT), "its Shape"),
        (graph(after_shuffle(one("Resize", "b", mode="cubic")), WEIGHT), "resizes"),
    ],
)
def test_other_graphs_are_refused_with_a_sentence(model, reason, tmp_path):
    tracemalloc.start()
    with pytest.raises(WeightsError) as refusal:
        read(model, tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 128 * MIB
    tracemalloc.stop()
    assert re.search(reason, refusal.value.message)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"\x08" * 1000, b"<html>"])
def test_other_files_are_refused(content, tmp_path):
    with pytest.raises(WeightsError):
        read(content, tmp_path)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    place=st.floats(0, 1), damage=st.binary(min_size=1, max_size=9), cut=st.booleans()
)
def test_damage_is_refused_or_harmless(tmp_path, place, damage, cut):
    content = graph(after_shuffle(one("PRelu", "b", "each")), WEIGHT, EACH)
    whole = content.SerializeToString()
    at = int(len(whole) * place)
    rest = b"" if cut else whole[at + len(damage) :]
    with suppress(WeightsError):
        assert read(whole[:at] + damage + rest, tmp_path).scale in (2, 3, 4, 8)


def of_kinds(model: ModelProto, low: int, high: int) -> ModelProto:
    """Say of a graph's pictures that they are of these types."""
    model.graph.input[0].type.tensor_type.elem_type = low
    model.graph.output[0].type.tensor_type.elem_type = high
    return model


FLOAT, BYTES = TensorProto.FLOAT, TensorProto.UINT8


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (of_kinds(graph(USUAL, WEIGHT), BYTES, FLOAT), "no floats from 0 to 1"),
        (of_kinds(graph(USUAL, WEIGHT), FLOAT, BYTES), "no floats from 0 to 1"),
        (graph(after_shuffle(one("Cast", "b", to=BYTES)), WEIGHT), "its Cast"),
        (graph(nodes_with("conv", pads=[1] * 4), constant("w", 12, 3, 1, 1)), "usual"),
        (graph(nodes_with("shuffle", domain="own"), WEIGHT), "DepthToSpace of own"),
        (
            graph(
                after_shuffle(one("BatchNormalization", "b", *"ggg", "v")),
                WEIGHT,
                constant("g", 6_000, 1),
                constant("v", 1, 6_000),
            ),
            "other numbers than for channels",
        ),
        (
            graph(
                [one("Resize", "low", "", "many", mode="linear")],
                numpy_helper.from_array(np.array([1, 1, np.inf, np.inf]), "many"),
            ),
            "damaged",
        ),
    ],
)
def test_what_would_be_misread_is_refused(model, reason, tmp_path):
    test_other_graphs_are_refused_with_a_sentence(model, reason, tmp_path)


def test_constants_may_have_other_names(tmp_path):
    named = [helper.make_node("Identity", ["v"], ["w"]), *USUAL]
    weight = lying(name="v")
    network = read(graph(named, weight), tmp_path)
    usual = read(graph(USUAL, WEIGHT), tmp_path)
    np.testing.assert_array_equal(run(network), run(usual))
