"""Values that belong together: the paper's, and ours.

"paper" is Ledig et al. (arXiv 1609.04802v5), section 3.2, for SRResNet and SRGAN.  For
the two networks that it compares with it is the loss and the crops of Dong et al.
(arXiv 1501.00092, section 4) and Shi et al. (arXiv 1609.05158, section 3.2), with Adam
in the place of their gradient descent, at a rate that suits it.

"srup" is what trained best here: `weights/TRAINING.md` has the measurements, and says
which choices have none.
"""

from collections.abc import Mapping
from typing import Any

from sr_cli.errors import ConfigError
from sr_cli.train.config import (
    PIXEL_LOSSES,
    SYSTEMS,
    PresetName,
    System,
    TrainConfig,
)

PRESET_NAMES: tuple[PresetName, ...] = ("srup", "paper")

_PAPER = {
    "normalization": "batch",
    "target_range": "signed",
    "steps": 1_000_000,
    "batch": 16,
    "crop": 96,
    "sampling": "uniform",
    "content": "mse",
    "feature_distance": "mse",
    "feature_scale": 1 / 12.75,
    "optimizer": "adam",
    "learning_rate": 1e-4,
    "beta2": 0.999,
    "tail_rate": 1.0,
    "weight_decay": 0.0,
    "warmup": 0,
    "decay": 0,
    "clip": 0.0,
    "ema": 0.0,
}

_PLAIN = {"target_range": "unit", "normalization": "none"}
# Networks of 20,000 to 60,000 weights: small enough for a CPU.
_SMALL_OURS = {
    "steps": 20_000,
    "crop": 96,
    "batch": 16,
    "optimizer": "adam",
    "learning_rate": 2e-3,
    "tail_rate": 1.0,
    "weight_decay": 0.0,
}

_PRESETS: Mapping[tuple[System, PresetName], Mapping[str, Any]] = {
    ("srresnet", "srup"): {},
    ("srresnet", "paper"): _PAPER,
    ("srgan", "srup"): {
        "steps": 50_000,
        "batch": 8,
        "crop": 96,
        # What can be had of VGG19 without its later half, and unit lengths only where
        # there is something: they make much of nothing where a picture is flat.
        "content": "squeeze-soft+vgg22-pre+vgg31-pre",
        "content_weight": 3.0,
        "feature_distance": "relative",
        "jitter": 16,
        "pixel_weight": 3.0,
        "consistency_weight": 40.0,
        "lattice_weight": 100.0,
        "adversarial_weight": 0.5,
        "gan": "relativistic",
        "discriminator": "patch",
        "discriminator_channels": 32,
        "discriminator_rate": 5.0,
        "learning_rate": 2.5e-4,
        "weight_decay": 0.0,
        "warmup": 300,
    },
    ("srgan", "paper"): {
        **_PAPER,
        "steps": 200_000,
        "content": "vgg54",
        "adversarial_weight": 1e-3,
        "schedule": "drop",
        "decay": None,  # half of the updates, however many
    },
    ("srcnn", "srup"): _SMALL_OURS,
    # Sub-images of 33 pixels, here a multiple of 4; a tenth of the rate at the end.
    ("srcnn", "paper"): {
        **_PAPER,
        **_PLAIN,
        "crop": 32,
        "batch": 128,
        "tail_rate": 0.1,
    },
    ("espcn", "srup"): {
        **_SMALL_OURS,
        "steps": 40_000,
        "optimizer": "muon",
        "content": "psnr",
        "content_weight": 0.002,
    },
    # Sub-images of 17 low-resolution pixels.
    ("espcn", "paper"): {**_PAPER, **_PLAIN, "crop": 68, "learning_rate": 1e-3},
}


def preset(
    network: System, name: PresetName = "srup", content: str | None = None
) -> TrainConfig:
    """Return the settings `name` of `network`, with `content` as its content loss.

    Raises:
        ConfigError: there is no such network, preset or content loss.
    """
    if network not in SYSTEMS or name not in PRESET_NAMES:
        raise ConfigError(
            f"There is no preset {name!r} of {network!r}",
            f"Networks: {', '.join(SYSTEMS)}; presets: {', '.join(PRESET_NAMES)}",
        )
    values = dict(_PRESETS[network, name])
    if content is not None:
        values["content"] = content
    if (network, name) == ("srresnet", "paper") and (
        values["content"] not in PIXEL_LOSSES
    ):
        values["variation_weight"] = 2e-8  # SRResNet-VGG22: section 3.2
    return TrainConfig(network=network, preset=name, **values)
