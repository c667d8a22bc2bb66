"""`srup train plot`: a run's curves as a picture."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sr_cli.cli.options import debug_option

if TYPE_CHECKING:
    from sr_cli.train.log import Metrics

METRICS = "metrics.csv"


def _read(runs: tuple[Path, ...]) -> "dict[str, Metrics]":
    """Read the runs' diaries, under the shortest names that tell them apart."""
    from sr_cli.train.log import read_metrics

    paths = list(dict.fromkeys(run.resolve() for run in runs))
    longest = max(len(path.parts) for path in paths)
    for parts in range(1, longest + 1):
        names = {"/".join(path.parts[-parts:]): path for path in paths}
        if len(names) == len(paths):
            break
    return {
        name: read_metrics(path / METRICS if path.is_dir() else path)
        for name, path in names.items()
    }


@click.command("plot")
@click.argument(
    "runs", nargs=-1, required=True, metavar="RUN…", type=click.Path(path_type=Path)
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The PNG to write, over an earlier one.  [default: curves.png in the first "
    "RUN]",
)
@click.option(
    "--log-steps",
    is_flag=True,
    help="Spread out the early updates: a logarithmic axis.",
)
@debug_option
def command(runs: tuple[Path, ...], output: Path | None, log_steps: bool) -> None:
    """Draw the curves of runs as one PNG: losses, validation PSNR, gradient norm
    and learning rate, several runs over one another.

    RUN is the folder of a run, which may still be going on, or a metrics.csv.

    \b
    Examples:
      srup train plot runs/srresnet
      srup train plot runs/srresnet runs/mine -o compared.png
    """
    from sr_cli.errors import ConfigError
    from sr_cli.train.plot import draw, save

    first = runs[0] if runs[0].is_dir() else runs[0].parent
    target = output or first / "curves.png"
    if target.suffix.casefold() != ".png":
        raise ConfigError(
            f"Cannot write {target}: curves are drawn as PNG",
            "Give it a name that ends in .png",
        )
    save(draw(_read(runs), log_steps=log_steps), target)
    click.echo(target)
