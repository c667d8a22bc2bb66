"""`srup publish`: a run's weights and their card, as they stand in weights/."""

from pathlib import Path

import click

from sr_cli.cli.options import debug_option
from sr_cli.cli.sentences import say


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--id", "model_id", default="srresnet", show_default=True)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default="weights",
    show_default=True,
    help="Folder for ID.safetensors and ID.md.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Where the sets lie: DIR/Set5/*.png.  [default: downloaded]",
)
@click.option("--notes", default="", help="A paragraph for the card.")
@click.option("--overwrite", is_flag=True, help="Replace what ID stands for.")
@click.option("-q", "--quiet", is_flag=True, help="Show only errors.")
@debug_option
def command(
    run: Path,
    model_id: str,
    output: Path,
    data: Path | None,
    notes: str,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Export the weights of the folder RUN with a model card.

    The card's figures are measured on set5, set14 and bsd100 in float32.
    The sha256 for the catalog goes to standard output.
    """
    from sr_cli.cli.console import progress_bar
    from sr_cli.cli.downloads import obtainer
    from sr_cli.datasets import find_dataset
    from sr_cli.errors import DataError
    from sr_cli.train.publish import SETS, publish
    from sr_cli.train.run import RunFolder

    target = output / f"{model_id}.safetensors"
    if target.exists() and not overwrite:
        raise DataError(f"{target} exists already", "Replace it with --overwrite")
    obtain = obtainer(quiet=quiet)
    datasets = [find_dataset(name, data, obtain) for name in SETS]
    with progress_bar("Measuring", "results", quiet=quiet) as on_result:
        published = publish(RunFolder(run), target, datasets, notes, on_result)
    if not quiet:
        say(f"Wrote {published.weights} and {published.card}.")
    click.echo(published.sha256)
