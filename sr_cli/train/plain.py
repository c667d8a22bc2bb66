"""The training loop that one writes with stock torch: what ours is measured against.

Nothing here is used to train.  It is SRResNet as its paper draws it and the loop of
any tutorial, with what a competent user would add: channels last in memory, autocast
and Adam's fused step.  To its favour it has its batch at hand, and neither clips nor
averages.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sr_cli.errors import OutOfMemoryError
from sr_cli.train.photos import Pixels


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.act = nn.PReLU(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv2(self.act(self.conv1(x)))
        return x + y


class _Upsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 4 * channels, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)
        self.act = nn.PReLU(channels)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.act(self.shuffle(self.conv(x)))
        return result


class PlainSRResNet(nn.Module):
    """SRResNet without BatchNorm, from torch's own modules alone.

    It takes the state of `sr_cli.networks.srresnet.SRResNet` and maps (N, 3, h, w) to
    the same (N, 3, 4h, 4w), but for rounding.
    """

    def __init__(self, blocks: int, channels: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, channels, 9, padding=4)
        self.head_act = nn.PReLU(channels)
        self.blocks = nn.ModuleList(_Block(channels) for _ in range(blocks))
        self.merge: nn.Module = nn.Conv2d(channels, channels, 3, padding=1)
        self.upsample = nn.ModuleList(_Upsample(channels) for _ in range(2))
        self.tail = nn.Conv2d(channels, 3, 9, padding=4)

    def forward(self, low: Tensor) -> Tensor:
        """Upscale `low` (N, 3, h, w) in [0, 1]."""
        first: Tensor = self.head_act(self.head(low))
        x = first
        for block in self.blocks:
            x = block(x)
        x = first + self.merge(x)
        for stage in self.upsample:
            x = stage(x)
        result: Tensor = self.tail(x)
        return result


def _ready(pixels: Pixels, device: torch.device | str) -> Tensor:
    """(N, h, w, 3) 8-bit to (N, 3, h, w) in [0, 1], channels last in memory."""
    values = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float() / 255.0
    return values.contiguous(memory_format=torch.channels_last)


def plain_updates(
    network: nn.Module,
    pixels: tuple[Pixels, Pixels],
    device: torch.device | str,
    *,
    half: bool,
    learning_rate: float = 1e-4,
) -> Iterator[Tensor]:
    """Train `network` by Adam on one batch without end; yield each update's l1 loss.

    `pixels` are the batch, (N, h, w, 3) and (N, 4h, 4w, 3); `half` has autocast
    compute in bfloat16.

    Raises:
        OutOfMemoryError: the batch doesn't fit.
    """
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.train()
    low, high = (_ready(part, device) for part in pixels)
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate, fused=True)
    while True:
        try:
            optimizer.zero_grad()
            with torch.autocast(low.device.type, torch.bfloat16, enabled=half):
                output = network(low)
            loss = F.l1_loss(output.float(), high)
            loss.backward()
            optimizer.step()
        except torch.cuda.OutOfMemoryError as error:
            raise OutOfMemoryError(
                f"A batch of {len(low)} crops doesn't fit into the GPU",
                "Use a smaller --batch or --crop",
            ) from error
        yield loss.detach()
