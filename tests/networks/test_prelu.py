"""Our PReLU against torch's, whose gradient it replaces."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sr_cli.networks.prelu import PReLU, prelu


def run(function, x: Tensor, slope: Tensor, upstream: Tensor) -> list[Tensor]:
    x = x.clone().requires_grad_()
    slope = slope.clone().requires_grad_()
    y = function(x, slope.to(x.dtype))
    return [y.detach(), *torch.autograd.grad(y, (x, slope), upstream)]


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-12), (torch.float32, 1e-5), (torch.bfloat16, 2e-2)],
)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_value_and_gradients_equal_torch(dtype, tolerance, layout):
    random = torch.Generator().manual_seed(0)
    x = torch.randn(3, 5, 7, 6, generator=random, dtype=torch.float64)
    x[0, 0, 0, :3] = 0.0  # the kink
    upstream = torch.randn(x.shape, generator=random, dtype=torch.float64)
    slope = torch.tensor([0.25, -0.5, 0.0, 1.5, 0.1], dtype=torch.float64)
    expected = run(F.prelu, x, slope, upstream)
    x, upstream = (t.to(dtype).contiguous(memory_format=layout) for t in (x, upstream))
    found = run(prelu, x, slope.to(dtype), upstream)
    for ours, theirs in zip(found, expected, strict=True):
        error = (ours.double() - theirs).abs().max()
        assert error <= tolerance * max(1.0, float(theirs.abs().max()))


def test_gradients_are_those_of_the_value():
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64)
    x[x.abs() < 1e-3] = 0.5  # finite differences can't look at the kink
    slope = torch.tensor([0.25, 0.5, -0.1], dtype=torch.float64)
    assert torch.autograd.gradcheck(prelu, (x.requires_grad_(), slope.requires_grad_()))


def test_a_half_precision_pass_moves_float32_slopes():
    module = PReLU(4)
    module(torch.randn(2, 4, 3, 3, dtype=torch.bfloat16)).sum().backward()
    assert module.weight.grad.dtype == torch.float32
    assert torch.all(module.weight.grad != 0.0)
