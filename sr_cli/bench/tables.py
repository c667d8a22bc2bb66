"""Results as tables: for people, in Markdown, and as CSV for programs."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from sr_cli import __version__
from sr_cli.bench.protocol import REDUCTION_FACTS, Column, columns
from sr_cli.bench.published import differences, figures_by_column, published_for
from sr_cli.bench.quality import Scores
from sr_cli.bench.report import ModelScore, Result

_GRAY = "_gray_as_rgb"
_NOTHING = "–"
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class Grid:
    """A table as text: figures in the same columns for all rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    published: tuple[tuple[str, ...], ...]
    """Rows of others."""
    notes: tuple[str, ...]


def figure(scores: Scores, key: str) -> float | None:
    """Return the figure called `key`; None where it was not computed."""
    if key in scores.more:
        return scores.more[key]
    found: float | None = getattr(scores, key, None)
    return found


def _text(value: float | None, digits: int) -> str:
    if value is None:
        return _NOTHING
    return "∞" if math.isinf(value) else f"{value:.{digits}f}"


def _cell(row: ModelScore, column: Column, *, gray: bool) -> str:
    text = _text(figure(row.scores, column.key), column.digits)
    if gray and column.key == "psnr_y":
        text += f" ({row.scores.psnr_y_gray_as_rgb:.2f})"
    return text


def _ran_on(row: ModelScore) -> str:
    if row.engine is None:
        return ""
    return f"{row.engine} {row.device} {row.precision}"


def _protocol_notes(result: Result, *, gray: bool) -> list[str]:
    protocol = result.protocol
    border = protocol.border_at(result.scale)
    channels = " and ".join(channel.upper() for channel in protocol.channels)
    notes = [f"{channels}, {border} pixels of border left out"]
    if gray and "y" in protocol.channels:
        notes.append(
            "gray as gray (in brackets: as RGB)"
            if protocol.gray_as_gray
            else "gray as RGB"
        )
    notes.append(f"low-resolution pictures: {REDUCTION_FACTS[protocol.reduction]}")
    if {"ssim", "daala"} <= set(protocol.metrics):
        notes.append("SSIM is Wang's, not to be compared with the paper's, daala's")
    return notes


def _mark(number: int) -> str:
    # Fonts that put the sign together from two let it lean over what follows.
    return f"≠\N{NO-BREAK SPACE}{str(number).translate(_RAISED)}"


def _published(
    result: Result, shown: Sequence[Column]
) -> tuple[list[tuple[str, ...]], list[str]]:
    """Return the rows of others that say something in our columns, and notes."""
    rows, unlike, left_out = [], [], []
    sources: dict[str, str] = {}
    for row in published_for(result.dataset, result.scale):
        found = figures_by_column(row, result.dataset)
        values = [found.get(column.key.removesuffix(_GRAY)) for column in shown]
        mos, source = found.get("mos"), row.source
        why = "; ".join(differences(row, result.dataset, result.protocol, result.scale))
        if mos is None and all(value is None for value in values):
            left_out.append(f"{row.method} of {source.short} ({why})")
            continue
        if why and why not in unlike:
            unlike.append(why)
        cells = [_text(v, c.digits) for v, c in zip(values, shown, strict=True)]
        method = f"{row.method} {_mark(unlike.index(why) + 1)}" if why else row.method
        rows.append((method, *cells, _text(mos, 2), _NOTHING, source.short))
        sources[source.short] = source.title.removesuffix(f", {source.short}")
    notes = [f"{_mark(number)} {why}" for number, why in enumerate(unlike, 1)]
    notes += [f"{short}: {title}" for short, title in sources.items()]
    if left_out:
        notes.append(f"without a figure to compare: {', '.join(left_out)}")
    return rows, notes


def grid(result: Result, *, published: bool = False) -> Grid:
    """Tabulate one set's means; with `published`, beside what others have published.

    A published row whose protocol differs is marked, and a note says in what.
    """
    images = result.models[0].images
    gray = any(image.gray for image in images)
    shown = columns(result.protocol)
    mos = (_NOTHING,) if published else ()
    rows = [
        (
            row.id,
            *(_cell(row, column, gray=gray) for column in shown),
            *mos,
            f"{row.seconds:.2f}",
            _ran_on(row),
        )
        for row in result.models
    ]
    others, told = _published(result, shown) if published else ([], [])
    notes = _protocol_notes(result, gray=gray) + told
    notes += [
        f"{name} not computed: {why}" for name, why in result.not_computed.items()
    ]
    titles = (
        "model",
        *(column.title for column in shown),
        *(("MOS",) if published else ()),
        "seconds",
        "ran on, or source" if published else "ran on",
    )
    title = f"{result.dataset}: {len(images)} pictures, {result.scale}x"
    return Grid(title, titles, tuple(rows), tuple(others), tuple(notes))


def _markdown(result: Result, *, published: bool) -> str:
    table = grid(result, published=published)
    last = len(table.columns) - 1
    rules = [":--" if i in (0, last) else "--:" for i in range(last + 1)]
    lines = [f"### {table.title}", ""]
    lines += [
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
        for cells in (table.columns, rules, *table.rows, *table.published)
    ]
    lines += ["", *(f"- {note}" for note in table.notes)]
    lines.append(f"- mean of the pictures' figures; srup {__version__}")
    lines.append(f"- data: sha256 `{result.sha256}`")
    lines += [f"- {r.id}: sha256 `{r.sha256}`" for r in result.models if r.sha256]
    return "\n".join(lines) + "\n"


def to_markdown(results: Sequence[Result], *, published: bool = False) -> str:
    """Write a table for each set, with its protocol and hashes below it."""
    return "\n".join(_markdown(result, published=published) for result in results)


def _keys(result: Result) -> list[str]:
    always = ["psnr_y", "ssim_y", "psnr_y_gray_as_rgb", "ssim_y_gray_as_rgb"]
    asked = (column.key for column in columns(result.protocol))
    return always + [key for key in asked if key not in always]


def to_csv(results: Sequence[Result]) -> str:
    """Write a line for each picture and model; what was not computed is left empty.

    All `results` have the same protocol.
    """
    keys = _keys(results[0])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            *("dataset", "model", "file", "height", "width", "gray", *keys, "seconds"),
            *("engine", "device", "precision", "data_sha256", "weights_sha256"),
            *("scale", "border", "kernel", "gray_as", "srup", "not_computed"),
        ]
    )
    for result in results:
        for row in result.models:
            for image in row.images:
                figures = [figure(image.scores, key) for key in keys]
                ran = image.ran_on
                writer.writerow(
                    [
                        *(result.dataset, row.id, image.file),
                        *(image.height, image.width, int(image.gray)),
                        *("" if f is None else f"{f:.6f}" for f in figures),
                        f"{image.seconds:.6f}",
                        *((ran.engine, ran.device, ran.precision) if ran else [""] * 3),
                        *(image.sha256, row.sha256 or "", result.scale),
                        result.protocol.border_at(result.scale),
                        result.protocol.reduction,
                        "gray" if result.protocol.gray_as_gray else "rgb",
                        __version__,
                        "; ".join(f"{n}: {w}" for n, w in image.not_computed.items()),
                    ]
                )
    return text.getvalue()
