"""What a training run is: one frozen, self-checking description."""

import json
import math
from dataclasses import asdict, dataclass, fields
from typing import Literal

from sr_cli.catalog import Architecture, Normalization
from sr_cli.errors import ConfigError

Loss = Literal["mse", "l1", "charbonnier"]
Optimizer = Literal["muon", "adam"]
Precision = Literal["auto", "bfloat16", "float32"]


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Settings of a run; saved with it, so that it can be resumed and repeated."""

    network: str = "srresnet"
    blocks: int = 16
    channels: int = 64
    normalization: Normalization = "none"
    steps: int = 100_000
    """Updates in the whole run."""
    batch: int = 4
    crop: int = 192
    """Side of the square high-resolution crops, in pixels; a multiple of 4."""
    loss: Loss = "l1"
    optimizer: Optimizer = "muon"
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    """Decoupled, on what Muon moves."""
    warmup: int = 500
    """Updates over which the learning rate rises from zero."""
    decay: int | None = None
    """Last updates over which the learning rate falls to zero along a cosine; None
    for all that follow the warm-up.  A shorter decay holds the full rate until
    then, so a run can be lengthened without a restart."""
    clip: float = 1.0
    """Largest norm of the whole gradient; above it the gradient is scaled down."""
    ema: float = 0.999
    """Decay per update of the averaged weights, which are what is exported."""
    precision: Precision = "auto"
    """Of convolutions; weights, sums and losses stay in float32.  "auto" becomes
    bfloat16 where the hardware multiplies it natively; elsewhere that is slower."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that can't work.

        Raises:
            ConfigError: naming the setting and its allowed values.
        """
        if self.network != "srresnet":
            raise ConfigError(
                f"There is no network called {self.network!r} to train",
                "Known networks: srresnet",
            )
        for name in ("blocks", "channels", "batch", "steps"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1", f"Raise --{name}")
        if self.crop < 16 or self.crop % 4:
            raise ConfigError(
                f"Crops of {self.crop} pixels can't be halved twice",
                "Choose a multiple of 4, at least 16, with --crop",
            )
        if self.warmup < 0 or (self.decay or 0) < 0 or self.seed < 0:
            raise ConfigError("--warmup, --decay and --seed can't be below 0", "Try 0")
        # Written so that NaN, which compares false, is refused as well.
        if not 0.0 < self.learning_rate < math.inf:
            raise ConfigError("The learning rate must be above 0", "Try 1e-3")
        if not 0.0 <= self.weight_decay < 1.0 / self.learning_rate:
            raise ConfigError(
                "The weight decay must be in [0, 1 / learning rate)", "Try 0.1"
            )
        if not 0.0 <= self.ema < 1.0:
            raise ConfigError("The EMA decay must be in [0, 1)", "Try 0.999")
        if not self.clip > 0.0:
            raise ConfigError("The gradient clip must be above 0", "Try 1.0")

    @property
    def architecture(self) -> Architecture:
        """The network that this run trains."""
        return Architecture(
            family="srresnet",
            blocks=self.blocks,
            channels=self.channels,
            normalization=self.normalization,
        )

    def to_json(self) -> str:
        """Write every setting."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "TrainConfig":
        """Read what `to_json` wrote; settings that it lacks keep their defaults."""
        known = {field.name for field in fields(cls)}
        return cls(**{k: v for k, v in json.loads(text).items() if k in known})
