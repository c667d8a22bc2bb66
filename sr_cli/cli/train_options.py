"""Flags of `srup train`: one for every setting of a run."""

from collections.abc import Callable
from dataclasses import Field, fields
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin

import click

from sr_cli.train.config import TrainConfig

F = TypeVar("F", bound=Callable[..., Any])

HELP = {
    "blocks": "Residual blocks; 16 in the paper.",
    "channels": "Features per pixel; 64 in the paper.",
    "normalization": "batch as in the paper, or none, which trains better here.",
    "steps": "Updates in the whole run.",
    "batch": "Crops per update.",
    "crop": "Side of the high-resolution crops in pixels, a multiple of 4.",
    "loss": "What is minimised; mse in the paper.",
    "optimizer": "muon orthogonalises the updates of the inner convolutions.",
    "learning_rate": "Highest step size.",
    "weight_decay": "Decoupled, on what Muon moves.",
    "warmup": "Updates over which the learning rate rises from zero.",
    "decay": "Last updates, over which the learning rate falls to zero along a "
    "cosine.  [default: all after the warm-up]",
    "clip": "Largest norm of the gradient; above it the gradient is scaled down.",
    "ema": "Decay per update of the averaged weights, which are exported.",
    "precision": "Of convolutions; auto takes bfloat16 where the hardware is made "
    "for it.",
    "seed": "Of the first weights and of the crops.",
}


def _type(annotation: Any) -> Any:
    """The Click type for a field's annotation."""
    if get_origin(annotation) is Literal:
        return click.Choice(get_args(annotation))
    if isinstance(annotation, UnionType):  # int | None
        return get_args(annotation)[0]
    return annotation


def _option(field: Field[Any]) -> Callable[[F], F]:
    return click.option(
        f"--{field.name.replace('_', '-')}",
        type=_type(field.type),
        default=field.default,
        show_default=field.default is not None,
        help=HELP[field.name],
    )


def config_options(command: F) -> F:
    """Add a flag for every field of `TrainConfig` but the network's name."""
    for field in reversed(fields(TrainConfig)):
        if field.name != "network":
            command = _option(field)(command)
    return command
