"""What is measured side by side: plain interpolation, and models."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from sr_cli.degrade import Kernel, resize, to_uint8
from sr_cli.errors import ModelError
from sr_cli.picture import Picture
from sr_cli.upscale import Upscaler
from sr_cli.weights import Model

BASELINES: tuple[Kernel, ...] = ("nearest", "bicubic", "lanczos")
DEFAULT_SCALE = 4


@dataclass(frozen=True, slots=True)
class Rival:
    """Something that upscales, under the name that the report gives it."""

    id: str
    upscale: Callable[[Picture], Picture]
    sha256: str | None = None
    """Of a model's weights; None for interpolation."""
    upscaler: Upscaler | None = None
    """What runs a model; it may change its engine while it works."""


def interpolate(picture: Picture, scale: int, kernel: Kernel) -> Picture:
    """Return the pixels of `picture` at `scale` times its size, without alpha."""
    height, width = picture.height * scale, picture.width * scale
    return Picture(to_uint8(resize(picture.pixels, height, width, kernel)))


def baselines(scale: int = DEFAULT_SCALE) -> list[Rival]:
    """Return the interpolations that every model has to beat."""
    return [
        Rival(kernel, partial(interpolate, scale=scale, kernel=kernel))
        for kernel in BASELINES
    ]


def common_scale(models: Sequence[Model]) -> int:
    """Return the scale that all `models` share, or the usual one without models.

    Raises:
        ModelError: they differ, so their figures could not stand side by side.
    """
    scales = {model.network.scale: model.id for model in models}
    if len(scales) > 1:
        unlike = " and ".join(f"{name} ({scale}x)" for scale, name in scales.items())
        raise ModelError(
            f"The models differ in scale: {unlike}", "Measure each scale on its own"
        )
    return next(iter(scales), DEFAULT_SCALE)


def from_models(
    models: Sequence[Model], open_upscaler: Callable[[Model], Upscaler]
) -> list[Rival]:
    """Make every model a rival, once, under an id that no other rival has."""
    rivals: dict[str, Rival] = {}
    for model in models:
        name = model.id
        if name in rivals or name in BASELINES:  # a file's stem may be anything
            name = f"{model.id}@{model.sha256[:8]}"
        twin = rivals.get(model.id)
        if name in rivals or (twin and twin.sha256 == model.sha256):
            continue
        upscaler = open_upscaler(model)
        rivals[name] = Rival(name, upscaler.upscale, model.sha256, upscaler)
    return list(rivals.values())
