"""How transparency is enlarged: beside the colours, and never where there was none."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[Any]
Progress = Callable[[int, int], None]
Bands = Callable[[Array, Progress], Iterator[Array]]
"""Enlarges (h, w, C) and yields the result's rows from the top."""


def with_alpha(
    colours: Array,
    alpha: Array,
    enlarge_colours: Bands,
    enlarge_alpha: Bands,
    on_progress: Progress,
) -> Iterator[Array]:
    """Yield the enlarged rows (n, W, C + 1) of a picture with transparency.

    Args:
        colours: (h, w, C), bled under what is transparent.
        alpha: (h, w).
        enlarge_colours: gives bands (n, W, C).
        enlarge_alpha: gives bands (n, W, 1), as high as those.
        on_progress: counts both; one colour everywhere takes no work.
    """
    if np.all(alpha == alpha[0, 0]):
        for band in enlarge_colours(colours, on_progress):
            opacity = np.full((*band.shape[:2], 1), alpha[0, 0], band.dtype)
            yield np.concatenate([band, opacity], axis=2)
        return
    show = half_each(on_progress)
    for pair in zip(
        enlarge_colours(colours, show),
        enlarge_alpha(alpha[:, :, None], show),
        strict=True,
    ):
        yield np.concatenate(pair, axis=2)


def half_each(on_progress: Progress) -> Progress:
    """Return what two, who do alike, report to: each does a half."""
    done = 0

    def count(_: int, total: int) -> None:
        nonlocal done
        done += 1
        on_progress(done, 2 * total)

    return count


def among_neighbours(low: Array, high: Array) -> Array:
    """Clip an enlarged plane to what the 3×3 low pixels around each place hold.

    So what is fully transparent or opaque stays so, up to the pixel before an edge,
    and no edge gets a halo.

    Args:
        low: (h, w, C).
        high: (scale·h, scale·w, C); changed in place.
    """
    height, width, channels = low.shape
    scale = high.shape[0] // height
    padded = np.pad(low, ((1, 1), (1, 1), (0, 0)), mode="edge")
    around = sliding_window_view(padded, (3, 3), axis=(0, 1))
    least, most = around.min(axis=(3, 4)), around.max(axis=(3, 4))
    blocks = high.reshape(height, scale, width, scale, channels)
    bounds = (bound[:, None, :, None] for bound in (least, most))
    np.clip(blocks, *bounds, out=blocks)
    return high
