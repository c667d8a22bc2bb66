"""Exhibits, tables and plots ─▶ the text of one HTML file.

The file needs no other: style, program and pictures are inside it, and its content
security policy forbids it to ask for more.
"""

import json
from collections.abc import Sequence
from importlib.resources import files
from string import Template

from sr_cli import __version__
from sr_cli.viewer import plots as drawings
from sr_cli.viewer import tables as figures
from sr_cli.viewer.exhibits import Exhibit, Plot, Point, Table, Version
from sr_cli.viewer.markup import allowed, number, text
from sr_cli.viewer.pictures import Stored, stored

__all__ = ["BUDGET", "Exhibit", "Plot", "Point", "Table", "Version", "build"]

BUDGET = 24_000_000
"""Characters that pictures may take before some lose detail: browsers on phones load
no more in a second or two, and mail takes no more."""


def build(
    title: str,
    exhibits: Sequence[Exhibit],
    tables: Sequence[Table] = (),
    plots: Sequence[Plot] = (),
    budget: int = BUDGET,
) -> str:
    """Return a page that shows `exhibits` and what was measured.

    Pictures are stored without loss as long as they fit into `budget` characters;
    the page says when they don't.

    Raises:
        PictureError: a picture can't be encoded.
    """
    data, note = _data(exhibits, budget)
    return _file("page.html").substitute(
        title=text(title),
        version=text(__version__),
        style=_file("page.css").template,
        script=_file("page.js").template,
        tables="\n".join(map(figures.table, tables)),
        plots="\n".join(map(drawings.plot, plots)),
        pictures=_pictures(exhibits) + note if exhibits else "",
        data=data,
    )


def _file(name: str) -> Template:
    return Template(files("sr_cli.viewer").joinpath(name).read_text(encoding="utf-8"))


def _pictures(exhibits: Sequence[Exhibit]) -> str:
    names = "".join(
        f'<option value="{place}">{text(exhibit.name)}</option>'
        for place, exhibit in enumerate(exhibits)
    )
    index = figures.index(exhibits)
    return _file("pictures.html").substitute(index=index, names=names)


def _data(exhibits: Sequence[Exhibit], budget: int) -> tuple[str, str]:
    """Return what the program shows, and a note on what the pictures lost."""
    versions = [(e.truth, v) for e in exhibits for v in e.versions]
    # Errors are measured from the truth, which therefore is the last to get some.
    truths = {n for n, (truth, v) in enumerate(versions) if v.label == truth}
    made = stored([version.pixels for _, version in versions], budget, truths)
    lossy = sum(one.lossy for one in made)
    note = (
        f'<p class="note">So that this file stays small, {lossy} of {len(made)} '
        "pictures in it, marked below them, are compressed with a loss that hardly "
        "shows.</p>"
    )
    sources = iter(made)
    scripts = (
        f'<script type="application/json" id="exhibit-{place}">'
        f"{_script(_facts(exhibit, [next(sources) for _ in exhibit.versions]))}"
        "</script>"
        for place, exhibit in enumerate(exhibits)
    )
    return "\n".join(scripts), note if lossy else ""


def _facts(exhibit: Exhibit, sources: Sequence[Stored]) -> dict[str, object]:
    labels = [version.label for version in exhibit.versions]
    return {
        "name": allowed(exhibit.name),
        "height": max(version.pixels.shape[0] for version in exhibit.versions),
        "width": max(version.pixels.shape[1] for version in exhibit.versions),
        "truth": 0 if exhibit.truth is None else labels.index(exhibit.truth),
        "versions": [
            {
                "label": allowed(version.label),
                "height": version.pixels.shape[0],
                "width": version.pixels.shape[1],
                "figures": [
                    (allowed(name), number(value))
                    for name, value in version.figures.items()
                ],
                "src": source.uri,
                "lossy": source.lossy,
            }
            for version, source in zip(exhibit.versions, sources, strict=True)
        ],
    }


def _script(facts: dict[str, object]) -> str:
    # What could end the element, or begin a comment in it, begins with "<".
    return json.dumps(facts, ensure_ascii=False).replace("<", "\\u003c")
