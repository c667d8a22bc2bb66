"""What a page shows, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Row = Sequence[str | float | None]
"""Of as many cells as its table has columns; None is shown as a dash."""


@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """One rendering of a picture."""

    label: str
    """Unique within its exhibit."""
    pixels: NDArray[np.uint8]
    """(H, W, 1 or 3), sRGB.  Versions of an exhibit may differ in size."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """What was measured on it: name to value."""


@dataclass(frozen=True, slots=True, eq=False)
class Exhibit:
    """One picture in several versions, which are looked at together."""

    name: str
    versions: Sequence[Version]
    """At least one."""
    truth: str | None = None
    """The label of the version that errors are measured from; None means the first,
    until the reader chooses another."""


@dataclass(frozen=True, slots=True)
class Table:
    """Figures in rows."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Row]
    others: Sequence[Row] = ()
    """More rows, set apart below `heading`."""
    heading: str = ""
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """One mark in a plot."""

    label: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Plot:
    """Points over two axes, such as distortion and perception."""

    title: str
    x_label: str
    y_label: str
    points: Sequence[Point]
    """Those that are not finite are left out."""
    note: str = ""
