"""An ONNX graph of what SRResNets are made of, as the list of layers that srup runs.

So every engine runs it, in every precision, and tiles know how far it reaches.  Graphs
with other operators are refused; what srup exports, and what torch exports of
SRResNets, has none.  Weights must be in the file itself: no other path is ever opened.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from sr_cli.foreign.convert import UnfitError
from sr_cli.foreign.layer_list import Affine, LayerList, Slope, Step, Sum
from sr_cli.foreign.onnx_enlarge import find_enlarge
from sr_cli.foreign.pickled import UnreadableError
from sr_cli.networks.fuse import Conv, Enlarge, Network, Shuffle, Sigmoid, Tanh

LARGEST = 2**27
"""Bytes; SRResNet has 6 MiB."""

_MOST_NODES = 10_000

Constants = Mapping[str, NDArray[Any]]

_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)
_DOMAINS = ("", "ai.onnx")


def _array(tensor: TensorProto) -> NDArray[Any]:
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise UnreadableError("it keeps weights in another file, which is not opened")
    if tensor.data_type not in (*_FLOATS, TensorProto.INT64):
        raise UnreadableError(f"its constant {tensor.name!r} is of no known kind")
    if any(size < 0 for size in tensor.dims):
        raise UnreadableError("a tensor in it has an impossible shape")
    array: NDArray[Any] = numpy_helper.to_array(tensor)
    return array.astype(np.float32) if tensor.data_type in _FLOATS else array


def _attributes(node: NodeProto) -> dict[str, Any]:
    return {one.name: helper.get_attribute_value(one) for one in node.attribute}


def _constants(graph: GraphProto) -> dict[str, NDArray[Any]]:
    if graph.sparse_initializer:
        raise UnreadableError("it has sparse weights")
    found = {tensor.name: _array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        # torch's exporter has equal weights once, and names for the others.
        if node.op_type == "Identity" and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
        if node.op_type == "Constant":
            value = _attributes(node).get("value")
            if not isinstance(value, TensorProto):
                raise UnreadableError("it has a constant that is no tensor")
            found[node.output[0]] = _array(value)
    return found


def _input_of(graph: GraphProto, constants: Constants) -> str:
    names = [str(one.name) for one in graph.input if one.name not in constants]
    if len(names) != 1 or len(graph.output) != 1:
        raise UnfitError("it doesn't turn one picture into one")
    pictures = [one for one in graph.input if one.name == names[0]] + [*graph.output]
    if any(one.type.tensor_type.elem_type not in _FLOATS for one in pictures):
        raise UnfitError("its pictures are no floats from 0 to 1")
    return names[0]


def _needed(graph: GraphProto) -> list[NodeProto]:
    """Return the nodes on which the output depends, in their order."""
    wanted, nodes = {graph.output[0].name}, []
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            nodes.append(node)
            wanted.update(node.input)
    return nodes[::-1]


def _conv(node: NodeProto, constants: Constants) -> Conv:
    facts = _attributes(node)
    weight = constants[node.input[1]]
    side = weight.shape[-1]
    padded = facts.get("auto_pad", b"NOTSET") in (b"SAME_UPPER", b"SAME_LOWER")
    keeps_size = padded or facts.get("pads", [0] * 4) == [side // 2] * 4
    plain = all(set(facts.get(name, [1])) == {1} for name in ("strides", "dilations"))
    square = weight.ndim == 4 and weight.shape[2] == side and side % 2 == 1
    if not (keeps_size and plain and square and facts.get("group", 1) == 1):
        raise UnfitError(
            f"its convolution {node.name or node.output[0]} is no usual one"
        )
    has_bias = len(node.input) > 2 and bool(node.input[2])
    bias = constants[node.input[2]] if has_bias else np.zeros(len(weight), np.float32)
    if bias.shape != (len(weight),):
        raise UnfitError(f"a convolution has {bias.size} biases for {len(weight)}")
    return Conv(weight, bias)


def _shuffle(node: NodeProto, _: Constants) -> Shuffle:
    facts = _attributes(node)
    if facts.get("mode") != b"CRD" or not 2 <= facts["blocksize"] <= 8:
        raise UnfitError("its DepthToSpace orders channels otherwise than torch")
    return Shuffle(int(facts["blocksize"]))


def _learnt_slope(node: NodeProto, constants: Constants) -> Slope:
    slope = constants[node.input[1]]
    if slope.ndim > 4 or slope.size not in (1, *slope.shape[-3:-2]):
        raise UnfitError("a PRelu has slopes for places, not for channels")
    return Slope(slope.reshape(-1))


def _slope(node: NodeProto, _: Constants) -> Slope:
    leaky = 0.0 if node.op_type == "Relu" else _attributes(node).get("alpha", 0.01)
    return Slope(np.array([leaky], np.float32))


def _norm(node: NodeProto, constants: Constants) -> Affine:
    gain, offset, mean, variance = (
        constants[name].astype(np.float64) for name in node.input[1:5]
    )
    # Others would spread out over one another.
    if any(one.shape != (gain.size,) for one in (gain, offset, mean, variance)):
        raise UnfitError("a BatchNormalization has other numbers than for channels")
    epsilon = _attributes(node).get("epsilon", 1e-5)
    gain = gain / np.sqrt(variance + epsilon)
    return Affine(gain, offset - mean * gain)


def _arithmetic(node: NodeProto, constants: Constants) -> Affine:
    """Return what a constant for each channel, or for all, does to values."""
    second = node.input[1] in constants
    constant = constants[node.input[1 if second else 0]].astype(np.float64)
    if constant.size not in (1, *constant.shape[-3:-2]):
        raise UnfitError(f"its {node.op_type} has a constant for places")
    one, zero, value = np.ones(1), np.zeros(1), constant.reshape(-1)
    match node.op_type, second:
        case "Add", _:
            return Affine(one, value)
        case "Sub", True:
            return Affine(one, -value)
        case "Sub", False:
            return Affine(-one, value)
        case "Mul", _:
            return Affine(value, zero)
        case "Div", True if value.all():
            return Affine(1 / value, zero)
    raise UnfitError("it divides by its values, or by zero")


def _resize(node: NodeProto, constants: Constants) -> Enlarge:
    """Return what torch exports bilinear interpolation as."""
    facts = _attributes(node)
    scales = constants.get(node.input[2] if len(node.input) > 2 else "")
    places = (b"half_pixel", b"pytorch_half_pixel")
    if (
        facts.get("mode") != b"linear"
        or facts.get("coordinate_transformation_mode", b"half_pixel") not in places
        or facts.get("antialias", 0)
        or scales is None
        or scales.shape != (4,)
    ):
        raise UnfitError("it resizes otherwise than bilinearly by a whole number")
    factor = int(scales[3])
    if not 2 <= factor <= 8 or scales.tolist() != [1, 1, factor, factor]:
        raise UnfitError("it resizes otherwise than bilinearly by a whole number")
    return Enlarge(factor, "linear")


_READERS: dict[str, Callable[[NodeProto, Constants], Step]] = {
    "Conv": _conv,
    "DepthToSpace": _shuffle,
    "PRelu": _learnt_slope,
    "Relu": _slope,
    "LeakyRelu": _slope,
    "BatchNormalization": _norm,
    "Add": _arithmetic,
    "Sub": _arithmetic,
    "Mul": _arithmetic,
    "Div": _arithmetic,
    "Resize": _resize,
    "Tanh": lambda *_: Tanh(),
    "Sigmoid": lambda *_: Sigmoid(),
}

_SAME = ("Identity", "Cast", "Dropout")  # what changes no value, at most its precision


def _keeps_values(node: NodeProto) -> bool:
    is_rounding = _attributes(node).get("to", TensorProto.FLOAT) not in _FLOATS
    return node.op_type in _SAME and not is_rounding


@dataclass(slots=True)
class _Reader:
    constants: Constants
    layers: LayerList
    same: dict[str, str]
    """Names of values that others have as well."""

    def name(self, value: str) -> str:
        return self.same.get(value, value)

    def read(self, node: NodeProto, *, is_last: bool) -> None:
        sources = [self.name(x) for x in node.input if x and x not in self.constants]
        (target, *others) = node.output
        ends = is_last and node.op_type == "Clip" and self._clips_to_white(node)
        if node.domain not in _DOMAINS:
            raise UnfitError(f"srup doesn't know the {node.op_type} of {node.domain}")
        if _keeps_values(node) or ends:
            self.same[target] = sources[0]
        elif node.op_type == "Add" and len(sources) == 2:
            self.layers.append(Sum(sources[1]), sources[0], target)
        elif node.op_type in _READERS and len(sources) == 1 and not any(others):
            step = _READERS[node.op_type](node, self.constants)
            self.layers.append(step, sources[0], target)
        else:
            raise UnfitError(f"srup doesn't know what its {node.op_type} does there")

    def _clips_to_white(self, node: NodeProto) -> bool:
        """Say whether a picture's range is what is clipped to, as in writing it."""
        facts = _attributes(node)
        bounds = [facts.get("min"), facts.get("max")]
        for place, name in enumerate(node.input[1:3]):
            if name in self.constants:
                bounds[place] = self.constants[name].item()
        return bounds == [0, 1]


def _network(graph: GraphProto) -> Network:
    if len(graph.node) > _MOST_NODES:
        raise UnfitError(f"it has {len(graph.node):,} nodes")
    constants = _constants(graph)
    low = _input_of(graph, constants)
    reader = _Reader(constants, LayerList(low), {})
    nodes = [node for node in _needed(graph) if node.output[0] not in constants]
    place = 0
    while place < len(nodes):
        found = find_enlarge(nodes, place, constants)
        if found is None:
            reader.read(nodes[place], is_last=place == len(nodes) - 1)
            place += 1
        else:
            source = reader.name(found.source)
            reader.layers.append(found.layer, source, found.target)
            place += found.nodes
    return reader.layers.network(reader.name(graph.output[0].name))


def read_onnx(path: Path) -> Network:
    """Read a graph that maps RGB in [0, 1] to RGB in [0, 1].

    A last clipping to that is left out, as srup clips when it writes.

    Raises:
        UnreadableError: it is damaged, too large, or has weights elsewhere.
        UnfitError: it has other operators, or not as SRResNets have them.
        OSError: the file can't be read.
    """
    if path.stat().st_size > LARGEST:
        raise UnreadableError("it is larger than any model that srup knows")
    content = path.read_bytes()
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # of protobuf's own kind
        raise UnreadableError("it is no ONNX file, or damaged") from error
    try:
        return _network(model.graph)
    # OverflowError: infinitely many times as large.
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise UnreadableError("it is damaged") from error
