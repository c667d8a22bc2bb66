"""Results that give their input again when they are made smaller.

A network may invent whatever it likes, but not contradict its input: `faithful` adds
the smallest correction after which MATLAB's bicubic reduction (`sr_cli.degrade`) of
the result is the input.  With D the reduction along one axis, that is D⁺ = Dᵀ(DDᵀ)⁻¹
of the difference along both (Irani and Peleg, Improving resolution by image
registration, 1991, iterate towards the same).  With edges mirrored, D⁺ is one short
filter for every phase.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sr_cli.degrade import taps
from sr_cli.upscale import FloatRun

Floats = NDArray[np.float32]

_REACH = 12
"""Low pixels on either side that a correction spreads over: its weights fall to a
third from one to the next, and those left out are below 1e-5."""
_ROUNDS = 48
"""At most: clipping to black and white undoes a part of each correction."""
_ENOUGH = np.float32(0.4 / 255)
_STEP = np.float32(1.8)
"""Of later rounds, for what clipping undid.  To come within 0.4 levels, lenna, comic
and ppt3 (text) of Set14 take 5, 11 and 84 rounds, and 7, 19 and 152 with steps of 1."""


@lru_cache
def _spreading(scale: int) -> Floats:
    """The weights of D⁺, (scale, 2·_REACH + 1), for each phase of a low pixel."""
    size = 6 * _REACH + 1  # so that the middle knows nothing of the edges
    index, weight = taps(size * scale, size, "bicubic")
    reduction = np.zeros((size, size * scale))
    np.add.at(reduction, (np.arange(size)[:, None], index), weight)
    inverse = np.linalg.pinv(reduction)
    middle = size // 2
    rows = inverse[middle * scale : (middle + 1) * scale]
    return rows[:, middle - _REACH : middle + _REACH + 1].astype(np.float32)


def _spread(error: Floats, scale: int) -> Floats:
    """Enlarge (h, …) along its first axis by D⁺."""
    weights = _spreading(scale)
    pad = [(_REACH, _REACH)] + [(0, 0)] * (error.ndim - 1)
    padded = np.pad(error, pad, mode="symmetric")
    high = np.zeros((len(error), scale, *error.shape[1:]), np.float32)
    for tap in range(weights.shape[1]):
        rows = padded[tap : tap + len(error)]
        for phase in range(scale):
            high[:, phase] += weights[phase, tap] * rows
    return high.reshape(-1, *error.shape[1:])


def _reduced(high: Floats, size: int) -> Floats:
    """Reduce (H, …) along its first axis to `size`."""
    index, weight = taps(len(high), size, "bicubic")
    low = np.zeros((size, *high.shape[1:]), np.float32)
    for tap in range(index.shape[1]):
        share = weight[:, tap].astype(np.float32).reshape(-1, *[1] * (high.ndim - 1))
        low += share * high[index[:, tap]]
    return low


def _turned(plane: Floats) -> Floats:
    return np.ascontiguousarray(plane.swapaxes(0, 1))


def unseen(high: Floats, height: int, width: int) -> Floats:
    """Return the part of (H, W) that vanishes when it is reduced to (height, width)."""
    scale = len(high) // height
    low = _turned(_reduced(_turned(_reduced(high, height)), width))
    return high - _turned(_spread(_turned(_spread(low, scale)), scale))


def faithful(run: FloatRun) -> FloatRun:
    """Return what runs (h, w, 3) and makes the result agree with it.

    Where black or white leave no room for that, it comes as near as it can.
    """

    def agree(low: Floats) -> Floats:
        high = run(low)
        height, width, _ = low.shape
        scale = high.shape[0] // height
        # Colours outside sRGB have a right to be there.
        least, most = min(0.0, float(low.min())), max(1.0, float(low.max()))
        np.clip(high, least, most, out=high)
        for number in range(_ROUNDS):
            small = _turned(_reduced(_turned(_reduced(high, height)), width))
            # What is clipped in the end may be exceeded.
            error = low - np.clip(small, least, most)
            if number and np.abs(error).max() <= _ENOUGH:
                break
            step = _STEP if number else np.float32(1)
            tall = _spread(step * error, scale)
            high += _turned(_spread(_turned(tall), scale))
            np.clip(high, least, most, out=high)
        return high

    return agree
