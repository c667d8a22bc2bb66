"""`srup batch`: whole folders."""

import json
from collections import Counter
from pathlib import Path

import click

from sr_cli.cli.options import (
    Running,
    Writing,
    debug_option,
    model_option,
    running_options,
    writing_options,
)


@click.command()
@click.argument(
    "folders",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER…",
)
@model_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the results.  [default: FOLDER_4x beside each folder]",
)
@writing_options
@running_options
@debug_option
def command(
    folders: tuple[Path, ...],
    model: str,
    output: Path | None,
    writing: Writing,
    running: Running,
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
    from sr_cli.picture import check_target

    check_target(Path(f"any{writing.suffix}"), writing.format_name, overwrite=True)
    jobs = batch.plan(folders, output, writing.suffix)
    upscaler = running.open(running.load(model), say)
    counts: Counter[str] = Counter()
    with progress_bar("Upscaling", "pictures", quiet=writing.quiet) as show:
        show(0, len(jobs))
        for outcome in batch.run(jobs, upscaler, writing.output):
            counts[outcome.status] += 1
            show(counts.total(), len(jobs))
            if writing.as_json:
                click.echo(json.dumps(outcome_facts(outcome)))
            if outcome.status == "failed" or not (writing.quiet or writing.as_json):
                say(outcome_sentence(outcome))
    if not writing.quiet:
        done, skipped, failed = (counts[s] for s in ("done", "skipped", "failed"))
        say(f"{done} upscaled, {skipped} skipped, {failed} failed.")
    return 1 if counts["failed"] else 0
