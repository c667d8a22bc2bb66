"""`srup bench`: models measured on sets of pictures, and how fast things are."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from sr_cli.cli import completers
from sr_cli.cli.bench_speed import command as speed
from sr_cli.cli.bench_training import command as training
from sr_cli.cli.options import Running, debug_option, running_options

if TYPE_CHECKING:
    from rich.table import Table

    from sr_cli.bench.report import ModelScore, Result
    from sr_cli.bench.rivals import Rival
    from sr_cli.datasets import Dataset

_DEFAULT = "pictures"
_STANDARD = "-"


def _ran_on(row: "ModelScore") -> str:
    if row.engine is None:
        return ""
    return f"{row.engine} {row.device} {row.precision}"


def _table(result: "Result") -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    pictures = len(result.models[0].images)
    gray = any(image.gray for image in result.models[0].images)
    table = Table(
        box=SIMPLE_HEAD,
        title=Text(f"{result.dataset}: {pictures} pictures, {result.scale}x"),
        caption=f"Y, {result.scale} pixels of border left out"
        + ("\ngray as gray (in brackets: as RGB)" if gray else ""),
    )
    table.add_column("model", overflow="fold")
    for title in ("PSNR dB", "SSIM", "seconds"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("ran on")
    for row in result.models:
        psnr = f"{row.scores.psnr_y:.2f}"
        if gray:
            psnr += f" ({row.scores.psnr_y_gray_as_rgb:.2f})"
        ssim, seconds = f"{row.scores.ssim_y:.4f}", f"{row.seconds:.2f}"
        cells = (row.id, psnr, ssim, seconds, _ran_on(row))
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _measure(
    dataset: "Dataset", rivals: "Sequence[Rival]", scale: int, *, quiet: bool
) -> "Result":
    from sr_cli.bench.quality import measure
    from sr_cli.bench.report import summarise
    from sr_cli.cli.console import progress_bar, say

    found = len(dataset.files)
    if dataset.expected not in (None, found) and not quiet:
        say(
            f"{dataset.id} has {dataset.expected} pictures, but {found} were found: "
            "the figures will not match published ones."
        )
    images = []
    with progress_bar(dataset.id, "results", quiet=quiet) as on_progress:
        on_progress(0, found * len(rivals))
        for image in measure(dataset.files, rivals, scale):
            images.append(image)
            on_progress(len(images), found * len(rivals))
    return summarise(dataset.id, scale, rivals, images)


@click.command(_DEFAULT)
@click.argument(
    "sets",
    nargs=-1,
    required=True,
    metavar="NAME_OR_FOLDER…",
    shell_complete=completers.measured_sets,
)
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    default=("srresnet",),
    show_default=True,
    help="A model's id, a .safetensors file, or hf:owner/name; may be repeated.",
    shell_complete=completers.models,
)
@click.option(
    "--baselines-only", is_flag=True, help="Measure nearest, bicubic and lanczos alone."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Where the sets lie: DIR/Set5/*.png.  [default: the user's cache, where "
    "they are downloaded to]",
)
@click.option(
    "--json",
    "json_file",
    metavar="FILE",
    help="Write every figure to FILE as JSON; - writes to standard output, alone.",
)
@running_options
@click.option("-q", "--quiet", is_flag=True, help="Show only the results and errors.")
@debug_option
@click.pass_context
def pictures(
    ctx: click.Context,
    sets: tuple[str, ...],
    models: tuple[str, ...],
    baselines_only: bool,
    data: Path | None,
    json_file: str | None,
    running: Running,
    quiet: bool,
) -> None:
    """Measure models on set5, set14, bsd100, urban100, div2k or a folder of pictures.

    Each picture is made smaller as the literature does it, upscaled again, and
    compared with the original: PSNR and SSIM on luma, beside nearest, bicubic and
    lanczos interpolation.

    \b
    Examples:
      srup bench set5 set14 --data benchmarks/
      srup bench photos/ -m srresnet -m mine.safetensors
      srup bench bsd100 --json - > bsd100.json
    """
    from rich.console import Console

    from sr_cli.bench.report import check_report, to_json, write_report
    from sr_cli.bench.rivals import baselines, common_scale, from_models
    from sr_cli.cli.console import say
    from sr_cli.cli.downloads import obtainer
    from sr_cli.datasets import find_dataset

    if baselines_only:
        if ctx.get_parameter_source("models") != ParameterSource.DEFAULT:
            raise click.UsageError("--baselines-only and --model exclude each other.")
        models = ()
    if json_file not in (None, _STANDARD):
        check_report(Path(json_file))
    obtain = obtainer(quiet=quiet, offline=running.offline)
    datasets = [find_dataset(name, data, obtain) for name in sets]
    loaded = [running.load(name) for name in dict.fromkeys(models)]
    scale = common_scale(loaded)
    on_say = (lambda _: None) if quiet else say
    rivals = baselines(scale) + from_models(
        loaded, lambda model: running.open(model, on_say)
    )
    results = []
    for dataset in datasets:
        results.append(_measure(dataset, rivals, scale, quiet=quiet))
        if json_file != _STANDARD:
            Console().print(_table(results[-1]))
    if json_file == _STANDARD:
        click.echo(to_json(results), nl=False)
    elif json_file is not None:
        write_report(Path(json_file), to_json(results))


class _Measurements(click.Group):
    """Takes the first argument for a set of pictures where it names no command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = bool(args) and args[0] in (*self.commands, *ctx.help_option_names)
        return super().parse_args(ctx, args if named else [_DEFAULT, *args])


@click.group(cls=_Measurements)
def command() -> None:
    """Measure models on sets of pictures, or how fast a network runs or is trained.

    `srup bench set5` measures pictures, and so does every first argument that is no
    command; a folder called like one is ./training.  `srup bench pictures --help`
    has the options.

    \b
    Examples:
      srup bench set5 set14 --data benchmarks/
      srup bench photos/ -m srresnet -m mine.safetensors
      srup bench speed
      srup bench training
    """


command.add_command(pictures)
command.add_command(speed)
command.add_command(training)
