"""Figures as HTML tables."""

from collections.abc import Sequence
from math import isfinite

from sr_cli.viewer.exhibits import Exhibit, Row, Table
from sr_cli.viewer.markup import number, text


def table(given: Table) -> str:
    """Return a section with one table."""
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in given.columns)
    body = f"<tbody>{''.join(map(_row, given.rows))}</tbody>"
    if given.others:
        heading = (
            f'<tr><th scope="rowgroup" colspan="{len(given.columns)}">'
            f"{text(given.heading)}</th></tr>"
        )
        body += f"<tbody>{heading}{''.join(map(_row, given.others))}</tbody>"
    notes = "".join(f"<li>{text(note)}</li>" for note in given.notes)
    return (
        f'<section><h2>{text(given.title)}</h2><div class="wide"><table>'
        f"<thead><tr>{head}</tr></thead>{body}</table></div>"
        + (f'<ul class="note">{notes}</ul>' if notes else "")
        + "</section>"
    )


def _row(cells: Row) -> str:
    first, *rest = (_cell(cell) for cell in cells)
    return (
        f'<tr><th scope="row">{first}</th>'
        + "".join(f"<td>{cell}</td>" for cell in rest)
        + "</tr>"
    )


def _cell(cell: str | float | None) -> str:
    if cell is None:
        return "–"
    return text(cell) if isinstance(cell, str) else number(cell)


def index(exhibits: Sequence[Exhibit]) -> str:
    """Return a table of all exhibits for each figure that was measured on them.

    Its rows begin with the exhibit on which the versions differ most.  A single exhibit
    needs none.
    """
    if len(exhibits) < 2:
        return ""
    names = list(
        dict.fromkeys(
            name
            for exhibit in exhibits
            for version in exhibit.versions
            for name in version.figures
        )
    )
    if not names:
        return ""
    options = "".join(f'<option value="{text(n)}">{text(n)}</option>' for n in names)
    choice = f'<label>Sort by differences in <select id="figure">{options}</select>'
    return f"{choice}</label>" + "".join(_by_figure(exhibits, name) for name in names)


def _by_figure(exhibits: Sequence[Exhibit], figure: str) -> str:
    labels = list(
        dict.fromkeys(
            version.label
            for exhibit in exhibits
            for version in exhibit.versions
            if figure in version.figures
        )
    )
    rows = []
    for place, exhibit in enumerate(exhibits):
        found = {
            version.label: version.figures[figure]
            for version in exhibit.versions
            if figure in version.figures
        }
        rows.append((_difference(list(found.values())), place, exhibit.name, found))
    rows.sort(key=lambda row: (-row[0], row[1]))
    head = "".join(f'<th scope="col">{text(label)}</th>' for label in labels)
    body = "".join(
        f'<tr data-picture="{place}"><td><button type="button" class="link">'
        f"{text(name)}</button></td>"
        + "".join(f"<td>{_cell(found.get(label))}</td>" for label in labels)
        + f"<td>{number(difference)}</td></tr>"
        for difference, place, name, found in rows
    )
    return (
        f'<div class="wide" data-figure="{text(figure)}"><table>'
        f'<caption class="spoken">{text(figure)}</caption><thead><tr>'
        f'<th scope="col">Picture</th>{head}<th scope="col">Difference</th></tr>'
        f"</thead><tbody>{body}</tbody></table></div>"
    )


def _difference(values: Sequence[float]) -> float:
    finite = [value for value in values if isfinite(value)]
    return max(finite) - min(finite) if finite else 0.0
