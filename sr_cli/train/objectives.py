"""What the generator is trained for: two objectives for one loop.

The pixel objective is a content loss alone, of pixels or of features.  The
adversarial one adds what a discriminator says, which it teaches on the way.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from sr_cli.networks.discriminator import Discriminator, build_discriminator
from sr_cli.networks.features import Features
from sr_cli.train.config import RANGES, TrainConfig
from sr_cli.train.losses import (
    DISTANCES,
    GAN_LOSSES,
    consistency,
    feature_distance,
    lattice,
    total_variation,
)
from sr_cli.train.optimizers import make_optimizers
from sr_cli.train.threads import Run, open_threads

Losses = dict[str, Tensor]

Share = Callable[[list[nn.Parameter]], None]
"""Averages the gradients of parameters over the processes of a run."""


def _half(like: Tensor, config: TrainConfig) -> torch.autocast:
    """Convolutions in bfloat16, where the run computes so."""
    half = config.precision == "bfloat16"
    # Not cached: threads would share casts, and with them parts of a graph.
    return torch.autocast(
        like.device.type, torch.bfloat16, enabled=half, cache_enabled=False
    )


def _moved(config: TrainConfig, step: int, *pictures: Tensor) -> list[Tensor]:
    """Cut the part of `pictures` that is looked at in update `step`."""
    if not config.jitter:
        return list(pictures)
    random = np.random.default_rng([config.seed, step])
    y, x = (int(start) for start in random.integers(config.jitter, size=2))
    height, width = (side - config.jitter for side in pictures[0].shape[2:])
    return [each[..., y : y + height, x : x + width] for each in pictures]


@dataclass(frozen=True, slots=True)
class ContentLoss:
    """How far pictures are from the truth, each by itself."""

    config: TrainConfig
    features: Features | None = None
    """None for a content loss of pixels."""

    def __call__(self, output: Tensor, high: Tensor, step: int = 0) -> Losses:
        """Compare `output` (N, 3, H, W), in the config's range, with `high` in [0, 1].

        Returns every loss by name, as the mean over the batch, and their weighted sum
        as "loss".  Features are compared at the place of update `step`.
        """
        config = self.config
        black, white = RANGES[config.target_range]
        target = high * (white - black) + black
        if self.features is None:
            content = DISTANCES[config.content](output, target)
        else:
            content = self._of_features((output - black) / (white - black), high, step)
        terms = [("content", config.content_weight, content)]
        if config.pixel_weight:
            terms.append(
                ("pixel", config.pixel_weight, DISTANCES["l1"](output, target))
            )
        if config.consistency_weight:
            kept = consistency(output, target)
            terms.append(("consistency", config.consistency_weight, kept))
        if config.lattice_weight:
            terms.append(("lattice", config.lattice_weight, lattice(output, target)))
        if config.variation_weight:
            variation = total_variation(output)
            terms.append(("variation", config.variation_weight, variation))
        total: Tensor = sum(weight * loss for _, weight, loss in terms)  # type: ignore[assignment]
        return {"loss": total} | {name: loss for name, _, loss in terms}

    def _of_features(self, output: Tensor, high: Tensor, step: int) -> Tensor:
        assert self.features is not None
        config = self.config
        output, high = _moved(config, step, output, high)
        with _half(output, config):
            ours = self.features(output)
            with torch.no_grad():
                theirs = self.features(high)
        return feature_distance(
            ours, theirs, config.feature_distance, config.feature_scale
        )


@dataclass(slots=True)
class Adversary:
    """A discriminator and its optimisers."""

    network: Discriminator
    optimizers: list[torch.optim.Optimizer]


def make_adversary(config: TrainConfig, device: torch.device | str) -> Adversary:
    """Build the discriminator of `config` with its first weights."""
    network = build_discriminator(
        config.discriminator,
        config.crop - config.jitter,
        config.discriminator_channels,
    ).to(device)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    # Its last convolution isn't SRResNet's, whose rate is lowered.
    return Adversary(network, make_optimizers(network, replace(config, tail_rate=1.0)))


@dataclass(frozen=True, slots=True)
class AdversarialLoss:
    """What an adversary says of a whole batch: Ledig et al., section 2.2.2.

    Each call first moves the discriminator, then asks it: k = 1 as in section 3.2.
    Real and fake pictures are judged apart, side by side on a CPU.
    """

    config: TrainConfig
    adversary: Adversary
    share: Share
    run: Run

    def __call__(
        self, output: Tensor, high: Tensor, step: int, rate: float
    ) -> tuple[Losses, Tensor]:
        """Judge `output` (N, 3, H, W), in the config's range, beside `high` in [0, 1].

        Both are judged at the place of update `step`.  Returns the losses, none of
        them weighted, and the slope of "adversarial" at `output`.
        """
        black, white = RANGES[self.config.target_range]
        gain = 2.0 / (white - black)
        whole = (output - black) * gain - 1.0
        whole.requires_grad_()
        fake, real = _moved(self.config, step, whole, high * 2.0 - 1.0)
        told = self._teach(real, fake.detach(), rate)
        compare = GAN_LOSSES[self.config.gan]
        of_fake: Tensor
        of_real: Tensor
        of_real, of_fake = self.run(self._judge, (real, fake))
        _, to_fool = compare(of_real.detach(), of_fake)
        (slope,) = torch.autograd.grad(to_fool, whole)
        losses = {"adversarial": to_fool.detach(), "discriminator": told}
        return losses, slope * gain

    def _judge(self, pictures: Tensor) -> Tensor:
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with _half(pictures, self.config):
            logits: Tensor = self.adversary.network(pictures)
        return logits.float()

    def _teach(self, real: Tensor, fake: Tensor, rate: float) -> Tensor:
        """Do one update of the discriminator, if it is finite; return its loss."""
        adversary = self.adversary
        parameters = list(adversary.network.parameters())

        def pull(logits: Tensor, slope: Tensor) -> tuple[Tensor, ...]:
            return torch.autograd.grad(logits, parameters, slope)

        logits = list(self.run(self._judge, (real, fake)))
        verdicts = [found.detach().requires_grad_() for found in logits]
        to_tell, _ = GAN_LOSSES[self.config.gan](verdicts[0], verdicts[1])
        slopes = torch.autograd.grad(to_tell, verdicts)
        of_real, of_fake = self.run(pull, logits, slopes)
        for parameter, *parts in zip(parameters, of_real, of_fake, strict=True):
            # In memory as the parameter: see sr_cli.train.gradients.
            parameter.grad = torch.empty_like(parameter).copy_(parts[0]).add_(parts[1])
        self.share(parameters)
        # All processes decide alike: they share the gradients, not the loss.
        gradients = [p.grad for p in parameters if p.grad is not None]
        norms = torch._foreach_norm(gradients)
        finite = bool(torch.stack(norms).sum().isfinite())
        for optimizer in adversary.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * self.config.discriminator_rate
            if finite:
                optimizer.step()
            optimizer.zero_grad()
        if finite:
            adversary.network.settle()
        return to_tell.detach()


@dataclass(frozen=True, slots=True)
class Objective:
    """What is minimised: pixel without an adversary, adversarial with one."""

    content: ContentLoss
    adversary: AdversarialLoss | None = None


@contextmanager
def open_objective(
    config: TrainConfig,
    features: Features | None,
    adversary: Adversary | None,
    share: Share = lambda _: None,
) -> Iterator[Objective]:
    """Yield the objective of `config`: adversarial where there is an adversary."""
    content = ContentLoss(config, features)
    if adversary is None:
        yield Objective(content)
        return
    on_cpu = next(adversary.network.parameters()).device.type == "cpu"
    with open_threads(min(2, torch.get_num_threads()) if on_cpu else 1) as run:
        yield Objective(content, AdversarialLoss(config, adversary, share, run))
