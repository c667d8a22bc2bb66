"""The ONNX model: valid, of any size, and of operators that engines can join."""

import numpy as np
import onnx
import onnxruntime
import pytest

from luma_networks import SMALL, low_pictures, state_of, trained
from sr_cli.degrade import resize
from sr_cli.networks.fuse import Enlarge, Network, fuse
from sr_cli.networks.graph import build_onnx


def small_network(family: str) -> Network:
    return fuse(state_of(trained(SMALL[family])), SMALL[family])


@pytest.mark.parametrize("family", ["srcnn", "espcn"])
def test_the_model_is_valid_and_its_sizes_are_free(family):
    model = onnx.load_model_from_string(build_onnx(small_network(family)))
    onnx.checker.check_model(model, full_check=True)
    (low,), (high,) = model.graph.input, model.graph.output
    names = [d.dim_param for d in low.type.tensor_type.shape.dim]
    assert names == ["n", "", "h", "w"]
    assert high.name == "high"


def test_srcnn_rectifies_with_what_joins_a_convolution():
    model = onnx.load_model_from_string(build_onnx(small_network("srcnn")))
    operators = [node.op_type for node in model.graph.node]
    assert operators.count("Relu") == 2
    assert "PRelu" not in operators


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (2, 3), (13, 8)])
def test_enlargement_is_matlabs_everywhere(factor, size):
    model = build_onnx(Network((Enlarge(factor),), factor))
    session = onnxruntime.InferenceSession(model)
    low = low_pictures(1, 3, *size)
    found = session.run(["high"], {"low": low})[0][0].transpose(1, 2, 0)
    expected = resize(low[0].transpose(1, 2, 0), factor * size[0], factor * size[1])
    np.testing.assert_allclose(found, expected, atol=1e-6)
