"""The gradient of a batch's loss, by all cores."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from sr_cli.train.config import TrainConfig
from sr_cli.train.losses import PIXEL_LOSSES

Gradients = Callable[[Tensor, Tensor], float]


def _shards(device: torch.device, config: TrainConfig) -> int:
    """Into how many parts to cut a batch.

    On a CPU every thread takes crops of its own: threads that share an operation
    wait for one another at spinning barriers in the convolutions' gradients, so a
    second program on the same two cores makes an update take 4 s instead of 0.5 s.
    BatchNorm needs its batch whole.
    """
    if device.type != "cpu" or config.normalization == "batch":
        return 1
    return min(torch.get_num_threads(), config.batch)


@contextmanager
def open_gradients(network: nn.Module, config: TrainConfig) -> Iterator[Gradients]:
    """Yield what sets the gradients of `network` for a batch and returns its loss.

    The batch is `low` (N, 3, h, w) and `high` (N, 3, 4h, 4w), both in [0, 1].
    """
    parameters = list(network.parameters())
    half = config.precision == "bfloat16"
    black, white = config.architecture.output_range

    def of_shard(low: Tensor, high: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        # Not cached: threads would share casts, and with them parts of a graph.
        with torch.autocast(
            low.device.type, torch.bfloat16, enabled=half, cache_enabled=False
        ):
            output = network(low)
        target = high * (white - black) + black
        loss = PIXEL_LOSSES[config.loss](output.float(), target) * len(low)
        return loss.detach(), torch.autograd.grad(loss, parameters)

    def of_batch(low: Tensor, high: Tensor) -> float:
        parts = list(run(of_shard, low.chunk(shards), high.chunk(shards)))
        total, *others = (list(gradients) for _, gradients in parts)
        for other in others:
            torch._foreach_add_(total, other)
        torch._foreach_div_(total, len(low))
        for parameter, gradient in zip(parameters, total, strict=True):
            # In memory as the parameter: torch's fused Adam pairs up whatever lies
            # at equal places on a CPU, and asks no questions.
            alike = gradient.stride() == parameter.stride()
            parameter.grad = (
                gradient if alike else torch.empty_like(parameter).copy_(gradient)
            )
        losses: Tensor = sum(loss for loss, _ in parts)  # type: ignore[assignment]
        return losses.item() / len(low)

    shards = _shards(parameters[0].device, config)
    threads = max(1, torch.get_num_threads() // shards)
    with ThreadPoolExecutor(
        shards, initializer=torch.set_num_threads, initargs=(threads,)
    ) as pool:
        run = map if shards == 1 else pool.map
        yield of_batch
