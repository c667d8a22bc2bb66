"""`srup batch`: folders and lists of pictures, planned, recorded and resumed."""

import click

from sr_cli.cli.batch_options import (
    Choosing,
    Proceeding,
    choosing_options,
    proceeding_options,
)
from sr_cli.cli.making import Making, making_options
from sr_cli.cli.options import (
    Running,
    Writing,
    debug_option,
    model_option,
    running_options,
    writing_options,
)


@click.command()
@choosing_options
@model_option
@proceeding_options
@making_options
@writing_options
@running_options
@debug_option
def command(
    choosing: Choosing,
    model: str,
    proceeding: Proceeding,
    making: Making,
    writing: Writing,
    running: Running,
) -> int:
    """Upscale folders, patterns, lists and files.

    INPUT is a folder, a picture, a quoted pattern such as 'scans/**/*.jpg', @LIST for
    a file of paths, or - for a list on standard input.  --format same keeps each
    picture's format.

    A journal in the output folder knows what is done: the same command again does
    only what is new, changed or missing.  What the batch didn't make is left alone,
    unless --overwrite is given.  A picture that fails is reported, the others go on,
    and the exit code is 1.

    \b
    Examples:
      srup batch ./scans
      srup batch ./scans -o ./large --format jpg --quality 92 --suffix _4x
      find . -name '*.tif' -print0 | srup batch - -o ./large --format same
      srup batch ./inbox -o ./outbox --watch
    """
    _check_usage(choosing, proceeding, writing)

    from sr_cli.batch import SAME, settings
    from sr_cli.catalog import find_model
    from sr_cli.cli.batch_display import Report
    from sr_cli.cli.batch_session import Session
    from sr_cli.cli.sentences import say
    from sr_cli.picture import check_size

    if writing.format_name not in (None, SAME):
        check_size(1, 1, str(writing.format_name))
    loaded = making.load(model, offline=running.offline, quiet=writing.quiet)
    output = making.output(writing.output, loaded)
    strength = making.strength
    numbers = {
        # Between two models, both count.
        "strength": None
        if strength is None
        else (strength, find_model("srresnet").sha256),
        "precision": running.precision,
        "tile": running.tile,
        "overlap": running.overlap,
        "exact": running.exact,
    }
    session = Session(
        choosing.request(making, watch=proceeding.watch),
        choosing.naming(making, writing.format_name, loaded),
        settings(loaded.sha256, output, numbers),
        output,
        lambda: running.open(loaded, say),
        Report(as_json=writing.as_json, quiet=writing.quiet),
        proceeding.fail_fast,
    )
    if proceeding.dry_run:
        return session.show_plan()
    return session.watch(proceeding.settle) if proceeding.watch else session.run()


def _check_usage(choosing: Choosing, proceeding: Proceeding, writing: Writing) -> None:
    if not choosing.inputs and not choosing.lists:
        raise click.UsageError("Name folders, pictures or lists.")
    if proceeding.resume and writing.overwrite:
        raise click.UsageError("--resume keeps what --overwrite makes anew.")
    if proceeding.watch and proceeding.dry_run:
        raise click.UsageError("--dry-run shows what is there now: leave out --watch.")
    if proceeding.watch and choosing.reads_standard_input:
        raise click.UsageError("Standard input can't be watched: name a folder.")
