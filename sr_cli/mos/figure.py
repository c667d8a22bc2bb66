"""How often each version got each score, as the paper's Figure 5 shows it."""

from typing import TYPE_CHECKING

import numpy as np

from sr_cli.mos.score import Scoring, SetScore
from sr_cli.mos.study import SCORES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(scoring: Scoring) -> "Figure":
    """Draw a panel for every set: versions across, scores up, shares by colour.

    matplotlib has to be there: `sr_cli.bench.scaling_plot.check_plot` finds out.
    """
    from matplotlib.figure import Figure

    versions = max(len(found.versions) for found in scoring.sets)
    size = (1.6 + 0.85 * versions * len(scoring.sets), 4.0)
    figure = Figure(figsize=size, dpi=130, layout="constrained")
    panels = figure.subplots(1, len(scoring.sets), squeeze=False)[0]
    for axes, found in zip(panels, scoring.sets, strict=True):
        _panel(axes, found, scoring.raters)
    image = panels[-1].images[0]
    figure.colorbar(image, ax=list(panels), label="share of the ratings")
    panels[0].set_ylabel("score")
    return figure


def _panel(axes: "Axes", found: SetScore, raters: int) -> None:
    counts = np.array([row.counts for row in found.versions], float).T
    means = [row.mean for row in found.versions]
    axes.imshow(
        counts / counts.sum(axis=0),
        origin="lower",
        extent=(-0.5, len(means) - 0.5, 0.5, len(SCORES) + 0.5),
        aspect="auto",
        cmap="Blues",  # light to dark, for any eyes
        vmin=0.0,
        vmax=1.0,
    )
    intervals = [row.interval or (row.mean, row.mean) for row in found.versions]
    reach = np.abs(np.array(intervals).T - means)
    axes.errorbar(
        range(len(means)), means, reach, fmt="_", ms=18, mew=2, color="#CC3311"
    )
    axes.set_xticks(
        range(len(means)),
        [row.version for row in found.versions],
        rotation=35,
        ha="right",
    )
    axes.set_yticks(SCORES)
    axes.set_ylim(0.5, len(SCORES) + 0.5)
    samples = int(counts[:, 0].sum())
    axes.set_title(
        f"{found.set}: {found.pictures} × {raters} = {samples} ratings each",
        fontsize="medium",
        loc="left",
    )
