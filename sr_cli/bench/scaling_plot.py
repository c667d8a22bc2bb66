"""Seconds against megapixels, as a picture."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from sr_cli.bench.report import check_report
from sr_cli.bench.scaling import Scaling
from sr_cli.errors import ConfigError, DataError
from sr_cli.train import plot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FORMATS = {".png": "png", ".svg": "svg"}
_COLOUR = "#4477AA"


def check_plot(path: Path) -> None:
    """Find out before any work whether a plot could be written to `path`.

    Raises:
        ConfigError: its name ends in neither .png nor .svg, or matplotlib is missing.
        SrupError: the folder takes no such file.
    """
    if path.suffix.casefold() not in _FORMATS:
        raise ConfigError(
            f"Cannot write {path}: plots are PNG or SVG",
            "Give it a name that ends in .png or .svg",
        )
    if find_spec("matplotlib") is None:
        raise ConfigError(
            "Drawing needs matplotlib, an optional part of srup",
            "Install it: pip install 'srup[watch]'",
        )
    check_report(path)


def draw(scaling: Scaling) -> "Figure":
    """Draw the sizes that were measured, and the power law that fits them best.

    Raises:
        DataError: none was measured.
    """
    from matplotlib.figure import Figure

    points = [(p.megapixels, p.seconds) for p in scaling.points if p.seconds]
    if not points:
        raise DataError(
            f"There is nothing to draw ({scaling.points[0].not_measured})",
            "Measure smaller pictures with --plot-sizes",
        )
    sizes, seconds = zip(*points, strict=True)
    figure = Figure(figsize=(6.0, 4.2), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.loglog(sizes, seconds, "o", color=_COLOUR)
    if scaling.law:
        exponent, constant = scaling.law
        fitted = [constant * size**exponent for size in sizes]
        label = f"seconds ∝ megapixels^{exponent:.3f}"
        axes.loglog(sizes, fitted, "-", lw=1.2, color=_COLOUR, label=label)
        axes.legend(frameon=False)
    axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
    axes.set_yticks(seconds, [f"{value:.3g}" for value in seconds])
    axes.minorticks_off()
    axes.set_xlabel("megapixels of input")
    axes.set_ylabel("seconds")
    axes.set_title(
        f"{scaling.model}, {scaling.ran.engine} in {scaling.ran.precision}",
        fontsize="medium",
        loc="left",
    )
    axes.grid(visible=True, color="#dddddd", lw=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def save(figure: "Figure", path: Path) -> None:
    """Write `figure` to `path`, PNG or SVG by its name, over what was there.

    Raises:
        DataError: it can't be written.
    """
    plot.save(figure, path, _FORMATS[path.suffix.casefold()], "--plot")
