"""Small SRCNN and ESPCN networks with random weights, as if trained."""

import numpy as np
import torch
from torch import nn

from sr_cli.catalog import Architecture
from sr_cli.networks.build import build

SMALL = {
    family: Architecture(family=family, channels=8)  # type: ignore[arg-type]
    for family in ("srcnn", "espcn")
}


def trained(architecture: Architecture, seed: int = 0) -> nn.Module:
    """A network whose residual is as large as a trained one's, and its biases too."""
    torch.manual_seed(seed)
    network = build(architecture)
    nn.init.normal_(network.tail.weight, std=0.02)
    for convolution in (network.head, network.mapping, network.tail):
        nn.init.normal_(convolution.bias, std=0.1)
    return network.eval()


def without_residual(architecture: Architecture) -> nn.Module:
    """A network that adds nothing to the bicubic picture."""
    network = build(architecture)
    nn.init.zeros_(network.tail.weight)
    return network.eval()


def state_of(network: nn.Module) -> dict[str, np.ndarray]:
    """The weights by name, as they stand in a weights file."""
    return {k: v.detach().numpy() for k, v in network.state_dict().items()}


def low_pictures(*shape: int) -> np.ndarray:
    """Random pictures in [0, 1]."""
    return np.random.default_rng(7).random(shape, dtype=np.float32)
