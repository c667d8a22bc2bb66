"""The training loop: schedule, step, report, validate, save.

It yields what happened and prints nothing.  What is minimised is the objective's
affair: `sr_cli.train.objectives`.
"""

import math
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sr_cli.engines import Device
from sr_cli.engines.pytorch import best_precision
from sr_cli.errors import ConfigError, OutOfMemoryError
from sr_cli.networks.build import build
from sr_cli.networks.features import Features
from sr_cli.train import checkpoint
from sr_cli.train.checkpoint import RunState
from sr_cli.train.config import TrainConfig
from sr_cli.train.data import Crops
from sr_cli.train.device_crops import DeviceCrops
from sr_cli.train.divergence import Divergence
from sr_cli.train.gradients import Gradients, open_gradients
from sr_cli.train.objectives import make_adversary, open_objective
from sr_cli.train.optimizers import make_optimizers
from sr_cli.train.parallel import ALONE, Team
from sr_cli.train.reports import Report, StepReport, ValidationReport
from sr_cli.train.validation import Validate

T = TypeVar("T")
Pixels = NDArray[np.uint8]

PATIENCE = 10
"""Updates in a row that may be skipped because their loss is not finite."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What happens between updates, and how often."""

    save_every: int = 500
    validate_every: int = 2000
    """0 for only after the last update."""
    validate: Validate | None = None
    """Measures the averaged state that it is given; None for no validation."""
    stop: Callable[[], bool] = lambda: False
    """Asked before every update whether to save and leave."""

    def validates_at(self, step: int, steps: int) -> bool:
        """Say whether a validation follows update `step` of `steps`."""
        due = self.validate_every > 0 and step % self.validate_every == 0
        return due or step == steps


@dataclass(frozen=True, slots=True)
class Means:
    """What a run is computed with, beside its state."""

    crops: Crops | DeviceCrops
    features: Features | None = None
    """For a content loss of features."""
    team: Team = ALONE
    compiled: bool = False
    """Whether torch compiles the generator first."""


def learning_rate_at(step: int, config: TrainConfig) -> float:
    """Return the rate of update `step` (from 0): linear warm-up, hold, fall."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    decay = config.decay
    if decay is None and config.schedule == "drop":
        decay = config.steps // 2
    elif decay is None:
        decay = config.steps - min(config.warmup, config.steps)
    into = step - (config.steps - decay)
    if decay == 0 or into < 0:
        return config.learning_rate
    if config.schedule == "drop":
        return config.learning_rate * 0.1
    return config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * into / decay))


def start(config: TrainConfig, device: Device = "cpu") -> RunState:
    """Build the networks of `config` with their first weights, and the optimisers."""
    if config.precision == "auto":
        config = replace(config, precision=best_precision(device))
    torch.manual_seed(config.seed)
    network = build(config.architecture).to(device)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = {k: v.detach().clone() for k, v in network.state_dict().items()}
    state = RunState(config, network, average, make_optimizers(network, config))
    if config.adversarial:
        state.adversary = make_adversary(config, device)
    return state


def _tensor(pixels: Pixels | Tensor, device: torch.device) -> Tensor:
    """(N, h, w, 3) 8-bit to (N, 3, h, w) in [0, 1], channels last in memory."""
    if not isinstance(pixels, Tensor):
        pixels = torch.from_numpy(pixels)
        if device.type == "cuda":
            pixels = pixels.pin_memory()
    moved = pixels.to(device, non_blocking=True)
    return moved.permute(0, 3, 1, 2).float().div_(255.0)


def _ahead(make: Callable[[int], T], steps: range) -> Iterator[T]:
    """Yield `make(step)` for every step; another thread makes the next one."""
    with ThreadPoolExecutor(max_workers=1) as worker:
        coming = worker.submit(make, steps.start)
        for step in steps:
            made = coming.result()
            coming = worker.submit(make, step + 1)
            yield made


def _batches(
    means: Means, steps: range, config: TrainConfig, device: torch.device
) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Yield every update's batches, as many as are accumulated.

    On the CPU the other thread works in numpy alone: torch's operations would start a
    second team of OpenMP threads.  For a GPU it sends the batches there as well.
    """
    crops, team, parts = means.crops, means.team, config.accumulate
    world = team.world * parts
    ranks = range(team.rank * parts, (team.rank + 1) * parts)

    def cut(step: int) -> list[tuple[Pixels | Tensor, Pixels | Tensor]]:
        return [crops.batch(step, rank, world) for rank in ranks]

    def send(
        batches: list[tuple[Pixels | Tensor, Pixels | Tensor]],
    ) -> list[tuple[Tensor, Tensor]]:
        return [(_tensor(low, device), _tensor(high, device)) for low, high in batches]

    if device.type == "cpu":
        yield from map(send, _ahead(cut, steps))
    else:
        yield from _ahead(lambda step: send(cut(step)), steps)


def _update_average(state: RunState) -> None:
    """Move the average towards the network; a young average moves faster."""
    keep = min(state.config.ema, (1.0 + state.step) / (10.0 + state.step))
    values = state.network.state_dict()
    moving = [k for k, v in values.items() if v.is_floating_point()]
    average = [state.average[k] for k in moving]
    torch._foreach_lerp_(average, [values[k] for k in moving], 1.0 - keep)
    for name in values.keys() - set(moving):
        state.average[name].copy_(values[name])


def _norm(network: nn.Module, clip: float) -> float:
    """Scale the gradient down to the norm `clip`, if any; return its norm before."""
    return nn.utils.clip_grad_norm_(network.parameters(), clip or math.inf).item()


def _update(state: RunState, loss: float, rate: float) -> float:
    """Do the update of the gradients at hand, unless they or `loss` aren't finite.

    Returns their norm before clipping.
    """
    network = state.network
    norm = _norm(network, state.config.clip)
    finite = math.isfinite(loss + norm)
    for optimizer in state.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("rate_scale", 1.0)
        if finite:
            optimizer.step()
        optimizer.zero_grad()
    state.step += 1
    if finite:
        _update_average(state)
    else:
        # BatchNorm's statistics saw the batch; the average holds good ones.
        for name, buffer in network.named_buffers():
            if name in state.average:
                buffer.copy_(state.average[name])
    return norm


def _gradients(
    state: RunState,
    batches: list[tuple[Tensor, Tensor]],
    rate: float,
    gradients: Gradients,
    team: Team,
) -> dict[str, float]:
    """Leave the mean gradient of `batches` in the network; return the mean losses."""
    parameters = list(state.network.parameters())
    found = [gradients(low, high, state.step, rate) for low, high in batches]
    if len(found) > 1:
        gradient = [p.grad for p in parameters if p.grad is not None]
        torch._foreach_div_(gradient, float(len(found)))
    team.share_gradients(parameters)
    names = list(found[0])
    sums = [sum(losses[name].item() for losses in found) for name in names]
    means = [total / len(found) for total in sums]
    device = parameters[0].device
    return dict(zip(names, team.mean(means, device), strict=True))


def _updates(
    state: RunState, means: Means, stop: Callable[[], bool]
) -> Iterator[StepReport]:
    """Do the updates that are left, or those until `stop` says so."""
    config, team = state.config, means.team
    device = next(state.network.parameters()).device
    state.network.train()
    network = state.network
    if means.compiled:
        compiled = torch.compile(network)
        assert isinstance(compiled, nn.Module)
        network = compiled
    coming = _batches(means, range(state.step, config.steps), config, device)
    with (
        open_objective(
            config, means.features, state.adversary, team.share_gradients
        ) as objective,
        open_gradients(network, config, objective) as gradients,
    ):
        while state.step < config.steps and not team.any(stop(), device):
            began = time.perf_counter()
            batches = next(coming)
            rate = learning_rate_at(state.step, config)
            try:
                losses = _gradients(state, batches, rate, gradients, team)
            except torch.cuda.OutOfMemoryError as error:
                raise OutOfMemoryError(
                    f"A batch of {config.batch} crops doesn't fit into the GPU",
                    "Use a smaller --batch or --crop, with --accumulate to make up",
                ) from error
            norm = _update(state, losses["loss"], rate)
            seconds = time.perf_counter() - began
            state.seconds += seconds
            yield StepReport(state.step, losses, norm, rate, seconds)


def _check(
    reports: Iterator[StepReport], path: Path, warmup: int, content: str
) -> Iterator[StepReport]:
    """Pass the reports on until the run is beyond hope."""
    in_decibels = content == "psnr"
    divergence = Divergence(warmup)
    skipped = 0
    advice = (
        f"The last good checkpoint is {path}: go on from it with --resume and a "
        "smaller --learning-rate or --clip"
    )
    for report in reports:
        yield report
        skipped = skipped + 1 if report.skipped else 0
        if skipped == PATIENCE:
            raise ConfigError(
                f"The loss was not finite {PATIENCE} updates in a row, the last "
                f"of them number {report.step}",
                advice,
            )
        if report.skipped:
            continue
        error = report.losses["content"]
        if divergence.add(10.0 ** (error / 10.0) if in_decibels else error):
            raise ConfigError(
                f"The run has diverged: at update {report.step} its content loss is "
                "far above what it was",
                advice,
            )


def train(
    state: RunState, means: Means, path: Path, rhythm: Rhythm = Rhythm()
) -> Generator[Report, None, None]:
    """Train `state` to its last step or until told to stop, saving to `path`.

    Raises:
        ConfigError: the loss stays infinite or NaN, or grows out of all bounds;
            nothing more is saved.
        OutOfMemoryError: a batch doesn't fit.
        DataError: the checkpoint can't be written.
    """
    saved = None
    leads = means.team.leads
    updates = _updates(state, means, rhythm.stop)
    warmup = max(state.config.warmup - state.step, 0)
    for report in _check(updates, path, warmup, state.config.content):
        yield report
        due = rhythm.validates_at(state.step, state.config.steps)
        if leads and rhythm.validate and due:
            found = rhythm.validate(state.average)
            best = found.psnr_y > state.best_psnr
            state.best_psnr = max(found.psnr_y, state.best_psnr)
            yield ValidationReport(state.step, found.psnr_y, best, found.strip)
        if leads and state.step % rhythm.save_every == 0:
            checkpoint.save(state, path)
            saved = state.step
    if leads and saved != state.step:
        checkpoint.save(state, path)
