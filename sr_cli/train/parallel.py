"""Several processes that train one network: what `torchrun` starts.

Every process computes the gradients of its own crops, and all move by the mean.  That
is what torch's DistributedDataParallel does; here the gradients are made by threads
and by hand (`sr_cli.train.gradients`), which its hooks can't see, and are 6 MB, so one
reduction after the batch is simpler and costs next to nothing.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn

from sr_cli.errors import DeviceError

_PATIENCE = timedelta(hours=2)  # the others wait while the first one validates


@dataclass(frozen=True, slots=True)
class Team:
    """The processes of a run, seen from one of them."""

    rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        """Whether this one validates, saves and reports."""
        return self.rank == 0

    def share_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replace every gradient by its mean over the team."""
        if self.world == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.world
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view(gradient.shape))

    def mean(self, values: Sequence[float], device: torch.device) -> list[float]:
        """Return the mean of each of `values` over the team."""
        if self.world == 1:
            return list(values)
        shared = torch.tensor(values, dtype=torch.float64, device=device)
        distributed.all_reduce(shared)
        found: list[float] = (shared / self.world).tolist()
        return found

    def any(self, wish: bool, device: torch.device) -> bool:
        """Say whether anyone of the team wishes it."""
        if self.world == 1:
            return wish
        shared: Tensor = torch.tensor([int(wish)], device=device)
        distributed.all_reduce(shared, distributed.ReduceOp.MAX)
        return bool(shared.item())


ALONE = Team()


@contextmanager
def open_team(device: str) -> Iterator[Team]:
    """Join the processes that `torchrun` started, or stay alone without it.

    Raises:
        DeviceError: they can't be joined.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield ALONE
        return
    rank = int(os.environ["RANK"])
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    backend = "nccl" if device == "cuda" else "gloo"
    try:
        distributed.init_process_group(backend, timeout=_PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise DeviceError(
            f"Process {rank} of {world} can't join the others ({error})",
            "Start all of them with torchrun, on devices of one kind",
        ) from error
    try:
        yield Team(rank, world)
    finally:
        distributed.destroy_process_group()
