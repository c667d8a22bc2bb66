"""`srup batch`: whole folders."""

import json
from collections import Counter
from pathlib import Path

import click

from sr_cli.cli.options import (
    debug_option,
    engine_options,
    model_options,
    output_options,
    tile_options,
)


@click.command()
@click.argument(
    "folders",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER…",
)
@model_options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the results.  [default: FOLDER_4x beside each folder]",
)
@output_options
@engine_options
@tile_options
@debug_option
def command(
    folders: tuple[Path, ...],
    model: str,
    offline: bool,
    output: Path | None,
    format_name: str | None,
    quality: int | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
    device: str,
    engine: str,
    precision: str,
    tile: int | None,
    overlap: int | None,
    exact: bool,
) -> int:
    """Upscale every picture in folders and their subfolders.

    The results mirror the tree.  Existing results are skipped, so that a batch that
    was interrupted can be run again; a picture that fails is reported, the others
    go on, and the exit code is 1.

    \b
    Examples:
      srup batch ./scans
      srup batch ./scans -o ./large --format jpg --quality 92
    """
    from sr_cli import batch
    from sr_cli.cli.console import progress_bar, say
    from sr_cli.cli.reports import outcome_facts, outcome_sentence
    from sr_cli.engines import EngineChoice
    from sr_cli.picture import check_target
    from sr_cli.tiles import Tiling
    from sr_cli.upscale import Upscaler
    from sr_cli.weights import load_model

    suffix = f".{(format_name or 'png').lower().lstrip('.')}"
    check_target(Path(f"any{suffix}"), format_name, overwrite=True)
    jobs = batch.plan(folders, output, suffix)
    choice = EngineChoice(engine, device, precision)  # type: ignore[arg-type]
    network = load_model(model, offline=offline).network
    upscaler = Upscaler(network, choice, Tiling(tile, overlap, exact), say)
    results = batch.Output(format_name, quality, overwrite)
    counts: Counter[str] = Counter()
    with progress_bar("Upscaling", "pictures", quiet=quiet) as show:
        show(0, len(jobs))
        for outcome in batch.run(jobs, upscaler, results):
            counts[outcome.status] += 1
            show(counts.total(), len(jobs))
            if as_json:
                click.echo(json.dumps(outcome_facts(outcome)))
            if outcome.status == "failed" or not (quiet or as_json):
                say(outcome_sentence(outcome))
    if not quiet:
        done, skipped, failed = (counts[s] for s in ("done", "skipped", "failed"))
        say(f"{done} upscaled, {skipped} skipped, {failed} failed.")
    return 1 if counts["failed"] else 0
