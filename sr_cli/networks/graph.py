"""From the fused list of layers to one ONNX model, without torch.

onnxruntime and OpenVINO both load it; it is also what an export writes.
"""

from typing import Any

import onnx
from onnx import TensorProto, helper, numpy_helper

from sr_cli.networks.fuse import Add, Conv, Keep, Network, Shuffle

# What onnxruntime has read since 1.15 and OpenVINO since 2023: every operator used
# here is older still.
_OPSET = 17
_IR_VERSION = 8


def build_onnx(network: Network) -> bytes:
    """Return `network` as a serialised ONNX model.

    Input `low` is float32 (n, 3, h, w) in [0, 1]; output `high` is float32
    (n, 3, scale·h, scale·w), not clipped; n, h and w are free.
    """
    nodes: list[onnx.NodeProto] = []
    tensors: list[onnx.TensorProto] = []
    kept: dict[str, str] = {}
    current = "low"

    def emit(operator: str, inputs: list[str], **attributes: Any) -> str:
        output = f"{operator.lower()}_{len(nodes)}"
        nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    for number, layer in enumerate(network.layers):
        if isinstance(layer, Conv):
            side = layer.weight.shape[2]
            arrays = {"weight": layer.weight, "bias": layer.bias}
            if layer.slope is not None:
                arrays["slope"] = layer.slope.reshape(-1, 1, 1)
            names = {part: f"{number}.{part}" for part in arrays}
            tensors += [
                numpy_helper.from_array(array, names[part])
                for part, array in arrays.items()
            ]
            inputs = [current, names["weight"], names["bias"]]
            current = emit(
                "Conv", inputs, kernel_shape=[side, side], pads=[side // 2] * 4
            )
            if layer.slope is not None:
                current = emit("PRelu", [current, names["slope"]])
        elif isinstance(layer, Keep):
            kept[layer.name] = current
        elif isinstance(layer, Add):
            current = emit("Add", [current, kept[layer.name]])
        elif isinstance(layer, Shuffle):
            # CRD is the channel order of torch's PixelShuffle.
            current = emit(
                "DepthToSpace", [current], blocksize=layer.factor, mode="CRD"
            )
    nodes[-1].output[0] = "high"
    graph = helper.make_graph(
        nodes,
        "srup",
        [helper.make_tensor_value_info("low", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("high", TensorProto.FLOAT, ["n", 3, "H", "W"])],
        tensors,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="srup",
    )
    serialised: bytes = model.SerializeToString()
    return serialised
