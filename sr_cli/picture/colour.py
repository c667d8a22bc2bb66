"""Provisional, written by main so that enlarge/ imports: helper E replaces this file."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sr_cli.picture.header import Header, Samples


@dataclass(frozen=True, slots=True)
class ColourPlan:
    enter: Callable[[Samples], NDArray[np.float32]] | None
    leave: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None
    channels: int
    icc: bytes | None
    notes: tuple[str, ...]


def plan(header: Header, *, to_srgb: bool = False) -> ColourPlan:
    return ColourPlan(None, None, header.channels, header.icc, ())
