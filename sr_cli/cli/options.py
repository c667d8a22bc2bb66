"""Options that several commands share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def _apply(command: F, *options: Callable[[F], F]) -> F:
    for option in reversed(options):
        command = option(command)
    return command


def debug_option(command: F) -> F:
    """Add --debug, which `sr_cli.cli.main` looks for."""
    return click.option(
        "--debug", is_flag=True, expose_value=False, help="Show where an error arose."
    )(command)


def model_options(command: F) -> F:
    """Add --model and --offline: which network."""
    return _apply(
        command,
        click.option(
            "-m",
            "--model",
            default="srresnet",
            show_default=True,
            help="A model's id, a .safetensors file, or hf:owner/name.",
        ),
        click.option(
            "--offline",
            is_flag=True,
            help="Don't look for models on the network.",
        ),
    )


def output_options(command: F) -> F:
    """Add --format, --quality, --overwrite, --json and --quiet."""
    return _apply(
        command,
        click.option(
            "--format",
            "format_name",
            help="png, jpg, webp, tiff or bmp.  [default: by suffix, else png]",
        ),
        click.option(
            "--quality",
            type=click.IntRange(1, 100),
            help="Of JPEG and WebP; 100 makes WebP lossless.",
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


def engine_options(command: F) -> F:
    """Add --device, --engine and --precision: what runs the network."""
    return _apply(
        command,
        click.option(
            "--device",
            type=click.Choice(["auto", "cpu", "cuda", "mps"]),
            default="auto",
            show_default=True,
            help="Where to compute; auto takes a GPU when there is one.",
        ),
        click.option(
            "--engine",
            type=click.Choice(["auto", "openvino", "onnxruntime", "torch"]),
            default="auto",
            show_default=True,
            help="What computes; auto takes the fastest that is installed.",
        ),
        click.option(
            "--precision",
            type=click.Choice(["auto", "float32", "bfloat16", "float16"]),
            default="auto",
            show_default=True,
            help="auto takes 16 bits where the hardware is made for them.",
        ),
    )


def tile_options(command: F) -> F:
    """Add --tile, --overlap and --exact: how large pictures are cut."""
    return _apply(
        command,
        click.option(
            "--tile",
            type=click.IntRange(min=16),
            help="Side of the tiles, in input pixels.  [default: 256]",
        ),
        click.option(
            "--overlap",
            type=click.IntRange(min=0),
            help="Input pixels that neighbouring tiles share and blend.  [default: 16]",
        ),
        click.option(
            "--exact",
            is_flag=True,
            help="Overlap tiles so far that they equal the untiled result.",
        ),
    )
