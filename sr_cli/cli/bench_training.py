"""`srup bench training`: how fast a network is trained here."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sr_cli.cli.options import debug_option, device_option

if TYPE_CHECKING:
    from rich.table import Table

    from sr_cli.bench.training import Spread, Throughput
    from sr_cli.train.devices import DeviceName

_STANDARD = "-"


def _with_range(spread: "Spread", digits: int) -> str:
    return (
        f"{spread.median:.{digits}f} "
        f"({spread.lowest:.{digits}f}-{spread.highest:.{digits}f})"
    )


def _table(found: "Throughput") -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from sr_cli.bench.training import LOADER, OURS, TITLES

    workload, machine = found.workload, found.machine
    device = "" if machine.device == "cpu" else f"{machine.device}; "
    table = Table(
        box=SIMPLE_HEAD,
        title=Text(
            f"Training: {workload.batch} crops of {workload.crop}×{workload.crop} "
            f"pixels, {found.precision} on {workload.device}"
        ),
        caption=Text(
            f"the loader makes {_with_range(found.loader_ratio, 0)} times the crops "
            f"that {TITLES[OURS]}, uses\n"
            f"medians (and ranges) of {workload.repeats} turns\n"
            f"{device}{machine.cpu}, {machine.cores} cores, {machine.threads} threads, "
            f"torch {machine.torch}"
        ),
    )
    table.add_column("", overflow="fold")
    for title in ("crops/s", "ms/batch", "times plain"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in found.rows:
        ratio = found.ratio_to_plain.get(row.id)
        cells = (
            TITLES[row.id],
            _with_range(row.crops_per_second, 1 if row.id != LOADER else 0),
            f"{row.seconds.median * 1000:.1f}",
            _with_range(ratio, 2) if ratio else "",
        )
        table.add_row(*(Text(cell) for cell in cells))
    return table


@click.command("training")
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    default=16,
    show_default=True,
    help="Crops per update.",
)
@click.option(
    "--crop",
    type=click.IntRange(16, 1024),
    default=96,
    show_default=True,
    help="Side of the high-resolution crops in pixels; a multiple of 4.",
)
@click.option(
    "--repeats",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Turns of each contestant.",
)
@click.option(
    "--updates",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Updates per turn.",
)
@click.option(
    "--json",
    "json_file",
    metavar="FILE",
    help="Write every figure to FILE as JSON; - writes to standard output, alone.",
)
@device_option
@click.option("-q", "--quiet", is_flag=True, help="Show only the results and errors.")
@debug_option
def command(
    batch: int,
    crop: int,
    repeats: int,
    updates: int,
    json_file: str | None,
    device: "DeviceName",
    quiet: bool,
) -> None:
    """Measure how fast `srup train` trains SRResNet, beside a plain loop.

    The plain loop is what one writes with stock torch: the same network from its own
    modules, channels last, autocast, l1, fused Adam.  It has its batch at hand, and
    neither clips gradients nor averages weights; ours does all that a run does, loader
    included.  Both take turns in the same precision: bfloat16 where the hardware
    multiplies it natively.  The loader is also measured alone, on one thread.

    The photos are made up: speed alone is measured.  A machine that other programs
    keep busy is told so.

    \b
    Examples:
      srup bench training
      srup bench training --json training.json
      srup bench training --batch 4 --crop 192 --repeats 9
    """
    from rich.console import Console

    from sr_cli.bench.report import check_report, write_report
    from sr_cli.bench.training import Workload, measure, to_json
    from sr_cli.cli.console import progress_bar
    from sr_cli.train.devices import prepare_device

    if json_file not in (None, _STANDARD):
        check_report(Path(json_file))
    real = prepare_device(device)
    workload = Workload(batch, crop, repeats, updates, real)
    with progress_bar("Training", "turns", quiet=quiet) as on_progress:
        found = measure(workload, on_progress)
    if not found.quietness.quiet:
        _warn(found)
    if json_file == _STANDARD:
        click.echo(to_json(found), nl=False)
        return
    console = Console()
    console.print(_table(found))
    if json_file is not None:
        write_report(Path(json_file), to_json(found))


def _warn(found: "Throughput") -> None:
    from sr_cli.cli.sentences import say

    quietness = found.quietness
    if quietness.method == "cpu time of others":
        reason = f"other programs used up to {quietness.worst:.0%} of the cores"
    else:
        reason = f"one computation took up to {quietness.worst:.0%} longer than before"
    say(
        f"The machine was not quiet: {reason}, which slows the plain loop most. "
        "Measure again when nothing else runs."
    )
