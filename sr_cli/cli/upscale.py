"""`srup upscale`: pictures in, the same pictures four times larger out."""

import json
import os
import sys
from pathlib import Path

import click

from sr_cli.cli import completers
from sr_cli.cli.making import Making, making_options
from sr_cli.cli.options import (
    Running,
    Writing,
    debug_option,
    model_option,
    running_options,
    writing_options,
)
from sr_cli.cli.showing import Showing, showing_options

_STANDARD = "-"


def _path(name: str) -> Path | None:
    return None if name == _STANDARD else Path(name)


def _folder(inputs: tuple[str, ...], output: str | None) -> Path | None:
    """Return `output` where it means a folder: an existing one, named with a final
    slash, or for several inputs."""
    if output is None or output == _STANDARD:
        return None
    meant = output.endswith(("/", os.sep)) or len(inputs) > 1
    return Path(output) if meant or Path(output).is_dir() else None


def _targets(inputs: tuple[str, ...], output: str | None, ending: str) -> list[str]:
    """Name each result: `output`, a file in that folder, or one beside the input."""
    folder = _folder(inputs, output)
    if output is not None and folder is None:
        return [output]
    targets = []
    for name in inputs:
        if name == _STANDARD and folder is None:
            targets.append(_STANDARD)
            continue
        source = Path("stdin" if name == _STANDARD else name)
        place = source.parent if folder is None else folder
        targets.append(str(place / f"{source.stem}{ending}"))
    return targets


def _check_streams(
    inputs: tuple[str, ...], targets: list[str], *, as_json: bool
) -> None:
    if inputs.count(_STANDARD) > 1:
        raise click.UsageError("Standard input can be read only once.")
    if _STANDARD not in targets:
        return
    if len(inputs) > 1:
        raise click.UsageError("Standard output can hold only one picture.")
    if as_json:
        raise click.UsageError("--json and a picture can't share standard output.")
    if sys.stdout.isatty():
        raise click.UsageError("A terminal shows no pictures: name a file with -o.")


@click.command()
@click.argument(
    "inputs",
    nargs=-1,
    required=True,
    metavar="INPUT…",
    shell_complete=completers.files,
)
@model_option
@click.option(
    "-o",
    "--output",
    help="File; folder, if it ends in / or for several inputs; - is standard output.  "
    "[default: INPUT_4x.png beside the input]",
    shell_complete=completers.files,
)
@making_options
@showing_options
@writing_options
@running_options
@debug_option
def command(
    inputs: tuple[str, ...],
    model: str,
    output: str | None,
    making: Making,
    showing: Showing,
    writing: Writing,
    running: Running,
) -> int:
    """Make pictures 4x larger, or of any size.

    Reads every common format, and - from standard input.  Depth, colour profile,
    gray, CMYK, transparency, animation, EXIF, XMP, IPTC and texts come through where
    the result's format holds them; srup says what it doesn't.

    \b
    Examples:
      srup upscale photo.jpg
      srup upscale photo.jpg -m srgan --scale 2 -o large.png
      srup upscale *.jpg -o larger/ --format webp --fit 3840x2160
      cat photo.jpg | srup upscale - -o - > large.png
    """
    targets = _targets(inputs, output, making.name_suffix + writing.suffix)
    _check_streams(inputs, targets, as_json=writing.as_json)

    from sr_cli.cli.console import progress_bar
    from sr_cli.cli.reports import outcome_facts, outcome_sentence, source_name
    from sr_cli.cli.sentences import say
    from sr_cli.errors import SrupError
    from sr_cli.jobs import Job, Outcome, check, run_job

    jobs = [Job(_path(a), _path(b)) for a, b in zip(inputs, targets, strict=True)]
    wanted = making.output(writing.output)
    showing.check(jobs, overwrite=writing.overwrite)
    check(jobs, wanted, _folder(inputs, output))
    loaded = making.load(model, offline=running.offline, quiet=writing.quiet)
    upscaler = running.open(loaded, say)
    wanted = making.output(wanted, loaded)
    quiet, as_json, failed = writing.quiet, writing.as_json, 0
    done: list[Job] = []
    for job in jobs:
        try:
            with progress_bar(source_name(job), "tiles", quiet=quiet) as show:
                outcome = run_job(job, upscaler, wanted, show)
        except SrupError as error:
            if len(jobs) == 1:
                raise
            failed += 1
            outcome = Outcome(job, "failed", (str(error),))
        for note in () if quiet or outcome.status == "failed" else outcome.notes:
            say(f"Note: {note}.")
        if as_json:
            click.echo(json.dumps(outcome_facts(outcome)))
        if outcome.status == "failed" or not (quiet or as_json):
            say(outcome_sentence(outcome))
        if outcome.status == "done":
            done.append(job)
    for sentence in showing.show(
        done, model, running, page=making.page, overwrite=writing.overwrite
    ):
        if not quiet:
            say(sentence)
    return 1 if failed else 0
