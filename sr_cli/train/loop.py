"""The training loop: schedule, step, report, validate, save.

It yields what happened and prints nothing.
"""

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sr_cli.engines import Device
from sr_cli.engines.pytorch import best_precision
from sr_cli.errors import ConfigError, OutOfMemoryError
from sr_cli.networks.srresnet import SRResNet
from sr_cli.train import checkpoint
from sr_cli.train.checkpoint import RunState
from sr_cli.train.config import TrainConfig
from sr_cli.train.data import Crops
from sr_cli.train.gradients import open_gradients
from sr_cli.train.optimizers import make_optimizers

Pixels = NDArray[np.uint8]
Validate = Callable[[dict[str, Tensor]], float]

PATIENCE = 10
"""Updates in a row that may be skipped because their loss is not finite."""


@dataclass(frozen=True, slots=True)
class StepReport:
    """One update."""

    step: int
    loss: float
    gradient_norm: float
    """Before clipping."""
    learning_rate: float
    seconds: float

    @property
    def skipped(self) -> bool:
        """Whether the loss or its gradient overflowed, so that nothing moved."""
        return not math.isfinite(self.loss + self.gradient_norm)


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """The averaged weights on the validation set."""

    step: int
    psnr_y: float
    """Mean over the pictures, in dB."""
    best: bool
    """No earlier validation of the run was better."""


Report = StepReport | ValidationReport


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What happens between updates, and how often."""

    save_every: int = 500
    validate_every: int = 2000
    """0 for only after the last update."""
    validate: Validate | None = None
    """Mean PSNR of the averaged state that it is given; None for no validation."""
    stop: Callable[[], bool] = lambda: False
    """Asked before every update whether to save and leave."""

    def validates_at(self, step: int, steps: int) -> bool:
        """Say whether a validation follows update `step` of `steps`."""
        due = self.validate_every > 0 and step % self.validate_every == 0
        return due or step == steps


def learning_rate_at(step: int, config: TrainConfig) -> float:
    """Return the rate of update `step` (from 0): linear warm-up, hold, cosine."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    decay = config.decay
    if decay is None:
        decay = config.steps - min(config.warmup, config.steps)
    into = step - (config.steps - decay)
    if into <= 0 or decay == 0:
        return config.learning_rate
    return config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * into / decay))


def start(config: TrainConfig, device: Device = "cpu") -> RunState:
    """Build the network of `config` with its first weights, and its optimisers."""
    if config.precision == "auto":
        config = replace(config, precision=best_precision(device))
    torch.manual_seed(config.seed)
    network = SRResNet(config.architecture).to(device)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = {k: v.detach().clone() for k, v in network.state_dict().items()}
    return RunState(config, network, average, make_optimizers(network, config))


def _batches(crops: Crops, steps: range) -> Iterator[tuple[Pixels, Pixels]]:
    """Cut the next batch while this one is trained on; each depends on its step."""
    with ThreadPoolExecutor(max_workers=1) as worker:
        coming = worker.submit(crops.batch, steps.start)
        for step in steps:
            batch = coming.result()
            coming = worker.submit(crops.batch, step + 1)
            yield batch


def _tensor(pixels: Pixels, device: torch.device) -> Tensor:
    """(N, h, w, 3) 8-bit to (N, 3, h, w) in [0, 1], channels last in memory."""
    return torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float().div_(255.0)


def _update_average(state: RunState) -> None:
    """Move the average towards the network; a young average moves faster."""
    keep = min(state.config.ema, (1.0 + state.step) / (10.0 + state.step))
    values = state.network.state_dict()
    moving = [k for k, v in values.items() if v.is_floating_point()]
    average = [state.average[k] for k in moving]
    torch._foreach_lerp_(average, [values[k] for k in moving], 1.0 - keep)
    for name in values.keys() - set(moving):
        state.average[name].copy_(values[name])


def _update(state: RunState, loss: float, rate: float) -> float:
    """Do the update of the gradients at hand, unless they or `loss` aren't finite.

    Returns their norm before clipping.
    """
    network = state.network
    norm = nn.utils.clip_grad_norm_(network.parameters(), state.config.clip).item()
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
            buffer.copy_(state.average[name])
    return norm


def _updates(
    state: RunState, crops: Crops, stop: Callable[[], bool]
) -> Iterator[StepReport]:
    """Do the updates that are left, or those until `stop` says so."""
    device = next(state.network.parameters()).device
    state.network.train()
    batches = _batches(crops, range(state.step, state.config.steps))
    with open_gradients(state.network, state.config) as gradients:
        while state.step < state.config.steps and not stop():
            began = time.perf_counter()
            low, high = (_tensor(pixels, device) for pixels in next(batches))
            try:
                loss = gradients(low, high)
            except torch.cuda.OutOfMemoryError as error:
                raise OutOfMemoryError(
                    f"A batch of {len(low)} crops doesn't fit into the GPU's memory",
                    "Use a smaller --batch or --crop",
                ) from error
            rate = learning_rate_at(state.step, state.config)
            norm = _update(state, loss, rate)
            seconds = time.perf_counter() - began
            state.seconds += seconds
            yield StepReport(state.step, loss, norm, rate, seconds)


def _check_finite(reports: Iterator[StepReport]) -> Iterator[StepReport]:
    """Pass the reports on until too many updates in a row were skipped."""
    skipped = 0
    for report in reports:
        yield report
        skipped = skipped + 1 if report.skipped else 0
        if skipped == PATIENCE:
            raise ConfigError(
                f"The loss was not finite {PATIENCE} updates in a row, the last "
                f"of them number {report.step}",
                "Go on with --resume from the last checkpoint, and a smaller "
                "--learning-rate or --clip",
            )


def train(
    state: RunState,
    crops: Crops,
    path: Path,
    rhythm: Rhythm = Rhythm(),
) -> Iterator[Report]:
    """Train `state` to its last step or until told to stop, saving to `path`.

    Raises:
        ConfigError: the loss stays infinite or NaN; nothing more is saved.
        OutOfMemoryError: a batch doesn't fit.
        DataError: the checkpoint can't be written.
    """
    saved = None
    for report in _check_finite(_updates(state, crops, rhythm.stop)):
        yield report
        if rhythm.validate and rhythm.validates_at(state.step, state.config.steps):
            psnr = rhythm.validate(state.average)
            best = psnr > state.best_psnr
            state.best_psnr = max(psnr, state.best_psnr)
            yield ValidationReport(state.step, psnr, best)
        if state.step % rhythm.save_every == 0:
            checkpoint.save(state, path)
            saved = state.step
    if saved != state.step:
        checkpoint.save(state, path)
