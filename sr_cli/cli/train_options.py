"""Flags of `srup train SYSTEM`: one for every setting of a run."""

from collections.abc import Callable
from dataclasses import Field, fields
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin

import click

from sr_cli.train.config import System, TrainConfig
from sr_cli.train.presets import preset

F = TypeVar("F", bound=Callable[..., Any])

HELP = {
    "blocks": "Residual blocks; 16 in the paper.",
    "channels": "Features per pixel; of SRCNN and ESPCN, in the first layer.",
    "normalization": "batch as in the paper, or none, which trains better here.",
    "target_range": "Range of the network's output: unit is [0, 1], signed [-1, 1].",
    "steps": "Updates in the whole run.",
    "batch": "Crops per batch, and per process under torchrun.",
    "accumulate": "Batches whose gradients make one update.",
    "crop": "Side of the high-resolution crops in pixels, a multiple of 4.",
    "sampling": "Where crops are cut: anywhere, or rather where there is texture.",
    "drawings": "Pages of text, lines and shapes that are drawn and trained on beside "
    "the photos, in the fonts of this machine.",
    "degradation": "How low resolution is made; real is blur, noise and JPEG, twice.",
    "content": "What is compared: mse, l1, charbonnier, psnr (each picture's, in dB; "
    "goes with a weight of about 0.002), or features: vgg22, vgg54, "
    "vgg54-pre (before activation), squeeze, squeeze-soft, or several, as "
    "vgg22+squeeze.",
    "content_weight": "Of the content loss.",
    "feature_distance": "How features are compared; relative is l1 as a share of "
    "the truth's size.",
    "feature_scale": "What features are multiplied by first; 1/12.75 in the paper.",
    "jitter": "Compare features, and judge, on a part that is moved by up to so many "
    "pixels, anew for every update; keeps lattices away.",
    "pixel_weight": "Of an l1 loss on pixels beside a content loss of features.",
    "consistency_weight": "Of an l1 loss between means of 4x4 pixels, and of whole "
    "crops: keeps colours.",
    "lattice_weight": "Of what repeats itself every 4 pixels.",
    "variation_weight": "Of the total variation.",
    "adversarial_weight": "Of what the discriminator says; 0.001 in the paper.",
    "gan": "standard as in the paper; relativistic as in ESRGAN.",
    "discriminator": "dense as in the paper; patch judges texture alone.",
    "discriminator_channels": "Of its first convolution; 64 in the paper.",
    "discriminator_rate": "Its learning rate, in those of the generator.",
    "optimizer": "muon orthogonalises the updates of convolutions; of deep networks, "
    "of the inner ones.",
    "learning_rate": "Highest step size.",
    "beta2": "Decay of Adam's second moment.",
    "tail_rate": "Adam's rate on the last convolution, in those of the rest.",
    "weight_decay": "Decoupled, on what Muon moves.",
    "warmup": "Updates over which the learning rate rises from zero.",
    "schedule": "The learning rate falls to zero along a cosine, or drops to a tenth.",
    "decay": "Last updates, over which the learning rate falls.  "
    "[default: all after the warm-up, or the last half]",
    "clip": "Largest norm of the gradient; above it the gradient is scaled down.  "
    "0 for none.",
    "ema": "Decay per update of the averaged weights, which are exported.",
    "precision": "Of convolutions; auto takes bfloat16 where the hardware is made "
    "for it.",
    "seed": "Of the first weights and of the crops.",
}

_NOT_FLAGS = {"network", "preset"}
_ADVERSARIAL = {
    *("adversarial_weight", "gan", "discriminator", "discriminator_channels"),
    "discriminator_rate",
}
_DEEP = {"blocks", "normalization"}


def _applies(name: str, network: System) -> bool:
    if name in _ADVERSARIAL:
        return network == "srgan"
    if name in _DEEP:
        return network in ("srresnet", "srgan")
    return name not in _NOT_FLAGS


def _type(annotation: Any) -> Any:
    """The Click type for a field's annotation."""
    if get_origin(annotation) is Literal:
        return click.Choice(get_args(annotation))
    if isinstance(annotation, UnionType):  # int | None
        return get_args(annotation)[0]
    return annotation


def _option(field: Field[Any], default: Any) -> Callable[[F], F]:
    shown = f"{default:g}" if isinstance(default, float) else str(default)
    # Not as Click's default: a TOML file and the preset come before it.
    text = HELP[field.name] + ("" if default is None else f"  [default: {shown}]")
    return click.option(
        f"--{field.name.replace('_', '-')}",
        type=_type(field.type),
        help=text,
    )


def config_options(network: System) -> Callable[[F], F]:
    """Add a flag for every setting that `network` has."""

    def decorate(command: F) -> F:
        ours = preset(network)
        for field in reversed(fields(TrainConfig)):
            if _applies(field.name, network):
                command = _option(field, getattr(ours, field.name))(command)
        return command

    return decorate
