"""From an architecture's facts to its torch module."""

from collections.abc import Callable

from torch import nn

from sr_cli.catalog import Architecture, Family
from sr_cli.networks.espcn import ESPCN
from sr_cli.networks.srcnn import SRCNN
from sr_cli.networks.srresnet import SRResNet

_FAMILIES: dict[Family, Callable[[Architecture], nn.Module]] = {
    "srresnet": SRResNet,
    "srcnn": SRCNN,
    "espcn": ESPCN,
}


def build(architecture: Architecture) -> nn.Module:
    """Return the network of `architecture` with its first, random weights.

    It maps RGB (N, 3, h, w) in [0, 1] to (N, 3, scale·h, scale·w) in
    `architecture.output_range`, not clipped.
    """
    return _FAMILIES[architecture.family](architecture)
