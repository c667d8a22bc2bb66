"""`srup bench speed`: how fast a network runs here, in srup and elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sr_cli.cli.options import debug_option, model_option

if TYPE_CHECKING:
    from rich.table import Table

    from sr_cli.bench.scaling import Scaling
    from sr_cli.bench.speed_results import Row, Speed
    from sr_cli.bench.training import Spread

_STANDARD = "-"
_MIB = 1 << 20


def _size(_ctx: click.Context, _option: click.Parameter, value: str) -> tuple[int, int]:
    width, _, height = value.lower().replace("×", "x").partition("x")
    if not all(side.isdecimal() and int(side) > 0 for side in (width, height)):
        raise click.BadParameter(f"{value!r} is no size such as 1024x768.")
    return int(width), int(height)


def _megapixels(
    _ctx: click.Context, _option: click.Parameter, value: str
) -> tuple[float, ...]:
    try:
        sizes = tuple(float(part) for part in value.split(","))
    except ValueError:
        sizes = ()
    # From a single pixel to more than any file holds.
    if not sizes or not all(1e-6 <= size <= 1e4 for size in sizes):
        raise click.BadParameter(f"{value!r} are no megapixels such as 1,4,16.")
    return sizes


def _with_range(spread: "Spread") -> str:
    digits = 2 if spread.median >= 1.0 else 3
    return (
        f"{spread.median:.{digits}f} "
        f"({spread.lowest:.{digits}f}-{spread.highest:.{digits}f})"
    )


def _caption(found: "Speed") -> str:
    machine = found.machine
    lines = [
        f"{row.title}: {row.ran.engine} in {row.ran.precision}"
        for row in found.rows
        if row.id == "srup-auto" and row.ran
    ]
    lines += [
        f"medians (and ranges) of {found.workload.repeats} turns; "
        "ratios are taken within a round",
        f"{machine.cpu}, {machine.cores} cores",
        ", ".join(f"{name} {version}" for name, version in found.versions.items()),
    ]
    if found.no_peak:
        lines.append(f"no peak: {found.no_peak}")
    lines += [
        f"not measured: {row.title}: {row.not_measured}"
        for row in found.rows
        if row.not_measured
    ]
    return "\n".join(lines)


def _cells(found: "Speed", row: "Row") -> tuple[str, ...]:
    ratio, share = found.ratios().get(row.id), row.share_of_peak()
    scaled = found.ratios(at_one_clock=True).get(row.id)
    return (
        row.title,
        _with_range(found.seconds_per_megapixel(row)),
        f"{ratio[1].median:.2f}" if ratio else "",
        f"{scaled[1].median:.2f}" if scaled else "",
        f"{share.median:.0%}" if share else "",
        f"{row.memory / _MIB:,.0f}" if row.memory else "",
    )


def _table(found: "Speed") -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    workload = found.workload
    scale = workload.model.architecture.scale
    table = Table(
        box=SIMPLE_HEAD,
        title=Text(
            f"{workload.model.id}: {workload.width}×{workload.height} to "
            f"{workload.width * scale}×{workload.height * scale} pixels"
        ),
        caption=Text(_caption(found)),
    )
    table.add_column("", overflow="fold")
    for title in (
        "s/megapixel",
        "times\nbest\npeer",
        "at one\nclock",
        "of\npeak",
        "MiB",
    ):
        table.add_column(title, justify="right", no_wrap=True)
    measured = [row for row in found.rows if row.ran]
    for row, following in zip(measured, [*measured[1:], None], strict=True):
        last_peer = row.peer and following is not None and not following.peer
        cells = (Text(cell) for cell in _cells(found, row))
        table.add_row(*cells, end_section=last_peer)
    return table


def _say_growth(scaling: "Scaling", target: Path) -> None:
    from sr_cli.cli.sentences import say

    for point in scaling.points:
        if point.not_measured:
            say(f"{point.megapixels:g} megapixels: {point.not_measured}.")
    law = scaling.law
    grows = f": seconds grow as megapixels^{law[0]:.3f}" if law else ""
    click.echo(f"{target}{grows}")


@click.command("speed")
@model_option
@click.option(
    "--size",
    metavar="WxH",
    default="1024x768",
    show_default=True,
    callback=_size,
    help="Of the input picture, in pixels.",
)
@click.option(
    "--repeats",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Turns of each row.",
)
@click.option(
    "--only",
    metavar="ROW",
    multiple=True,
    help="Measure this row, as --json names it; may be repeated.  [default: all]",
)
@click.option(
    "--json",
    "json_file",
    metavar="FILE",
    help="Write every figure to FILE as JSON; - writes to standard output, alone.",
)
@click.option(
    "--plot",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Also measure pictures of several sizes, and draw their seconds as a PNG or "
    "SVG.",
)
@click.option(
    "--plot-sizes",
    metavar="MP,MP,…",
    default="1,4,16,64",
    show_default=True,
    callback=_megapixels,
    help="Those sizes, in megapixels of input.",
)
@click.option("--offline", is_flag=True, help="Don't look for models on the network.")
@click.option("-q", "--quiet", is_flag=True, help="Show only the results and errors.")
@debug_option
def command(
    model: str,
    size: tuple[int, int],
    repeats: int,
    only: tuple[str, ...],
    json_file: str | None,
    plot: Path | None,
    plot_sizes: tuple[float, ...],
    offline: bool,
    quiet: bool,
) -> None:
    """Measure how fast a network runs on this CPU, in srup and in other programs.

    The others are torch (eager, channels last), onnxruntime, OpenVINO and ncnn, as
    far as they are installed.  They run the network as its paper draws it, on the
    whole picture, and get a ready tensor; srup's rows take 8-bit pixels and give
    8-bit pixels.  All compute the same picture with the same weights, in turns, each
    in a process of its own, and on all cores.

    "times best peer" says how many times as fast a row is as the fastest of the
    others; "at one clock" the same, after seconds are scaled by how fast the machine
    was just then.  "of peak" is the arithmetic of the paper's network, two for each
    multiply-add of its convolutions, done in a second, as a share of what this
    machine can do: the best rate of one 3×3 convolution of 64 channels in the same
    precision, measured before and after each turn.  "MiB" is the most memory that a
    process has that runs a row once.

    What is measured can take minutes, and gigabytes.  A machine that other programs
    keep busy is told so.

    \b
    Examples:
      srup bench speed
      srup bench speed --json speed.json --repeats 9
      srup bench speed --only openvino-bfloat16 --only srup-auto
      srup bench speed -m espcn --plot scaling.png
    """
    import json
    from contextlib import closing

    from rich.console import Console

    from sr_cli.bench.peak import PeakMeter
    from sr_cli.bench.report import check_report, write_report
    from sr_cli.bench.scaling import document as scaling_document
    from sr_cli.bench.scaling import measure_scaling
    from sr_cli.bench.scaling_plot import check_plot, draw, save
    from sr_cli.bench.speed import measure
    from sr_cli.bench.speed_results import Workload
    from sr_cli.bench.speed_results import document as speed_document
    from sr_cli.cli.console import progress_bar
    from sr_cli.cpu import usable_cores
    from sr_cli.weights import load_model

    if json_file not in (None, _STANDARD):
        check_report(Path(json_file))
    if plot:
        check_plot(plot)
    loaded = load_model(model, offline=offline)
    workload = Workload(loaded, *size, repeats, only)
    with closing(PeakMeter(usable_cores())) as meter:
        with progress_bar("Speed", "turns", quiet=quiet) as on_progress:
            found = measure(workload, meter, on_progress)
        if not found.quietness.quiet:
            _warn(found)
        if json_file != _STANDARD:
            Console().print(_table(found))
        document = {**speed_document(found)}
        if plot:
            with progress_bar("Sizes", "pictures", quiet=quiet) as on_progress:
                grown = measure_scaling(loaded, plot_sizes, meter, on_progress)
            document["scaling"] = scaling_document(grown)
            save(draw(grown), plot)
            if json_file != _STANDARD:
                _say_growth(grown, plot)
    text = json.dumps(document, indent=2, allow_nan=False) + "\n"
    if json_file == _STANDARD:
        click.echo(text, nl=False)
    elif json_file is not None:
        write_report(Path(json_file), text)


def _warn(found: "Speed") -> None:
    from sr_cli.cli.sentences import say

    quietness = found.quietness
    if quietness.method == "cpu time of others":
        reason = f"other programs used up to {quietness.worst:.0%} of the cores"
    else:
        reason = f"one computation took up to {quietness.worst:.0%} longer than before"
    say(f"The machine was not quiet: {reason}. Measure again when nothing else runs.")
