"""Muon for convolutions, Adam for the rest."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from sr_cli.train.config import TrainConfig

# Quintic Newton–Schulz coefficients of K. Jordan et al., "Muon: an optimizer for
# hidden layers in neural networks", 2024: steep at zero, so that five steps bring
# every singular value into about [0.7, 1.2].
_A, _B, _C = 3.4445, -4.7750, 2.0315
_NEWTON_SCHULZ_STEPS = 5


def orthogonalize(matrices: Tensor) -> Tensor:
    """Replace each matrix (N, rows, columns) by about its nearest orthogonal one.

    Works in bfloat16, as its authors do: the iteration corrects its own rounding.
    """
    norms = matrices.flatten(1).norm(dim=1)[:, None, None]
    x: Tensor = (matrices / (norms + 1e-7)).bfloat16()
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.mT
    for _ in range(_NEWTON_SCHULZ_STEPS):
        # x ← a·x + (b·g + c·g²)·x, with sums inside the products: 9 instead of 23 ms
        # for SRResNet's 33 matrices of 64 × 576 on two cores.
        gram = x @ x.mT
        polynomial = torch.baddbmm(gram, gram, gram, beta=_B, alpha=_C)
        x = torch.baddbmm(x, polynomial, x, beta=_A)
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised, for convolution weights (O, I, k, k).

    torch.optim.Muon takes matrices only; here each weight is read as O × (I·k·k),
    and weights of equal shape are orthogonalised together.  The update has the
    size of Adam's: × 0.2·sqrt(max(rows, columns)) (J. Liu et al., "Muon is scalable
    for LLM training", 2025, section 2.2).
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        learning_rate: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {
            "lr": learning_rate,
            "momentum": momentum,
            "weight_decay": weight_decay,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Apply one update; `closure` is not supported and must be None."""
        assert closure is None
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = {}
            for weight in group["params"]:
                by_shape.setdefault(weight.shape, []).append(weight)
            for weights in by_shape.values():
                self._step_alike(weights, group)

    def _step_alike(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        gradients = torch.stack([w.grad.flatten(1) for w in weights])  # type: ignore[union-attr]
        for weight in weights:
            if "momentum" not in self.state[weight]:
                self.state[weight]["momentum"] = torch.zeros_like(weight).flatten(1)
        buffers = [self.state[w]["momentum"] for w in weights]
        beta = group["momentum"]
        torch._foreach_lerp_(buffers, list(gradients.unbind()), 1.0 - beta)
        nesterov = gradients.lerp(torch.stack(buffers), beta)
        updates = orthogonalize(nesterov).to(weights[0].dtype)
        rate = group["lr"] * 0.2 * max(updates.shape[1:]) ** 0.5
        shrink = 1.0 - group["lr"] * group["weight_decay"]
        for weight, update in zip(weights, updates, strict=True):
            weight.mul_(shrink).add_(update.view(weight.shape), alpha=-rate)


def make_optimizers(
    network: nn.Module, config: TrainConfig
) -> list[torch.optim.Optimizer]:
    """Give every parameter of `network` to one optimiser.

    With "muon", convolutions between the first and the last go to Muon; both ends
    see pixels, not features, and stay with Adam, as do biases and slopes.

    Of SRCNN and ESPCN, Muon takes all three convolutions: patches of luma differ mostly
    by how bright they are, and Adam hardly moves along what else they differ by.  After
    2,000 updates ESPCN is at 27.98 dB on Kodak with Adam, at 28.05 with Muon for the
    second convolution, at 28.07 for all.

    SRResNet's last convolution sums 5,184 products: Adam's updates, all of one size
    and often of one sign there, move its output twenty times as far as the first
    one's.  It goes by `tail_rate`.
    """
    muon = config.optimizer == "muon"
    rest, tail, orthogonal = [], [], []
    convolutions = [p for p in network.parameters() if p.ndim == 4]
    first, last = convolutions[0], convolutions[-1]
    ends = () if config.network in ("srcnn", "espcn") else (first, last)
    for parameter in network.parameters():
        inside = parameter.ndim == 4 and all(parameter is not end for end in ends)
        if muon and inside:
            orthogonal.append(parameter)
        elif parameter is last:
            tail.append(parameter)
        else:
            rest.append(parameter)
    rate = config.learning_rate
    groups = [
        {"params": rest, "rate_scale": 1.0},
        {"params": tail, "rate_scale": config.tail_rate},
    ]
    adam: torch.optim.Optimizer = torch.optim.Adam(
        groups, lr=rate, betas=(0.9, config.beta2), fused=True
    )
    if not orthogonal:
        return [adam]
    return [adam, Muon(orthogonal, rate, weight_decay=config.weight_decay)]
