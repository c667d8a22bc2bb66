"""Pixel losses: (N, 3, H, W) against (N, 3, H, W), both in [0, 1]."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from sr_cli.train.config import Loss


def charbonnier(output: Tensor, target: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Return the mean of sqrt(d² + ε²): l1, but smooth at zero."""
    return torch.sqrt((output - target).square() + epsilon**2).mean()


PIXEL_LOSSES: dict[Loss, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": F.mse_loss,
    "l1": F.l1_loss,
    "charbonnier": charbonnier,
}
