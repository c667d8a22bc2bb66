"""`srup models list`, `info`, `path` and `verify`: what is on this machine."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from sr_cli.cli.models_options import json_option, quiet_option, write_json
from sr_cli.cli.options import debug_option
from sr_cli.cli.sentences import answer, say

if TYPE_CHECKING:
    from sr_cli.models.listing import Described, Listed

_SHOWN_SET = "set14"
_UNKNOWN = "–"


def _listed_facts(model: "Listed") -> dict[str, object]:
    return {
        "id": model.id,
        "place": model.place,
        "path": None if model.path is None else str(model.path),
        "bytes": model.size,
        "sha256": model.sha256,
        "scale": model.scale,
        "family": model.family,
        "summary": model.summary,
        "licence": model.licence,
        "figures": {
            name: {"psnr": found.psnr, "ssim": found.ssim}
            for name, found in model.figures.items()
        },
        "speed": model.speed,
    }


def _cells(model: "Listed") -> list[str]:
    from sr_cli.fetch.disk_space import readable

    found = model.figures.get(_SHOWN_SET)
    place = "on the Hub" if model.place == "hub" else model.place
    return [
        model.id,
        place,
        _UNKNOWN if model.size is None else readable(model.size),
        f"{model.scale}x",
        model.licence or _UNKNOWN,
        _UNKNOWN if found is None else f"{found.psnr:.2f}",
        model.speed or _UNKNOWN,
        model.summary,
    ]


@click.command("list")
@json_option
@debug_option
def list_models(as_json: bool) -> None:
    """List models.

    Those that come with srup, and those of the Hub.  PSNR (in dB on the luma of Set14)
    and speed are those that the model's card says were measured.  Of the Hub's cache,
    weights that srup wrote are listed.

    \b
    Example:
      srup models list --json
    """
    from sr_cli.models.listing import listed

    models = listed()
    if as_json:
        write_json([_listed_facts(model) for model in models])
        return
    from rich.console import Console
    from rich.table import Table

    rows = [_cells(model) for model in models]
    titles = ["model", "where", "size", "scale", "licence", "PSNR", "speed", "what"]
    # A column in which nobody says anything is left out.
    columns = [i for i in range(len(titles)) if any(r[i] != _UNKNOWN for r in rows)]
    table = Table(box=None, pad_edge=False, show_edge=False)
    for i in columns:
        right = titles[i] in ("size", "PSNR")
        table.add_column(
            titles[i], justify="right" if right else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(row[i] for i in columns))
    Console(markup=False, highlight=False).print(table)


def _described_facts(found: "Described") -> dict[str, object]:
    from dataclasses import asdict

    facts = _listed_facts(found.listed)
    facts["architecture"] = found.architecture and asdict(found.architecture)
    return facts | {"made_with": found.made_with, "training": dict(found.training)}


def _lines(facts: dict[str, Any]) -> Iterable[str]:
    """Tell facts to people, those that are known."""
    architecture = facts["architecture"] or {}
    training = facts["training"]
    config = training.get("config", {})
    apart = {"architecture", "training", "figures", "config"}
    for name, value in (facts | architecture | training).items():
        if name not in apart and value not in (None, "", [], {}):
            text = ", ".join(map(str, value)) if isinstance(value, list) else value
            yield f"{name.replace('_', ' ')}: {text}"
    figures = facts["figures"]
    for name, found in figures.items():
        yield f"{name}: PSNR {found['psnr']:.2f} dB, SSIM {found['ssim']:.4f}"
    if config:
        yield f"settings: {' '.join(f'{name}={config[name]}' for name in config)}"


@click.command()
@click.argument("model")
@json_option
@debug_option
def info(model: str, as_json: bool) -> None:
    """Tell all that is known of a model.

    MODEL may be anything that -m takes.  Nothing is downloaded for it.

    \b
    Examples:
      srup models info srgan
      srup models info runs/mine --json
    """
    from sr_cli.models.listing import described

    facts = _described_facts(described(model))
    if as_json:
        write_json(facts)
    else:
        for line in _lines(facts):
            answer(line)


@click.command()
@click.argument("model", required=False)
@json_option
@debug_option
def path(model: str | None, as_json: bool) -> None:
    """Say where models lie.

    The bundled ones and the cache; or with MODEL, anything that -m takes, its file.

    \b
    Examples:
      srup models path
      cp "$(srup models path srgan)" backup/
    """
    from sr_cli.weights import bundled_folder, find_weights

    if model is None:
        from sr_cli.hub.cache import folder

        places = {"bundled": str(bundled_folder()), "cache": str(folder())}
        if as_json:
            write_json(places)
        else:
            for name, place in places.items():
                answer(f"{name}: {place}")
        return
    _, found = find_weights(model, offline=True)
    if as_json:
        write_json({"id": model, "path": str(found)})
    else:
        click.echo(found)


@click.command()
@json_option
@quiet_option
@debug_option
def verify(as_json: bool, quiet: bool) -> int:
    """See whether weights are what they should be.

    The sha256 of bundled and downloaded ones is computed and compared.  The exit code
    is 1 if one differs or is missing.

    \b
    Example:
      srup models verify
    """
    from sr_cli.models.verification import checks

    failed, facts = 0, []
    for check in checks():
        failed += not check.ok
        where = None if check.path is None else str(check.path)
        facts.append(
            {
                "id": check.id,
                "path": where,
                "ok": check.ok,
                "expected": check.expected,
                "sha256": check.found,
            }
        )
        if as_json:
            continue
        if not check.ok:
            what = f"has the sha256 {check.found}" if check.found else "is missing"
            say(
                f"Error: {check.id} {what}, and should have {check.expected} "
                f"({where or 'nowhere'}). {check.remedy}."
            )
        elif not quiet:
            answer(f"{check.id}: as it should be ({check.found})")
    if as_json:
        write_json(facts)
    return 1 if failed else 0
