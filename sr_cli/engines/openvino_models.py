"""From fused layers to OpenVINO models whose memory is channels last.

OpenVINO keeps a converted float32 graph's edges in float32 and planar, and so spends
a sixth of the time on rearranging.  A model that is bfloat16 and channels last by
itself needs none of that.  Measured on a CPU with AMX, a 96×96 tile of SRResNet's
tail: 64 ms instead of 75 on one core.
"""

from collections.abc import Sequence

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import Node
from openvino import Type as Element
from openvino import opset13 as op

from sr_cli.networks.fuse import Add, Conv, Keep, Layer, Shuffle

_TO_PLANAR, _TO_CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


def to_bfloat16(array: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Round to nearest, ties to even, and return the 16 bits of each number.

    NaN may become infinity, which is as wrong.
    """
    bits = np.ascontiguousarray(array).view(np.uint32)
    rounded = bits + (np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1)))
    return (rounded >> np.uint32(16)).astype(np.uint16)


def _constant(array: NDArray[np.float32], element: Element) -> Node:
    if element == Element.f32:
        return op.constant(np.ascontiguousarray(array))
    # OpenVINO's own conversion rounds three quarters of all numbers to the nearest,
    # which costs 8 dB; what is rounded already it can't spoil.
    rounded = (to_bfloat16(array).astype(np.uint32) << np.uint32(16)).view(np.float32)
    return op.convert(op.constant(rounded), element)


def _transposed(x: Node, order: Sequence[int]) -> Node:
    return op.transpose(x, op.constant(np.array(order, np.int64)))


def _phases_first(layer: Conv, factor: int) -> Conv:
    """Reorder a convolution's outputs so that a shuffle moves all channels at once.

    PixelShuffle takes each channel's f² phases side by side; with phases outermost a
    pixel's channels stay together, which takes 2.0 ms a tile instead of 4.9.
    """
    out = layer.bias.size
    order = np.arange(out).reshape(-1, factor * factor).T.ravel()
    slope = None if layer.slope is None else layer.slope[order]
    return Conv(layer.weight[order], layer.bias[order], slope)


def _convolved(x: Node, layer: Conv, element: Element, *, is_last: bool) -> Node:
    pad = [layer.weight.shape[2] // 2] * 2
    weight = _constant(layer.weight, element)
    x = op.convolution(x, weight, [1, 1], pad, pad, [1, 1])
    if is_last:
        # The bias is most of a pixel's value: added in float32, it isn't rounded.
        x, element = op.convert(x, Element.f32), Element.f32
    x = op.add(x, _constant(layer.bias.reshape(1, -1, 1, 1), element))
    if layer.slope is not None:
        x = op.prelu(x, _constant(layer.slope, element))
    return x


def _flat(x: Node) -> Node:
    end = op.constant(np.array([-1], np.int64))
    return op.reshape(_transposed(x, _TO_CHANNELS_LAST), end, special_zero=False)


def build(
    layers: Sequence[Layer],
    shape: tuple[int, int, int],
    element: Element,
    *,
    makes_picture: bool,
) -> openvino.Model:
    """Build a chain of convolutions, sums and shuffles for one shape.

    Args:
        layers: what to compute; a sum may come last.
        shape: height, width and channels of the input (1, h, w, C).
        element: of the input, and of all computation.
        makes_picture: whether the result is the picture, in float32 and
            (1, H, W, C), or features in `element`, flat in that order.
    """
    low = op.parameter([1, *shape], element)
    x = _transposed(low, _TO_PLANAR)
    kept: dict[str, Node] = {}
    convolutions = [layer for layer in layers if isinstance(layer, Conv)]
    for number, layer in enumerate(layers):
        match layer:
            case Conv():
                following = layers[number + 1] if number + 1 < len(layers) else None
                conv = layer
                if isinstance(following, Shuffle):
                    conv = _phases_first(layer, following.factor)
                is_last = makes_picture and layer is convolutions[-1]
                x = _convolved(x, conv, element, is_last=is_last)
            case Shuffle(factor):
                x = op.depth_to_space(x, "blocks_first", factor)
            case Keep(name):
                kept[name] = x
            case Add(name) if number == len(layers) - 1:
                # A last sum that stays 4-dimensional is rearranged twice on its way
                # out: 15 of 260 ms.  Flat vectors have nothing to rearrange.
                x = op.add(_flat(x), _flat(kept[name]))
                return openvino.Model([op.result(x)], [low], "srup")
            case Add(name):
                x = op.add(x, kept[name])
            case _:
                msg = f"no part of a chain: {layer}"
                raise TypeError(msg)
    x = _transposed(x, _TO_CHANNELS_LAST) if makes_picture else _flat(x)
    return openvino.Model([op.result(x)], [low], "srup")
