from itertools import chain

import pytest
import torch

from sr_cli.train.config import TrainConfig
from sr_cli.train.loop import start
from sr_cli.train.optimizers import Muon, orthogonalize


@pytest.mark.parametrize("shape", [(64, 576), (256, 576), (576, 64), (16, 16)])
def test_singular_values_come_near_one(shape):
    torch.manual_seed(0)
    matrices = torch.randn(3, *shape)
    values = torch.linalg.svdvals(orthogonalize(matrices).float())
    # A random square matrix has singular values near zero, which stay behind.
    low = 0.0 if shape[0] == shape[1] else 0.6
    assert low <= values.min()
    assert values.max() <= 1.3
    assert values.median() > 0.6


def test_the_nearest_orthogonal_matrix_is_kept_and_scale_forgotten():
    torch.manual_seed(0)
    orthogonal, _ = torch.linalg.qr(torch.randn(1, 32, 32))
    for scale in (1e-4, 1.0, 1e4):
        found = orthogonalize(scale * orthogonal).float()
        cosine = (found * orthogonal).sum() / found.norm() / orthogonal.norm()
        assert cosine > 0.99


def test_a_stack_is_orthogonalised_matrix_by_matrix():
    torch.manual_seed(0)
    matrices = torch.randn(4, 8, 72)
    together = orthogonalize(matrices)
    for matrix, found in zip(matrices, together, strict=True):
        alone = orthogonalize(matrix[None])[0]
        assert torch.allclose(alone.float(), found.float(), atol=0.02)
    assert torch.all(orthogonalize(torch.zeros(1, 4, 9)) == 0.0)


def test_one_update_of_muon():
    """By the formulas: momentum, Nesterov, 0.2·sqrt(max side), decoupled decay."""
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(4, 2, 3, 3))
    before, gradient = weight.detach().clone(), torch.randn(4, 2, 3, 3)
    weight.grad = gradient.clone()
    Muon([weight], 0.1, momentum=0.9, weight_decay=0.5).step()
    momentum = 0.1 * gradient
    nesterov = 0.1 * gradient + 0.9 * momentum
    direction = orthogonalize(nesterov.view(1, 4, 18)).float().view(4, 2, 3, 3)
    expected = before * (1 - 0.1 * 0.5) - 0.1 * 0.2 * 18**0.5 * direction
    assert torch.allclose(weight.detach(), expected, atol=1e-3)


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
@pytest.mark.parametrize("normalization", ["batch", "none"])
def test_every_parameter_has_one_optimiser(tiny, optimizer, normalization):
    state = start(tiny(optimizer=optimizer, normalization=normalization))
    names = {id(p): name for name, p in state.network.named_parameters()}
    owned = [
        [names[id(p)] for group in o.param_groups for p in group["params"]]
        for o in state.optimizers
    ]
    assert sorted(chain.from_iterable(owned)) == sorted(names.values())
    if optimizer == "muon":
        assert sorted(owned[1]) == [
            "blocks.0.conv1.weight",
            "blocks.0.conv2.weight",
            "merge.weight",
            "upsample.0.conv.weight",
            "upsample.1.conv.weight",
        ]
    else:
        assert len(owned) == 1


@pytest.mark.parametrize("network", ["espcn", "srcnn"])
def test_small_networks_give_all_convolutions_to_muon(tiny, network):
    state = start(tiny(network=network, optimizer="muon"))
    adam, muon = (
        [p.ndim for group in o.param_groups for p in group["params"]]
        for o in state.optimizers
    )
    assert (adam, muon) == ([1, 1, 1], [4, 4, 4])


def test_the_last_convolution_is_slower():
    adam = start(TrainConfig(blocks=1, channels=8)).optimizers[0]
    scales = [group["rate_scale"] for group in adam.param_groups]
    assert scales == [1.0, 0.25]
    assert [p.shape[0] for p in adam.param_groups[1]["params"]] == [3]
