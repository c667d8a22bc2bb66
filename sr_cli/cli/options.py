"""Options that several commands share, handed to them as one value each."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sr_cli.cli import completers

if TYPE_CHECKING:
    from sr_cli.jobs import Output
    from sr_cli.upscale import Say, Upscaler
    from sr_cli.weights import Model

F = TypeVar("F", bound=Callable[..., Any])


def packed(name: str, kind: type, *options: Callable[[F], F]) -> Callable[[F], F]:
    """Add `options`, whose values the command gets as one `kind` called `name`."""

    def decorate(command: F) -> F:
        @wraps(command)
        def packed(*args: Any, **values: Any) -> Any:
            own = {field.name: values.pop(field.name) for field in fields(kind)}
            return command(*args, **{name: kind(**own)}, **values)

        decorated: Any = packed
        for option in reversed(options):
            decorated = option(decorated)
        return decorated  # type: ignore[no-any-return]

    return decorate


def debug_option(command: F) -> F:
    """Add --debug, which `sr_cli.cli.main` looks for."""
    return click.option(
        "--debug", is_flag=True, expose_value=False, help="Show where an error arose."
    )(command)


model_option = click.option(
    "-m",
    "--model",
    default="srresnet",
    show_default=True,
    help="A model's id, a run's folder, a file of weights (.safetensors, .pth), or "
    "hf:owner/name[@revision][:file].",
    shell_complete=completers.models,
)


device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="Where to compute; auto takes a GPU when there is one.",
)


_SHORT = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


@dataclass(frozen=True, slots=True)
class Running:
    """What runs a network, and how, as asked for."""

    device: str
    engine: str
    precision: str
    tile: int | None
    overlap: int | None
    exact: bool
    offline: bool

    def load(self, name: str) -> "Model":
        """Load the model called `name`.

        Raises:
            ModelError: there is none, or its weights can't be had.
        """
        from sr_cli.weights import load_model

        return load_model(name, offline=self.offline)

    def open(self, model: "Model", say: "Say") -> "Upscaler":
        """Make ready to upscale with `model`.

        Raises:
            DeviceError: what was asked for can't be had.
        """
        from sr_cli.engines import EngineChoice
        from sr_cli.tiles import Tiling
        from sr_cli.upscale import Upscaler

        choice = EngineChoice(self.engine, self.device, self.precision)  # type: ignore[arg-type]
        tiling = Tiling(self.tile, self.overlap, self.exact)
        return Upscaler(model.network, choice, tiling, say)


running_options = packed(
    "running",
    Running,
    device_option,
    click.option(
        "--engine",
        type=click.Choice(["auto", "openvino", "onnxruntime", "torch"]),
        default="auto",
        show_default=True,
        help="What computes; auto takes the fastest that is installed.",
    ),
    click.option(
        "--precision",
        type=click.Choice(["auto", "float32", "bfloat16", "float16", *_SHORT]),
        callback=lambda _context, _parameter, value: _SHORT.get(value, value),
        metavar="[auto|float32|bfloat16|float16]",
        default="auto",
        show_default=True,
        help="auto takes 16 bits where the hardware is made for them and the model "
        "loses at most 0.01 dB by it.",
    ),
    click.option(
        "--tile",
        type=click.IntRange(min=16),
        help="Largest side of the tiles, in input pixels.  [default: as fits the "
        "device and the memory]",
    ),
    click.option(
        "--overlap",
        type=click.IntRange(min=0),
        help="Input pixels that neighbouring tiles share and blend.  [default: 20]",
    ),
    click.option(
        "--exact",
        is_flag=True,
        help="Overlap tiles so far that they equal the untiled result.",
    ),
    click.option(
        "--offline", is_flag=True, help="Don't look for models or sets on the network."
    ),
)
"""--device, --engine, --precision, --tile, --overlap, --exact and --offline."""


@dataclass(frozen=True, slots=True)
class Writing:
    """How results are written and told, as asked for."""

    format_name: str | None
    quality: int | None
    overwrite: bool
    as_json: bool
    quiet: bool

    @property
    def suffix(self) -> str:
        """For results whose names srup makes."""
        return f".{(self.format_name or 'png').lower().lstrip('.')}"

    @property
    def output(self) -> "Output":
        """The part that the library is told."""
        from sr_cli.jobs import Output

        return Output(self.format_name, self.quality, self.overwrite)


writing_options = packed(
    "writing",
    Writing,
    click.option(
        "--format",
        "format_name",
        help="png, jpg, tiff, webp, avif, jxl, jp2, heic, gif, bmp, ppm, tga or ico.  "
        "[default: by suffix, else png]",
        shell_complete=completers.formats,
    ),
    click.option(
        "--quality",
        type=click.IntRange(1, 100),
        help="Of JPEG, WebP, AVIF, HEIC and JPEG XL; 100 makes WebP and JPEG XL "
        "lossless.",
    ),
    click.option("--overwrite", is_flag=True, help="Replace existing results."),
    click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Report each picture to standard output, a JSON object a line.",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Show errors only."),
)
"""--format, --quality, --overwrite, --json and --quiet."""
