"""`srup models download`, `remove` and `push`: to and from the Hub."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sr_cli.catalog import HUB_REPOSITORY
from sr_cli.cli.models_options import json_option, quiet_option, write_json
from sr_cli.cli.options import debug_option

if TYPE_CHECKING:
    from sr_cli.models.publication import Publication

_yes_option = click.option("-y", "--yes", is_flag=True, help="Ask nothing.")


def _confirm(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("Nobody is there to be asked: add --yes.")
    click.confirm(question, abort=True, err=True)


@click.command()
@click.argument("models", nargs=-1, metavar="MODEL…")
@click.option("--all", "everything", is_flag=True, help="All that srup knows of.")
@json_option
@quiet_option
@debug_option
def download(
    models: tuple[str, ...], everything: bool, as_json: bool, quiet: bool
) -> None:
    """Get models from the Hub.

    They are there without a network then.  MODEL is an id or
    hf:owner/name[@revision][:file].  A download that was interrupted goes on where it
    was.

    \b
    Examples:
      srup models download --all
      srup models download hf:owner/name@main:file.safetensors
    """
    if bool(models) == everything:
        raise click.UsageError("Name models, or say --all.")
    from sr_cli import catalog
    from sr_cli.cli.loading import shown
    from sr_cli.cli.sentences import say
    from sr_cli.fetch.disk_space import readable
    from sr_cli.models.retrieval import retrieve

    results = []
    for name in [spec.id for spec in catalog.MODELS] if everything else models:
        with shown(quiet=quiet) as telling:
            found = retrieve(name, telling)
        size = found.path.stat().st_size
        results.append(
            {
                "id": name,
                "path": str(found.path),
                "bytes": size,
                "sha256": found.sha256,
                "bundled": found.bundled,
            }
        )
        if not (quiet or as_json):
            how = "comes with srup" if found.bundled else "is there"
            say(f"{name} {how}: {found.path} ({readable(size)}).")
    if as_json:
        write_json(results)


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL…")
@_yes_option
@json_option
@debug_option
def remove(models: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Remove downloaded models.

    They are taken out of the Hub's cache.  MODEL is an id or
    hf:owner/name[@revision][:file]; without a revision and a file, all of the
    repository goes, which other programs may use, too.  What comes with srup stays.

    \b
    Example:
      srup models remove hf:owner/name
    """
    from sr_cli.cli.sentences import say
    from sr_cli.fetch.disk_space import readable
    from sr_cli.hub.removal import check_removable, remove_cached
    from sr_cli.models.removal import removable

    names = [removable(model) for model in models]
    for name in names:
        check_removable(name)
    which = ", ".join(map(str, names))
    _confirm(f"Remove {which} from the Hub's cache?", yes=yes)
    facts = []
    for model, name in zip(models, names, strict=True):
        freed = remove_cached(name)
        facts.append({"id": model, "bytes": freed})
        if not as_json:
            say(f"Removed {name}: {readable(freed)} freed.")
    if as_json:
        write_json(facts)


def _measured(run: Path, data: Path | None, notes: str, quiet: bool) -> "Publication":
    """Measure a run as `srup publish` does, and take what that writes."""
    from tempfile import TemporaryDirectory

    from sr_cli.cli.console import progress_bar
    from sr_cli.cli.downloads import obtainer
    from sr_cli.datasets import find_dataset
    from sr_cli.models.publication import prepare
    from sr_cli.train.publish import SETS, publish
    from sr_cli.train.run import RunFolder

    obtain = obtainer(quiet=quiet)
    datasets = [find_dataset(name, data, obtain) for name in SETS]
    with (
        TemporaryDirectory() as folder,
        progress_bar("Measuring", "results", quiet=quiet) as on_result,
    ):
        target = Path(folder) / f"{run.resolve().name}.safetensors"
        publish(RunFolder(run), target, datasets, notes, on_result)
        return prepare(str(target))


@click.command()
@click.argument("model")
@click.argument("repository", required=False, metavar="OWNER/NAME")
@click.option("--public", is_flag=True, help="Let everybody see it.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Where the sets lie that a run is measured on: DIR/Set5/*.png.  [default: "
    "downloaded]",
)
@click.option("--notes", default="", help="A paragraph for the card of a run.")
@_yes_option
@json_option
@quiet_option
@debug_option
def push(
    model: str,
    repository: str | None,
    public: bool,
    data: Path | None,
    notes: str,
    yes: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Publish a model on the Hub.

    Weights, the same network as ONNX, and the model card are put there.  MODEL is a
    bundled id, a .safetensors file with the card that `srup publish` wrote beside it,
    or a training run's folder, which is measured first.  The repository is made if
    there is none, and private unless you say --public; HF_TOKEN must allow writing.
    The commit and the sha256, with which the model can be pinned, go to standard
    output.

    \b
    Examples:
      srup models push srgan owner/name
      srup models push runs/mine owner/name --public
    """
    from sr_cli.cli.sentences import say
    from sr_cli.hub.names import PREFIX, parse
    from sr_cli.hub.push import push_files
    from sr_cli.models.publication import prepare
    from sr_cli.weights import RUN_WEIGHTS

    repository = repository or HUB_REPOSITORY
    if repository is None:
        raise click.UsageError("Name a repository: owner/name.")
    where = parse(f"{PREFIX}{repository}")
    if where.revision or where.file:
        raise click.UsageError("Name the repository alone: owner/name.")
    if public:
        question = f"Let everybody see {model} as {repository} on the Hub?"
        _confirm(question, yes=yes)
    if (Path(model) / RUN_WEIGHTS).is_file():
        publication = _measured(Path(model), data, notes, quiet)
    else:
        publication = prepare(model)
    pushed = push_files(
        repository,
        publication.files(repository),
        f"Publish {publication.model.id}",
        public=public,
    )
    sha256 = publication.model.sha256
    if as_json:
        write_json(
            {
                "url": pushed.url,
                "commit": pushed.commit,
                "sha256": sha256,
                "private": pushed.private,
            }
        )
        return
    if not quiet:
        seen = "private" if pushed.private else "public"
        say(f"Published {publication.model.id} at {pushed.url}, which is {seen}.")
    click.echo(f"{PREFIX}{repository}@{pushed.commit} {sha256}")
