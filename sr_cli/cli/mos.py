"""`srup mos`: a blind study of what people see."""

from contextlib import suppress
from pathlib import Path

import click

from sr_cli.cli import completers
from sr_cli.cli.options import Running, debug_option, running_options

_STANDARD = "-"


@click.group()
def command() -> None:
    """Ask people how good pictures look: make a blind study, collect, and score.

    \b
    Examples:
      srup mos make set5 set14 -m srresnet -m srgan --calibration photos/ -o study/
      srup mos serve study/
      srup mos score study/ --plot scores.png
    """


@command.command("make")
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
    default=("srresnet", "srgan"),
    show_default=True,
    help="A model's id, a file of weights, or hf:owner/name; may be repeated.",
    shell_complete=completers.models,
)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Where the study is put: a new folder, or an empty one.",
)
@click.option(
    "--calibration",
    metavar="NAME_OR_FOLDER",
    help="Other pictures, shown to raters first: nearest neighbour as 1, the original "
    "as 5.",
    shell_complete=completers.measured_sets,
)
@click.option(
    "--calibration-pictures",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many of them, at most.",
)
@click.option(
    "--repeats",
    type=click.IntRange(min=0),
    help="How many items each rater sees twice, to test how consistent they are.  "
    "[default: a tenth]",
)
@click.option(
    "--consent",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="What raters agree to before they begin, plain text.  [default: that only "
    "scores are kept]",
)
@click.option(
    "--static",
    is_flag=True,
    help="Write the page as a file as well: raters open it and save their ratings.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Where the sets lie: DIR/Set5/*.png.  [default: the user's cache, where "
    "they are downloaded to]",
)
@running_options
@click.option("-q", "--quiet", is_flag=True, help="Show errors only.")
@debug_option
def make(
    sets: tuple[str, ...],
    models: tuple[str, ...],
    output: Path,
    calibration: str | None,
    calibration_pictures: int,
    repeats: int | None,
    consent: Path | None,
    static: bool,
    data: Path | None,
    running: Running,
    quiet: bool,
) -> None:
    """Make a study of the pictures of sets, as the SRGAN paper's.

    Each picture is made smaller as the literature does it and upscaled by nearest
    neighbour, bicubic interpolation and every model; the original is rated, too.
    Raters see FOLDER/public alone: pictures under names that tell nothing.
    FOLDER/key.json says which is which.

    \b
    Examples:
      srup mos make set5 set14 -m srresnet -m srgan -o study/
      srup mos make photos/ --calibration others/ --static -o study/
    """
    from sr_cli.bench.rivals import common_scale, from_models
    from sr_cli.cli.console import progress_bar
    from sr_cli.cli.downloads import obtainer
    from sr_cli.cli.sentences import say
    from sr_cli.datasets import find_dataset
    from sr_cli.mos.making import Plan, make_study
    from sr_cli.mos.study import CONSENT, PAGE, PUBLIC

    on_say = (lambda _: None) if quiet else say
    text = _read_text(consent) if consent else CONSENT
    obtain = obtainer(quiet=quiet, offline=running.offline)
    found = [find_dataset(name, data, obtain) for name in dict.fromkeys(sets)]
    samples = find_dataset(calibration, data, obtain).files if calibration else ()
    if not samples:
        on_say(
            "Raters see no examples first: name other pictures with --calibration, as "
            "the paper did."
        )
    loaded = [running.load(name) for name in dict.fromkeys(models)]
    plan = Plan(
        found,
        from_models(loaded, lambda model: running.open(model, on_say)),
        common_scale(loaded),
        samples[:calibration_pictures],
        repeats,
        text,
        static,
    )
    with progress_bar("study", "pictures", quiet=quiet) as on_progress:
        study = make_study(plan, output, on_progress)
    on_say(f"{len(study.items)} items, of which each rater sees {study.repeats} twice.")
    click.echo(output / PUBLIC / PAGE if static else output)


def _read_text(path: Path) -> str:
    from sr_cli.errors import DataError

    hint = "Name a file of plain text in UTF-8"
    try:
        text = path.read_text(encoding="utf-8-sig").strip()
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"Cannot read {path} ({reason})", hint) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8", hint) from error
    if not text:
        raise DataError(f"{path} is empty", "Say in it what raters agree to")
    return text


@command.command("serve")
@click.argument("folder", metavar="STUDY", type=click.Path(path_type=Path))
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen at; 0.0.0.0 for everybody on the network.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8642,
    show_default=True,
    help="0 takes a free one.",
)
@debug_option
def serve(folder: Path, host: str, port: int) -> None:
    """Collect ratings on this machine, or from a local network, until Ctrl-C.

    Every rating is on the disk before the page goes on, in STUDY/ratings.sqlite, and
    a rater who comes back with the same browser goes on where they stopped.

    \b
    Examples:
      srup mos serve study/
      srup mos serve study/ --host 0.0.0.0
    """
    from sr_cli.cli.mos_display import raters
    from sr_cli.cli.sentences import say
    from sr_cli.mos.server import StudyServer
    from sr_cli.mos.store import Store, read_records
    from sr_cli.mos.study import RATINGS, read_study

    study = read_study(folder)
    store = Store(folder / RATINGS, study)
    try:
        with StudyServer(folder, study, store, (host, port), say) as server:
            click.echo(server.url)
            with suppress(KeyboardInterrupt):  # how it is meant to end
                server.serve_forever()
    finally:
        store.close()
    records = read_records(folder / RATINGS, study)
    finished = sum(record.finished for record in records)
    say(f"{raters(len(records))} began, {finished} finished.")


@command.command("score")
@click.argument("folder", metavar="STUDY", type=click.Path(path_type=Path))
@click.argument(
    "exports", nargs=-1, metavar="[RATINGS.json]…", type=click.Path(path_type=Path)
)
@click.option(
    "--no-screening", is_flag=True, help="Let every rater who finished count."
)
@click.option(
    "--plot",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Draw how often each version got each score, as PNG or SVG.",
)
@click.option(
    "--json",
    "json_file",
    metavar="FILE",
    help="Write every figure to FILE as JSON; - writes to standard output, alone.",
)
@debug_option
def score_command(
    folder: Path,
    exports: tuple[Path, ...],
    no_screening: bool,
    plot: Path | None,
    json_file: str | None,
) -> None:
    """Score a study: mean opinion scores, intervals, tests and distributions.

    Counts what the server collected and the files that raters saved.  Raters who
    did not finish are left out, and those whom ITU-R BT.500's screening rejects.

    \b
    Examples:
      srup mos score study/
      srup mos score study/ ratings-*.json --json - --plot scores.png
    """
    from sr_cli.bench.report import check_report, write_report
    from sr_cli.cli.mos_display import show
    from sr_cli.mos.exports import merged, read_export
    from sr_cli.mos.score import score
    from sr_cli.mos.store import read_records
    from sr_cli.mos.study import RATINGS, read_key, read_study

    if json_file not in (None, _STANDARD):
        check_report(Path(json_file))
    if plot is not None:
        from sr_cli.bench.scaling_plot import check_plot

        check_plot(plot)
    study = read_study(folder)
    key = read_key(folder, study)
    records = read_records(folder / RATINGS, study)
    records += [read_export(path, study) for path in exports]
    scoring = score(study, key, merged(records), screen=not no_screening)
    if json_file == _STANDARD:
        click.echo(scoring.to_json(), nl=False)
    else:
        show(scoring)
        if json_file is not None:
            write_report(Path(json_file), scoring.to_json())
    if plot is not None:
        from sr_cli.mos.figure import draw
        from sr_cli.train.plot import save

        save(draw(scoring), plot, plot.suffix.casefold().lstrip("."), "--plot")
