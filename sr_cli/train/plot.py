"""The curves of one run, or of several for comparison, as a picture."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sr_cli.errors import ConfigError, DataError
from sr_cli.train.log import Metrics
from sr_cli.whole_file import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

# Paul Tol's bright scheme, told apart by colour-blind people as well.
_COLOURS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#777777")
_DASHES = ("-", "--", ":")
_SMOOTHED_OVER = 0.03  # of a curve's points


@dataclass(frozen=True, slots=True)
class _Panel:
    column: str
    title: str


def _panels(runs: Sequence[Metrics]) -> list[_Panel]:
    """What there is to show: a panel for every quantity that any run has."""
    losses = dict.fromkeys(name for run in runs for name in run.losses)
    panels = [
        _Panel("psnr_y", "Validation PSNR (Y), dB"),
        _Panel("loss", "Loss"),
        *(_Panel(name, f"Loss: {name}") for name in losses if name != "loss"),
        _Panel("gradient_norm", "Gradient norm, before clipping"),
        _Panel("learning_rate", "Learning rate"),
    ]
    return [p for p in panels if any(run.curve(p.column)[0].size for run in runs)]


def smooth(values: Floats) -> Floats:
    """Return the moving mean of `values` (n,).

    It reaches less far where the curve begins, which falls steeply there, and not
    beyond its end.
    """
    index = np.arange(len(values))
    left = np.minimum(index // 8, int(len(values) * _SMOOTHED_OVER / 2.0))
    right = np.minimum(left, index[::-1])
    sums = np.concatenate([[0.0], np.cumsum(values)])
    means: Floats = (sums[index + right + 1] - sums[index - left]) / (left + right + 1)
    return means


def _style(number: int) -> dict[str, Any]:
    """How the lines of run `number` (from 0) look."""
    again, colour = divmod(number, len(_COLOURS))
    return {"color": _COLOURS[colour], "linestyle": _DASHES[again % len(_DASHES)]}


def _draw_psnr(axes: "Axes", steps: Floats, values: Floats, number: int) -> None:
    best = int(np.argmax(values))
    label = f"{values[best]:.2f} dB at {steps[best]:,.0f}"
    style = _style(number)
    marker = "o" if len(steps) <= 50 else ""
    axes.plot(steps, values, marker=marker, ms=3, lw=1.5, **style)
    axes.plot(steps[best], values[best], "*", ms=11, color=style["color"], label=label)


def _draw_curve(axes: "Axes", steps: Floats, values: Floats, number: int) -> None:
    axes.plot(steps, values, lw=0.6, alpha=0.35, color=_style(number)["color"])
    axes.plot(steps, smooth(values), lw=1.6, **_style(number))


def _draw_panel(axes: "Axes", panel: _Panel, runs: Sequence[Metrics]) -> None:
    lowest, highest = math.inf, -math.inf
    for number, run in enumerate(runs):
        steps, values = run.curve(panel.column)
        finite = np.isfinite(values)
        steps, values = steps[finite], values[finite]
        if not steps.size:
            continue
        if panel.column == "psnr_y":
            _draw_psnr(axes, steps, values, number)
        elif panel.column == "learning_rate":
            axes.plot(steps, values, lw=1.6, **_style(number))
        else:
            _draw_curve(axes, steps, values, number)
        lowest, highest = min(lowest, values.min()), max(highest, values.max())
    if panel.column == "psnr_y":
        axes.legend(fontsize="small", title="best", title_fontsize="small")
    elif panel.column != "learning_rate" and 0.0 < 10.0 * lowest < highest:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
    axes.set_title(panel.title, fontsize="medium", loc="left")
    axes.set_xlabel("updates", fontsize="small")
    axes.tick_params(labelsize="small", labelbottom=True)
    axes.grid(visible=True, which="both", color="#dddddd", lw=0.5)
    axes.spines[["top", "right"]].set_visible(False)


def draw(runs: Mapping[str, Metrics], *, log_steps: bool = False) -> "Figure":
    """Draw a panel for every quantity: each run of `runs`, by name, in one colour.

    Args:
        runs: at least one.
        log_steps: whether the axis of the updates is logarithmic.

    Raises:
        ConfigError: matplotlib is not installed.
        DataError: the runs have nothing to show yet.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.lines import Line2D
        from matplotlib.ticker import EngFormatter
    except ImportError as error:
        raise ConfigError(
            "Drawing needs matplotlib, an optional part of srup",
            "Install it: pip install 'srup[watch]'",
        ) from error

    metrics = list(runs.values())
    panels = _panels(metrics)
    if not panels:
        raise DataError("There is nothing to draw yet", "Wait for the first log line")
    across = 2 if len(panels) <= 4 else 3
    down = -(-len(panels) // across)
    figure = Figure(figsize=(5.0 * across, 3.2 * down + 0.5), dpi=110)
    figure.set_layout_engine("constrained")
    grid = figure.subplots(down, across, squeeze=False, sharex=True).ravel()
    for axes, panel in zip(grid, panels, strict=False):
        _draw_panel(axes, panel, metrics)
    if log_steps:
        grid[0].set_xscale("log")
    grid[0].xaxis.set_major_formatter(EngFormatter(sep=""))  # 200k, 1M
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    if len(runs) == 1:
        figure.suptitle(next(iter(runs)))
    else:
        figure.legend(
            [Line2D([], [], lw=3, **_style(number)) for number in range(len(runs))],
            list(runs),
            loc="outside upper center",
            ncols=min(len(runs), across + 1),
            frameon=False,
        )
    return figure


def save(
    figure: "Figure", path: Path, format: str = "png", option: str = "--output"
) -> None:
    """Write `figure` to `path`, over what was there; `option` is what named it.

    Raises:
        DataError: it can't be written.
    """
    try:
        with whole_file(path, overwrite=True) as stream:
            figure.savefig(stream, format=format)
    except OSError as error:
        raise DataError(
            f"Cannot write {path} ({error.strerror or error})",
            f"Choose another file with {option}",
        ) from error
