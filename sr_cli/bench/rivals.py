"""What is measured side by side: plain interpolation, and models."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

from sr_cli.degrade import Kernel, resize, to_uint8
from sr_cli.errors import ModelError
from sr_cli.picture import Picture
from sr_cli.upscale import Upscaler
from sr_cli.weights import Model

BASELINES: tuple[Kernel, ...] = ("nearest", "bicubic", "lanczos")
ORIGINAL = "original"
DEFAULT_SCALE = 4


@dataclass(frozen=True, slots=True)
class RanOn:
    """What computed."""

    engine: str
    device: str
    precision: str


@dataclass(frozen=True, slots=True)
class Rival:
    """Something that upscales, under the name that the report gives it."""

    id: str
    upscale: Callable[[Picture], Picture] | None
    """None for the original itself."""
    sha256: str | None = None
    """Of a model's weights; None for interpolation."""
    ran_on: Callable[[], RanOn | None] = lambda: None
    """What computed the last result: a model may change its engine while it works."""
    prepare: Callable[[], object] = lambda: None
    """Gets ready what `upscale` would else wait for the first time."""


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


def original() -> Rival:
    """Return the original as one more row, for what is measured without it."""
    return Rival(ORIGINAL, None)


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
    """Make every model a rival, once, under an id that no other rival has.

    It is opened when it gets its first picture: a result that is known needs no engine.
    """
    rivals: dict[str, Rival] = {}
    for model in models:
        name = model.id
        # A file's stem may be anything.
        if name in rivals or name in (*BASELINES, ORIGINAL):
            name = f"{model.id}@{model.sha256[:8]}"
        twin = rivals.get(model.id)
        if name in rivals or (twin and twin.sha256 == model.sha256):
            continue
        rivals[name] = _opened_late(name, model, open_upscaler)
    return list(rivals.values())


def _opened_late(
    name: str, model: Model, open_upscaler: Callable[[Model], Upscaler]
) -> Rival:
    @cache
    def upscaler() -> Upscaler:
        return open_upscaler(model)

    def ran_on() -> RanOn:
        engine = upscaler().engine
        return RanOn(engine.name, engine.device, engine.precision)

    def upscale(low: Picture) -> Picture:
        return upscaler().upscale(low)

    return Rival(name, upscale, model.sha256, ran_on, upscaler)
