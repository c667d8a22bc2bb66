"""Colours for the pixels that nobody sees."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr_cli.picture.header import Samples

_Floats = NDArray[np.float32]


def bleed(pixels: Samples, alpha: Samples) -> Samples:
    """Spread the colours of visible pixels under fully transparent ones.

    Most programs leave black or white there.  Upscaling mixes neighbours, so it
    would draw that as a fringe around everything cut out.  This is push-pull
    (Gortler et al., The Lumigraph, 1996, section 3.4): average over ever larger
    neighbourhoods until each has something visible, then fill from coarse to fine.

    Args:
        pixels: (H, W, C) of 8 or 16 bits.
        alpha: (H, W) of the same type.

    Returns:
        (H, W, C): as `pixels` wherever alpha is above 0.
    """
    hidden = alpha == 0
    if not hidden.any() or hidden.all():
        return pixels
    height, width = alpha.shape
    opacity = alpha[:, :, None]
    # The first level is done 2×2 by 2×2, and of 8 bits in integers: it costs most,
    # matters least.
    products = np.uint16 if pixels.dtype == np.uint8 else np.float64
    total = _sum_squares(np.multiply(pixels, opacity, dtype=products))
    weight = _sum_squares(opacity)
    level = np.concatenate([total, weight], axis=2).transpose(2, 0, 1)
    spread = _fill(level.astype(np.float32, order="C"))
    colors = np.rint(spread).astype(pixels.dtype)
    blocks = colors.transpose(1, 2, 0).repeat(2, axis=0).repeat(2, axis=1)
    filled: Samples = np.where(hidden[:, :, None], blocks[:height, :width], pixels)
    return filled


def _sum_squares(plane: NDArray[Any]) -> NDArray[Any]:
    """Add up 2×2 places of (H, W, C), with zeros beyond an odd end."""
    total = np.float64 if plane.dtype == np.float64 else np.uint32
    height, width, _ = plane.shape
    padded = np.pad(plane, ((0, height % 2), (0, width % 2), (0, 0)))
    rows = np.add(padded[0::2], padded[1::2], dtype=total)
    sums: NDArray[Any] = rows[:, 0::2] + rows[:, 1::2]
    return sums


def _fill(level: _Floats) -> _Floats:
    """Return the colour (C, H, W) at every place of a level.

    Args:
        level: (C + 1, H, W): sums of weighted colours and, last, of the weights,
            which are above 0 somewhere.
    """
    weight = level[-1]
    seen = weight > 0
    mean = np.zeros_like(level[:-1])
    np.divide(level[:-1], weight, out=mean, where=seen)
    if not seen.all():
        coarse = _double(_fill(_halve(level)), *weight.shape)
        np.copyto(mean, coarse, where=~seen)
    return mean


def _halve(planes: _Floats) -> _Floats:
    """Shrink (C, H, W) to half, rounded up, each place taking from 4×4."""
    # The kernel 1 3 3 1 reaches beyond the pair, so that a neighbour across the
    # border between two pairs counts as a neighbour.
    _, height, width = planes.shape
    padded = np.pad(planes, ((0, 0), (1, 1 + height % 2), (1, 1 + width % 2)))
    rows = padded[:, 1:-2:2] + padded[:, 2:-1:2]
    rows *= 3
    rows += padded[:, :-3:2]
    rows += padded[:, 3::2]
    columns = rows[:, :, 1:-2:2] + rows[:, :, 2:-1:2]
    columns *= 3
    columns += rows[:, :, :-3:2]
    columns += rows[:, :, 3::2]
    # Only the ratio of colour to weight counts; this keeps both in range.
    columns /= 64
    return columns


def _double(planes: _Floats, height: int, width: int) -> _Floats:
    """Enlarge (C, h, w) to (C, height, width), linearly."""
    tall = _blend(planes.swapaxes(1, 2))[:, :, :height].swapaxes(1, 2)
    return _blend(tall)[:, :, :width]


def _blend(planes: _Floats) -> _Floats:
    """Double the last axis."""
    padded = np.pad(planes, ((0, 0), (0, 0), (1, 1)), mode="edge")
    near = 3 * planes
    doubled = np.empty((*planes.shape[:2], 2 * planes.shape[2]), np.float32)
    np.add(near, padded[:, :, :-2], out=doubled[:, :, 0::2])
    np.add(near, padded[:, :, 2:], out=doubled[:, :, 1::2])
    doubled /= 4
    return doubled
