"""From the fused list of layers to one ONNX model, without torch.

onnxruntime and OpenVINO both load it; it is also what an export writes.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from sr_cli.networks.bicubic import REACH, Kernel, phase_weights
from sr_cli.networks.fuse import (
    Add,
    Conv,
    Enlarge,
    Keep,
    Network,
    Recall,
    Shuffle,
    Sigmoid,
    Tanh,
)

# What onnxruntime has read since 1.15 and OpenVINO since 2023: every operator used
# here is older still.
_OPSET = 17
_IR_VERSION = 8

_END = 2**62  # of an axis, in a slice

Element = Literal["float32", "float16"]


class Draft:
    """Nodes and constants of a graph in the making.

    Convolutions and what follows them are in `element`; an enlarged picture, and what
    is added to it, stays in float32.
    """

    def __init__(self, element: Element = "float32") -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._element = element
        self._halves: set[str] = set()

    def emit(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Append a node; return its output's name."""
        output = f"{operator.lower()}_{len(self.nodes)}"
        node = helper.make_node(operator, inputs, [output], **attributes)
        self.nodes.append(node)
        if inputs[0] in self._halves:
            self._halves.add(output)
        return output

    def narrowed(self, x: str) -> str:
        """Bring `x` to the element of the convolutions."""
        if self._element == "float32" or x in self._halves:
            return x
        half = self.emit("Cast", x, to=TensorProto.FLOAT16)
        self._halves.add(half)
        return half

    def widened(self, x: str) -> str:
        """Bring `x` to float32."""
        if x not in self._halves:
            return x
        wide = self.emit("Cast", x, to=TensorProto.FLOAT)
        self._halves.discard(wide)
        return wide

    def add(self, x: str, y: str) -> str:
        """Append a sum, in float32 if one of the two is."""
        if (x in self._halves) != (y in self._halves):
            x, y = self.widened(x), self.widened(y)
        return self.emit("Add", x, y)

    def constant(self, array: NDArray[Any], name: str) -> str:
        """Add `array` as `name`, and return that."""
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def parameter(self, array: NDArray[np.float32], name: str) -> str:
        """Add `array` as `name` in the element of the convolutions."""
        with np.errstate(over="ignore"):  # then results are infinite, which tells
            return self.constant(array.astype(self._element), name)

    def conv(self, x: str, layer: Conv, name: str) -> str:
        """Append a convolution and its PReLU, with constants named by `name`."""
        x = self.narrowed(x)
        side = layer.weight.shape[2]
        weight = self.parameter(layer.weight, f"{name}.weight")
        bias = self.parameter(layer.bias, f"{name}.bias")
        shape = {"kernel_shape": [side, side], "pads": [side // 2] * 4}
        x = self.emit("Conv", x, weight, bias, **shape)
        if layer.slope is None:
            return x
        if not layer.slope.any():
            # onnxruntime does this one together with the convolution: a quarter of
            # SRCNN's time.
            return self.emit("Relu", x)
        slope = self.parameter(layer.slope.reshape(-1, 1, 1), f"{name}.slope")
        return self.emit("PRelu", x, slope)

    def shuffle(self, x: str, factor: int) -> str:
        """Append PixelShuffle."""
        # CRD is the channel order of torch's PixelShuffle.
        return self.emit("DepthToSpace", x, blocksize=factor, mode="CRD")

    def integers(self, *values: int) -> str:
        """Add the vector `values`, named by itself."""
        name = "integers." + ".".join(map(str, values))
        if all(constant.name != name for constant in self.constants):
            self.constant(np.array(values, np.int64), name)
        return name

    def sliced(self, x: str, axis: int, start: int, stop: int) -> str:
        """Append a slice of `axis`."""
        bounds = (self.integers(value) for value in (start, stop, axis))
        return self.emit("Slice", x, *bounds)

    def mirrored(self, x: str, axis: int) -> str:
        """Pad by two pixels as MATLAB does, which no single operator can.

        ONNX mirrors without repeating the edge.  Repeated once first, it leaves at
        least three pixels to take the second one from.
        """
        pads = [0] * 8
        pads[axis] = pads[axis + 4] = 1
        x = self.emit("Pad", x, self.integers(*pads), mode="edge")
        before, after = self.sliced(x, axis, 2, 3), self.sliced(x, axis, -3, -2)
        return self.emit("Concat", before, x, after, axis=axis)

    def stretched(self, x: str, axis: int, factor: int, kernel: Kernel) -> str:
        """Enlarge one axis, as a product for each neighbour and their sum."""
        shape = self.emit("Shape", x)
        larger = [factor if i == axis else 1 for i in range(4)]
        shape = self.emit("Mul", shape, self.integers(*larger))
        x = self.mirrored(x, axis)
        total = ""
        weights = phase_weights(factor, kernel).astype(np.float32)
        for tap in range(2 * REACH + 1):
            if not weights[:, tap].any():
                continue
            stop = tap - 2 * REACH or _END
            pixels = self.sliced(x, axis, tap, stop)
            pixels = self.emit("Unsqueeze", pixels, self.integers(axis + 1))
            # Phases go behind the axis that they stretch.
            by_phase = weights[:, tap].reshape(-1, *[1] * (3 - axis))
            name = f"stretch.{len(self.nodes)}"
            part = self.emit("Mul", pixels, self.constant(by_phase, name))
            total = self.emit("Add", total, part) if total else part
        return self.emit("Reshape", total, shape)

    def enlarge(self, x: str, factor: int, kernel: Kernel = "cubic") -> str:
        """Enlarge (n, 3, h, w), columns first: the slower axis is the shorter then.

        Not as a convolution: OpenVINO would compute that in bfloat16, and leave the
        picture 55 dB from the bicubic one.  These sums it keeps in float32, and they
        take half the time; onnxruntime's take three times a convolution's.
        """
        wide = self.stretched(self.widened(x), 3, factor, kernel)
        return self.stretched(wide, 2, factor, kernel)

    def serialised(self, name: str, facts: Mapping[str, str] | None = None) -> bytes:
        """Return the whole model, whose last node gives the picture.

        Input `low` is float32 (n, 3, h, w), output `high` (n, 3, H, W); n, h and w
        are free.  `facts` are what the model says of itself.
        """
        self.nodes[-1].output[0] = "high"
        float32 = TensorProto.FLOAT
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info("low", float32, ["n", 3, "h", "w"])],
            [helper.make_tensor_value_info("high", float32, ["n", 3, "H", "W"])],
            self.constants,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=_IR_VERSION,
            producer_name="srup",
        )
        helper.set_model_props(model, dict(facts or {}))
        serialised: bytes = model.SerializeToString()
        return serialised


def build_onnx(
    network: Network,
    element: Element = "float32",
    facts: Mapping[str, str] | None = None,
) -> bytes:
    """Return `network` as a serialised ONNX model.

    Input `low` is float32 (n, 3, h, w) in [0, 1]; output `high` is float32
    (n, 3, scale·h, scale·w), not clipped; n, h and w are free.

    Args:
        network: what the model computes.
        element: of the convolutions and their weights.
        facts: what the model says of itself.
    """
    draft = Draft(element)
    kept: dict[str, str] = {}
    current = "low"
    for number, layer in enumerate(network.layers):
        match layer:
            case Conv():
                current = draft.conv(current, layer, str(number))
            case Tanh():
                current = draft.emit("Tanh", current)
            case Sigmoid():
                current = draft.emit("Sigmoid", current)
            case Keep(name):
                kept[name] = current
            case Recall(name):
                current = kept[name]
            case Add(name):
                current = draft.add(current, kept[name])
            case Shuffle(factor):
                current = draft.shuffle(current, factor)
            case Enlarge(factor, kernel):
                current = draft.enlarge(current, factor, kernel)
    draft.widened(current)
    return draft.serialised("srup", facts)
