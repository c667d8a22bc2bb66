"""Bicubic and bilinear enlargement as srup's own graphs have it: some thirty nodes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper

from sr_cli.foreign.convert import SCALES
from sr_cli.networks.bicubic import Kernel
from sr_cli.networks.fuse import Enlarge
from sr_cli.networks.graph import Draft


@dataclass(frozen=True, slots=True)
class Found:
    """An enlargement among nodes."""

    layer: Enlarge
    source: str
    target: str
    nodes: int
    """How many it takes."""


@cache
def _drawn(layer: Enlarge) -> Draft:
    draft = Draft()
    draft.enlarge("source", layer.factor, layer.kernel)
    return draft


def _named(
    draft: Draft, nodes: Sequence[NodeProto], constants: Mapping[str, NDArray[Any]]
) -> dict[str, str] | None:
    """Return what `nodes` call the draft's values, if they do what the draft does."""
    own = {tensor.name: numpy_helper.to_array(tensor) for tensor in draft.constants}
    names: dict[str, str] = {}
    for drawn, node in zip(draft.nodes, nodes, strict=True):
        alike = drawn.op_type == node.op_type and len(drawn.input) == len(node.input)
        if not alike or _facts(drawn) != _facts(node):
            return None
        for ours, theirs in zip(drawn.input, node.input, strict=True):
            if ours in own:
                there = constants.get(theirs)
                if there is None or not np.array_equal(own[ours], there):
                    return None
            elif names.setdefault(ours, theirs) != theirs:
                return None
        names[drawn.output[0]] = node.output[0]
    return names


def _facts(node: NodeProto) -> dict[str, Any]:
    return {one.name: helper.get_attribute_value(one) for one in node.attribute}


def find_enlarge(
    nodes: Sequence[NodeProto], place: int, constants: Mapping[str, NDArray[Any]]
) -> Found | None:
    """Return the enlargement that begins at `place`, if one does."""
    if nodes[place].op_type != "Shape":
        return None
    for factor in SCALES:
        for kernel in get_args(Kernel):
            layer = Enlarge(factor, kernel)
            draft = _drawn(layer)
            count = len(draft.nodes)
            part = nodes[place : place + count]
            names = _named(draft, part, constants) if len(part) == count else None
            if names is not None:
                target = names[draft.nodes[-1].output[0]]
                return Found(layer, names["source"], target, count)
    return None
