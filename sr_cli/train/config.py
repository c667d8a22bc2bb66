"""What a training run is: one frozen, self-checking description."""

import json
import math
from dataclasses import asdict, dataclass, fields
from typing import Literal, get_args, get_origin

from sr_cli.catalog import Architecture, Family, Normalization
from sr_cli.errors import ConfigError
from sr_cli.networks.taps import parse_features

System = Literal["srresnet", "srgan", "srcnn", "espcn"]
PresetName = Literal["srup", "paper"]
PixelLoss = Literal["mse", "l1", "charbonnier", "psnr"]
Optimizer = Literal["muon", "adam"]
Precision = Literal["auto", "bfloat16", "float32"]

SYSTEMS: tuple[System, ...] = ("srresnet", "srgan", "srcnn", "espcn")
PIXEL_LOSSES: tuple[PixelLoss, ...] = ("mse", "l1", "charbonnier", "psnr")
PAGE_SIDE = 480
"""Height and width of a drawn page in pixels."""
RANGES: dict[str, tuple[float, float]] = {"unit": (0.0, 1.0), "signed": (-1.0, 1.0)}

_AT_LEAST_ONE = ("blocks", "channels", "batch", "accumulate", "steps")
_NOT_NEGATIVE = (
    *("warmup", "seed", "clip", "jitter", "drawings", "content_weight"),
    *("pixel_weight", "consistency_weight", "lattice_weight", "variation_weight"),
    "adversarial_weight",
)


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Settings of a run; saved with it, so that it can be resumed and repeated.

    The defaults are those of our recipe for SRResNet; `sr_cli.train.presets` has the
    paper's, and both for the other systems.
    """

    network: System = "srresnet"
    preset: PresetName = "srup"
    """Where the values came from that nobody chose."""

    blocks: int = 16
    channels: int = 64
    normalization: Normalization = "none"
    target_range: Literal["unit", "signed"] = "unit"
    """What black and white are in the network's output: 0 and 1, or -1 and 1."""

    steps: int = 100_000
    """Updates in the whole run."""
    batch: int = 4
    """Crops per update, and per process where there are several."""
    accumulate: int = 1
    """Batches whose gradients make one update."""
    crop: int = 192
    """Side of the square high-resolution crops, in pixels; a multiple of 4."""
    sampling: Literal["texture", "uniform"] = "texture"
    drawings: int = 0
    """Drawn pages of text, lines and shapes beside the photos: see
    `sr_cli.train.drawings`."""
    degradation: Literal["bicubic", "blur", "noise", "jpeg", "real"] = "bicubic"
    """How low resolution is made from high."""

    content: str = "l1"
    """A pixel loss, or the features that are compared: see
    `sr_cli.networks.taps`."""
    content_weight: float = 1.0
    feature_distance: Literal["mse", "l1", "relative"] = "mse"
    """"relative" is l1 as a share of the truth's own size."""
    feature_scale: float = 1.0
    """What features are multiplied by before they are compared."""
    jitter: int = 0
    """Features are compared, and the discriminator judges, on a part of the crops
    that lies elsewhere at every update, by less than this many pixels.  Crops begin
    where a low-resolution pixel does, so their strides would always fall alike, and
    what they are blind to there becomes a lattice in the output."""
    pixel_weight: float = 0.0
    """Of an l1 term beside a content loss of features."""
    consistency_weight: float = 0.0
    """Of an l1 loss between the means of blocks as large as a low-resolution pixel,
    and of whole crops: what is invented must not change the colours."""
    lattice_weight: float = 0.0
    """Of a loss on what repeats itself from one low-resolution pixel to the next."""
    variation_weight: float = 0.0
    """Of the total variation."""
    adversarial_weight: float = 0.0
    gan: Literal["standard", "relativistic"] = "standard"
    discriminator: Literal["dense", "patch"] = "dense"
    discriminator_channels: int = 64
    discriminator_rate: float = 1.0
    """The discriminator's learning rate, in those of the generator."""

    optimizer: Optimizer = "muon"
    learning_rate: float = 1e-3
    beta2: float = 0.99
    """Decay of Adam's second moment; the first one's is 0.9, as in the paper."""
    tail_rate: float = 0.25
    """Adam's rate on SRResNet's last convolution, in those of the rest."""
    weight_decay: float = 0.1
    """Decoupled, on what Muon moves."""
    warmup: int = 500
    """Updates over which the learning rate rises from zero."""
    schedule: Literal["cosine", "drop"] = "cosine"
    """What `decay` is: a fall to zero along a cosine, or a tenth of the rate."""
    decay: int | None = None
    """Last updates, over which the learning rate falls; None for all that follow the
    warm-up, or for half of all before a drop.  A shorter decay holds the full rate
    until then, so a run can be lengthened without a restart."""
    clip: float = 1.0
    """Largest norm of the whole gradient; above it the gradient is scaled down.
    0 for none."""
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
        for field in fields(self):
            allowed = get_args(field.type) if get_origin(field.type) is Literal else ()
            value = getattr(self, field.name)
            if allowed and value not in allowed:
                flag = field.name.replace("_", "-")
                raise ConfigError(
                    f"--{flag} can't be {value!r}",
                    f"Choose one of {', '.join(allowed)}",
                )
        for name in _AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1", f"Raise --{name}")
        for name in _NOT_NEGATIVE:
            # Written so that NaN, which compares false, is refused as well.
            if not 0.0 <= getattr(self, name) < math.inf:
                flag = name.replace("_", "-")
                raise ConfigError(f"--{flag} can't be below 0", "Try 0")
        if self.network in ("srcnn", "espcn") and self.channels < 2:
            raise ConfigError(
                f"{self.network} halves its channels once, and needs at least 2",
                "Raise --channels",
            )
        self._check_crops()
        self._check_rates()
        self._check_content()

    def _check_crops(self) -> None:
        if self.crop < 16 or self.crop % 4:
            raise ConfigError(
                f"Crops of {self.crop} pixels can't be halved twice",
                "Choose a multiple of 4, at least 16, with --crop",
            )
        if self.drawings and self.crop > PAGE_SIDE:
            raise ConfigError(
                f"Crops of {self.crop} pixels are larger than a drawn page",
                f"Choose at most {PAGE_SIDE} with --crop, or leave out --drawings",
            )
        if self.jitter > self.crop // 2:
            raise ConfigError(
                f"A jitter of {self.jitter} leaves too little of a crop",
                "Choose at most half of --crop with --jitter",
            )

    def _check_rates(self) -> None:
        if (self.decay or 0) < 0:
            raise ConfigError("--decay can't be below 0", "Try 0")
        for name in ("learning_rate", "tail_rate", "discriminator_rate"):
            if not 0.0 < getattr(self, name) < math.inf:
                flag = name.replace("_", "-")
                raise ConfigError(f"--{flag} must be above 0", "Try 1e-4")
        if not 0.0 <= self.weight_decay < 1.0 / self.learning_rate:
            raise ConfigError(
                "The weight decay must be in [0, 1 / learning rate)", "Try 0.1"
            )
        for name in ("ema", "beta2"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ConfigError(f"--{name} must be in [0, 1)", "Try 0.999")

    def _check_content(self) -> None:
        if self.adversarial and not self.adversarial_weight:
            raise ConfigError(
                "SRGAN without an adversarial loss is SRResNet",
                "Train srresnet, or choose --adversarial-weight above 0",
            )
        if self.content not in PIXEL_LOSSES:
            parse_features(self.content)

    @property
    def adversarial(self) -> bool:
        """Whether a discriminator is trained as well."""
        return self.network == "srgan"

    @property
    def features(self) -> str | None:
        """The features that the content loss compares, if it does."""
        return None if self.content in PIXEL_LOSSES else self.content

    @property
    def architecture(self) -> Architecture:
        """The generator that this run trains."""
        if self.network in ("srcnn", "espcn"):
            family: Family = self.network
            return Architecture(
                family=family,
                channels=self.channels,
                output_range=RANGES[self.target_range],
            )
        return Architecture(
            family="srresnet",
            blocks=self.blocks,
            channels=self.channels,
            normalization=self.normalization,
            output_range=RANGES[self.target_range],
        )

    def to_json(self) -> str:
        """Write every setting."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "TrainConfig":
        """Read what `to_json` wrote; settings that it lacks keep their defaults."""
        known = {field.name for field in fields(cls)}
        return cls(**{k: v for k, v in json.loads(text).items() if k in known})
