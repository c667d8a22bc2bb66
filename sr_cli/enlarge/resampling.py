"""Resizing by any factor, row by row as they come.

The kernel is `sr_cli.degrade`'s bicubic one: it widens where it reduces, so nothing
aliases, and has one small lobe on either side, so nothing rings.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr_cli.degrade import taps
from sr_cli.upscale import Floats, Rows

_ROWS_AT_ONCE = 16  # of the result


def resampled(rows: Rows, size: tuple[int, int], new_size: tuple[int, int]) -> Rows:
    """Return what gives the rows of a picture resized from `size` to `new_size`.

    Both are (height, width).  Rows are float32 (n, W, C), neither rounded nor clipped;
    no more are held than the kernel reaches.
    """
    if size == new_size:
        return rows
    index, weight = taps(size[0], new_size[0], "bicubic")
    across = taps(size[1], new_size[1], "bicubic")
    firsts, lasts = index.min(axis=1), index.max(axis=1)
    # What later rows of the result still need, whatever the mirrored ones read.
    needed_from = np.minimum.accumulate(firsts[::-1])[::-1]
    held: Floats = np.empty((0, new_size[1], 1), np.float32)
    top = done = 0

    def next_rows(count: int) -> Floats:
        nonlocal held, top, done
        stop = min(done + count, new_size[0])
        parts = []
        while done < stop:
            until = min(done + _ROWS_AT_ONCE, stop)
            reach = int(lasts[done:until].max()) + 1
            if missing := reach - top - len(held):
                more = _across(rows(missing), *across)
                held = np.concatenate([held, more]) if len(held) else more
            parts.append(_down(held, index[done:until] - top, weight[done:until]))
            done = until
            if done < new_size[0] and (passed := int(needed_from[done]) - top) > 0:
                held, top = held[passed:], top + passed
        return np.concatenate(parts) if parts else held[:0]

    return next_rows


def _down(held: Floats, index: NDArray[np.intp], weight: NDArray[Any]) -> Floats:
    """Weigh rows (n, W, C) for each row of the result."""
    out = np.empty((len(index), *held.shape[1:]), np.float32)
    flat = held.reshape(len(held), -1)
    for row in range(len(index)):
        mixed = weight[row].astype(np.float32) @ flat[index[row]]
        out[row] = mixed.reshape(held.shape[1:])
    return out


def _across(rows: Floats, index: NDArray[np.intp], weight: NDArray[Any]) -> Floats:
    """Weigh the columns of rows (n, w, C)."""
    out = np.zeros((len(rows), len(index), rows.shape[2]), np.float32)
    for tap in range(index.shape[1]):
        out += weight[:, tap, None].astype(np.float32) * rows[:, index[:, tap]]
    return out
