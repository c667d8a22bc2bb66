"""The result of a blind study, as a terminal shows it."""

from typing import TYPE_CHECKING

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from sr_cli.mos.score import Scoring, SetScore


def show(scoring: "Scoring") -> None:
    """Write tables for every set, and who counts in them."""
    console = Console()
    for found in scoring.sets:
        console.print(_scores(found))
        console.print(_comparisons(found))
    click.echo(_who_counts(scoring))


def _scores(found: "SetScore") -> Table:
    table = Table(
        box=SIMPLE_HEAD, title=Text(f"{found.set}: {found.pictures} pictures")
    )
    table.add_column("version", overflow="fold")
    for title in ("MOS", "95 % interval", "1", "2", "3", "4", "5"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("1 to 5", no_wrap=True)
    for row in found.versions:
        low_high = row.interval
        interval = f"{low_high[0]:.2f} to {low_high[1]:.2f}" if low_high else ""
        counts = (str(count) for count in row.counts)
        cells = (row.version, f"{row.mean:.2f}", interval, *counts, _bars(row.counts))
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _bars(counts: tuple[int, ...]) -> str:
    return "".join("▁▂▃▄▅▆▇█"[round(7 * count / max(counts))] for count in counts)


def _comparisons(found: "SetScore") -> Table:
    table = Table(
        box=SIMPLE_HEAD,
        caption="difference: the second's MOS less the first's; p: Wilcoxon's "
        "signed-rank test, two-sided, corrected by Holm within the set; * below 0.05",
    )
    for title in ("first", "second"):
        table.add_column(title, overflow="fold")
    for title in ("difference", "p", "corrected"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in found.comparisons:
        star = " *" if row.significant else "  "
        figures = (f"{row.difference:+.2f}", f"{row.p:.2g}", f"{row.p_corrected:.2g}")
        cells = (row.first, row.second, *figures[:2], figures[2] + star)
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _who_counts(scoring: "Scoring") -> str:
    left_out = [
        f"{count} {why}"
        for count, why in (
            (scoring.unfinished, "did not finish"),
            (len(scoring.rejected), "rejected by BT.500's screening"),
        )
        if count
    ]
    text = raters(scoring.raters) + (f" ({', '.join(left_out)})" if left_out else "")
    alike = scoring.consistency
    if alike:
        text += (
            f"; of {alike.pairs} repeated ratings {alike.equal:.0%} were equal, "
            f"{alike.difference:.2f} apart on average (p of a drift: {alike.p:.2g})"
        )
    return text + "."


def raters(count: int) -> str:
    """Say how many there are."""
    return f"{count} rater{'' if count == 1 else 's'}"
