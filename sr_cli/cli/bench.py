"""`srup bench`: models measured on sets of pictures, and how fast things are."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from sr_cli.cli import completers
from sr_cli.cli.bench_options import (
    Comparing,
    Reporting,
    comparing_options,
    reporting_options,
)
from sr_cli.cli.bench_speed import command as speed
from sr_cli.cli.bench_training import command as training
from sr_cli.cli.options import Running, debug_option, running_options

if TYPE_CHECKING:
    from rich.table import Table

    from sr_cli.bench.quality import Conduct
    from sr_cli.bench.report import Result
    from sr_cli.bench.rivals import Rival
    from sr_cli.datasets import Dataset, Obtain

_DEFAULT = "pictures"
_ALL = "all"
_NAME = 18  # characters of a model's name that stay in one line
_UNBOUNDED = 1000  # characters, wider than any table
_DIGITS = 12  # of a sha256, enough to tell files apart; reports have all 64


def _table(result: "Result", *, published: bool) -> "tuple[Table, int]":
    """Lay out the table, and say how many characters narrower it may become."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from sr_cli.bench.tables import grid

    cells = grid(result, published=published)
    digests = [f"data {result.sha256[:_DIGITS]}"]
    digests += [f"{m.id} {m.sha256[:_DIGITS]}" for m in result.models if m.sha256]
    table = Table(
        box=SIMPLE_HEAD,
        title=Text(cells.title),
        caption=Text("\n".join([*cells.notes, f"sha256: {', '.join(digests)}"])),
    )
    *fixed, last = cells.columns
    # Rich cuts cells short where two columns may become narrower: only one may.
    for number, title in enumerate(fixed):
        table.add_column(title, justify="right" if number else "left", no_wrap=True)
    ends = [last, *(row[-1] for row in (*cells.rows, *cells.published))]
    longest = max(len(word) for end in ends for word in end.split())
    table.add_column(last, overflow="fold", min_width=longest)
    for rows in (cells.rows, cells.published):
        table.add_section()
        for name, *rest in rows:
            table.add_row(*map(Text, ("\n".join(wrap(name, _NAME)), *rest)))
    return table, max(map(len, ends)) - longest


def _print_table(result: "Result", *, published: bool) -> None:
    from rich.console import Console
    from rich.measure import Measurement

    (table, spare), console = _table(result, published=published), Console()
    unbounded = console.options.update(width=_UNBOUNDED)
    wanted = Measurement.get(console, unbounded, table).maximum
    # Lines that a narrow terminal breaks are better than figures cut short.
    Console(width=max(console.width, wanted - spare)).print(table)


def _datasets(
    names: Sequence[str], data: Path | None, obtain: "Obtain | None", *, quiet: bool
) -> "list[Dataset]":
    """Find every set once; of `all`, those that can be had."""
    from sr_cli.cli.sentences import say
    from sr_cli.datasets import KNOWN_SETS, find_dataset
    from sr_cli.errors import DataError

    found: dict[str, Dataset] = {}
    for name in names:
        if name != _ALL or Path(_ALL).is_dir():
            dataset = find_dataset(name, data, obtain)
            found.setdefault(name, dataset)
            continue
        missing = None
        for row in KNOWN_SETS:
            if row.measuring is None:
                continue
            try:
                found.setdefault(row.id, find_dataset(row.id, data, obtain))
            except DataError as error:
                missing = error
                if not quiet:
                    say(f"{row.id} is left out: {error}")
        if missing is not None and not found:
            raise missing
    return list(found.values())


def _model_names(names: Sequence[str]) -> list[str]:
    """Name every model once; `all` is the whole catalog."""
    from sr_cli.catalog import MODELS

    catalog = [spec.id for spec in MODELS]
    wanted = (catalog if name == _ALL else [name] for name in names)
    return list(dict.fromkeys(name for some in wanted for name in some))


def _measure(
    dataset: "Dataset",
    rivals: "Sequence[Rival]",
    scale: int,
    comparing: Comparing,
    conduct: "Conduct",
    *,
    quiet: bool,
) -> "Result":
    from sr_cli.bench.quality import measure
    from sr_cli.bench.report import summarise
    from sr_cli.cli.console import progress_bar
    from sr_cli.cli.sentences import say

    found = len(dataset.files)
    if dataset.expected not in (None, found) and not quiet:
        say(
            f"{dataset.id} has {dataset.expected} pictures, but {found} were found: "
            "the figures will not match published ones."
        )
    images, protocol = [], comparing.protocol
    with progress_bar(dataset.id, "results", quiet=quiet) as on_progress:
        on_progress(0, found * len(rivals))
        for image in measure(dataset.files, rivals, scale, protocol, conduct):
            images.append(image)
            on_progress(len(images), found * len(rivals))
    return summarise(dataset.id, scale, rivals, images, protocol)


def _rivals(
    running: Running, models: Sequence[str], metrics: Sequence[str], *, quiet: bool
) -> "tuple[int, list[Rival]]":
    """Return the scale and who takes part."""
    from sr_cli.bench.protocol import ONE_SIDED
    from sr_cli.bench.rivals import baselines, common_scale, from_models, original
    from sr_cli.cli.sentences import say

    loaded = [running.load(name) for name in _model_names(models)]
    scale = common_scale(loaded)
    on_say = (lambda _: None) if quiet else say
    opened = from_models(loaded, lambda model: running.open(model, on_say))
    alone = [original()] if set(ONE_SIDED) & set(metrics) else []
    return scale, baselines(scale) + opened + alone


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
    help="A model's id, a .safetensors file, or hf:owner/name; all for those that "
    "come with srup; may be repeated.",
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
@comparing_options
@reporting_options
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Pictures read and scored at once, while one is upscaled; more disturb the "
    "seconds.",
)
@click.option(
    "--no-cache", is_flag=True, help="Measure again what earlier runs have measured."
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
    comparing: Comparing,
    reporting: Reporting,
    jobs: int,
    no_cache: bool,
    running: Running,
    quiet: bool,
) -> None:
    """Measure models on set5, set14, bsd100, urban100, div2k or a folder of pictures.

    Each picture is made smaller as the literature does it, upscaled again, and
    compared with the original: PSNR and SSIM on luma, beside nearest, bicubic and
    lanczos interpolation.  `all` stands for every set that can be had.

    \b
    Examples:
      srup bench set5 set14 --data benchmarks/
      srup bench photos/ -m srresnet -m mine.safetensors
      srup bench all -m all --published --html report.html
      srup bench bsd100 --metric psnr --metric daala --channel rgb
      srup bench bsd100 --json - > bsd100.json
    """
    from sr_cli.bench.gallery import MOST, MOST_PIXELS, Gallery
    from sr_cli.bench.quality import Conduct, Known
    from sr_cli.bench.results_cache import results_of
    from sr_cli.cli.console import progress_bar
    from sr_cli.cli.downloads import obtainer

    if baselines_only:
        if ctx.get_parameter_source("models") != ParameterSource.DEFAULT:
            raise click.UsageError("--baselines-only and --model exclude each other.")
        models = ()
    reporting.check()
    obtain = obtainer(quiet=quiet, offline=running.offline)
    datasets = _datasets(sets, data, obtain, quiet=quiet)
    scale, rivals = _rivals(running, models, comparing.metrics, quiet=quiet)
    known = Known()
    if not no_cache:
        asked = replace(running, offline=False)  # which changes no figure
        known = results_of(comparing.protocol, scale, repr(asked))
    results: list[Result] = []
    galleries = []
    most, pixels = MOST if reporting.html_file else 0, MOST_PIXELS // len(datasets)
    for dataset in datasets:
        gallery = Gallery(len(rivals), most, pixels)
        conduct = Conduct(jobs, running.offline, known, gallery.show)
        found = _measure(dataset, rivals, scale, comparing, conduct, quiet=quiet)
        with progress_bar("page", "pictures", quiet=quiet) as on_picture:
            gallery.complete(found, dataset.files, rivals, known, on_picture)
        results.append(found)
        galleries.append(gallery)
        if not reporting.alone:
            _print_table(found, published=comparing.published)
    reporting.write(results, galleries, published=comparing.published)


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
      srup bench all -m all --html report.html
      srup bench speed
      srup bench training
    """


command.add_command(pictures)
command.add_command(speed)
command.add_command(training)
