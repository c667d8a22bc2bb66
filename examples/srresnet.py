"""The SRResNet of srup in plain torch, for programs that load weights into a module.

`srup export srgan -o srgan.pth` writes what `load` reads here, without srup.  For
BasicSR put this file into `basicsr/archs/` as `srup_arch.py`, with
`@ARCH_REGISTRY.register()` before SRResNet: it looks for weights under `params`.
"""

import json

import torch
from torch import Tensor, nn


class Block(nn.Module):
    """Two convolutions whose result is added to what they get."""

    def __init__(self, channels: int, norm: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=not norm)
        self.norm1 = nn.BatchNorm2d(channels) if norm else nn.Identity()
        self.act = nn.PReLU(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=not norm)
        self.norm2 = nn.BatchNorm2d(channels) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Refine (N, C, h, w)."""
        return x + self.norm2(self.conv2(self.act(self.norm1(self.conv1(x)))))


class Upsample(nn.Module):
    """A convolution to four times the channels, which become twice the size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 4 * channels, 3, padding=1)
        self.act = nn.PReLU(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, h, w) to (N, C, 2h, 2w)."""
        return self.act(nn.functional.pixel_shuffle(self.conv(x), 2))


class SRResNet(nn.Module):
    """Maps RGB (N, 3, h, w) in [0, 1] to (N, 3, 4h, 4w), not clipped."""

    def __init__(
        self, blocks: int = 16, channels: int = 64, norm: bool = False
    ) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, channels, 9, padding=4)
        self.head_act = nn.PReLU(channels)
        self.blocks = nn.Sequential(*(Block(channels, norm) for _ in range(blocks)))
        self.merge = nn.Conv2d(channels, channels, 3, padding=1, bias=not norm)
        self.merge_norm = nn.BatchNorm2d(channels) if norm else nn.Identity()
        self.upsample = nn.Sequential(Upsample(channels), Upsample(channels))
        self.tail = nn.Conv2d(channels, 3, 9, padding=4)

    def forward(self, low: Tensor) -> Tensor:
        """Upscale `low`."""
        first = self.head_act(self.head(low))
        x = first + self.merge_norm(self.merge(self.blocks(first)))
        return self.tail(self.upsample(x))


def load(path: str) -> SRResNet:
    """Return the network of a .pth that `srup export` wrote, ready to run."""
    saved = torch.load(path, weights_only=True)
    facts = json.loads(saved["srup.architecture"])
    norm = facts["normalization"] == "batch"
    network = SRResNet(facts["blocks"], facts["channels"], norm)
    network.load_state_dict(saved["params"])
    return network.eval()
