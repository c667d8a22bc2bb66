"""The gradient of a batch's loss, by all cores."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat

import torch
from torch import Tensor, nn

from sr_cli.train.config import TrainConfig
from sr_cli.train.objectives import Losses, Objective
from sr_cli.train.threads import open_threads

Gradients = Callable[[Tensor, Tensor, int, float], Losses]


@dataclass(frozen=True, slots=True, eq=False)
class _Shard:
    """A part of a batch that has gone through the network."""

    output: Tensor
    """(n, 3, 4h, 4w), with its way back to the parameters."""
    seen: Tensor
    """The same in float32, without it."""
    losses: Losses
    slope: Tensor
    """Of the content loss's sum over the shard, at `seen`."""

    def __len__(self) -> int:
        return len(self.output)


def _shards(network: nn.Module, config: TrainConfig) -> int:
    """Into how many parts to cut a batch: on a CPU, one for every thread.

    BatchNorm needs its batch whole.
    """
    on_cpu = next(network.parameters()).device.type == "cpu"
    normalized = any(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    if normalized or not on_cpu:
        return 1
    return min(torch.get_num_threads(), config.batch)


def _mean(shards: list[_Shard]) -> Losses:
    """Return the losses of the whole batch."""
    total = sum(len(shard) for shard in shards)
    parts = {
        name: [s.losses[name] * len(s) for s in shards] for name in shards[0].losses
    }
    return {name: torch.stack(values).sum() / total for name, values in parts.items()}


@contextmanager
def open_gradients(
    network: nn.Module, config: TrainConfig, objective: Objective
) -> Iterator[Gradients]:
    """Yield what adds a batch's gradients to those of `network`.

    It takes `low` (N, 3, h, w) and `high` (N, 3, 4h, 4w), both in [0, 1], the number
    of updates done and the learning rate, and returns the losses by name.  Shards of
    the batch go through the network, the content loss and back by themselves; only an
    adversary sees the whole batch.
    """
    parameters = list(network.parameters())
    half = config.precision == "bfloat16"

    def forward(low: Tensor, high: Tensor, step: int) -> _Shard:
        # Not cached: threads would share casts, and with them parts of a graph.
        with torch.autocast(
            low.device.type, torch.bfloat16, enabled=half, cache_enabled=False
        ):
            output: Tensor = network(low)
        seen = output.detach().float().requires_grad_()
        losses = objective.content(seen, high, step)
        (slope,) = torch.autograd.grad(losses["loss"] * len(low), seen)
        found = {name: loss.detach() for name, loss in losses.items()}
        return _Shard(output, seen.detach(), found, slope)

    def backward(output: Tensor, slope: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad(output, parameters, slope.to(output.dtype))

    def there_and_back(
        low: Tensor, high: Tensor, step: int
    ) -> tuple[_Shard, tuple[Tensor, ...]]:
        shard = forward(low, high, step)
        return shard, backward(shard.output, shard.slope)

    def judged(
        low: list[Tensor], high: list[Tensor], step: int, rate: float
    ) -> tuple[Losses, list[tuple[Tensor, ...]]]:
        assert objective.adversary is not None
        shards = list(run(forward, low, high, repeat(step)))
        seen = torch.cat([shard.seen for shard in shards])
        told, slope = objective.adversary(seen, torch.cat(high), step, rate)
        weight = config.adversarial_weight
        losses = _mean(shards)
        losses["loss"] = losses["loss"] + weight * told["adversarial"]
        # Sums over the shard, as the content's.
        parts = torch.split(slope * (weight * len(seen)), [len(s) for s in shards])
        slopes = [s.slope + part for s, part in zip(shards, parts, strict=True)]
        back = run(backward, [shard.output for shard in shards], slopes)
        return losses | told, list(back)

    def of_batch(low: Tensor, high: Tensor, step: int, rate: float) -> Losses:
        lows, highs = list(low.chunk(number)), list(high.chunk(number))
        if objective.adversary is not None:
            losses, parts = judged(lows, highs, step, rate)
        else:
            found = list(run(there_and_back, lows, highs, repeat(step)))
            losses, parts = _mean([shard for shard, _ in found]), [g for _, g in found]
        total, *others = (list(part) for part in parts)
        for other in others:
            torch._foreach_add_(total, other)
        torch._foreach_div_(total, float(len(low)))
        for parameter, gradient in zip(parameters, total, strict=True):
            if parameter.grad is not None:
                parameter.grad.add_(gradient)
                continue
            # In memory as the parameter: torch's fused Adam pairs up whatever lies
            # at equal places on a CPU, and asks no questions.
            alike = gradient.stride() == parameter.stride()
            parameter.grad = (
                gradient if alike else torch.empty_like(parameter).copy_(gradient)
            )
        return losses

    number = _shards(network, config)
    with open_threads(number) as run:
        yield of_batch
