"""Between the colours of a profile and sRGB, there and, for RGB, back.

Colours outside sRGB are not clipped: they have values below 0 or above 1, so the way
back finds them again.  It is offered only where it is exact, which is where a profile
has three curves and a matrix (`matrix_profile`) and no flat steps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sr_cli.picture import icc, srgb
from sr_cli.picture.header import Samples
from sr_cli.picture.icc import ProfileError
from sr_cli.picture.levels import Floats, as_floats
from sr_cli.picture.matrix_profile import MatrixProfile, measured

Enter = Callable[[Samples], Floats]
Leave = Callable[[Floats], Floats]

_LEVEL = 1 / 255
_TONES = 0.1
"""How far gray may be from sRGB's: a gamma of 1.8 is by 0.08, linear light by 0.29."""
_REMEMBERED = 8  # profiles; those of a folder of pictures are few
_BOUND = 2.0
"""Beyond any colour there is: ProPhoto, with colours nobody sees, has -1.01 to 1.36."""


@dataclass(frozen=True, slots=True, eq=False)
class Conversion:
    """What leads from a profile's colours to sRGB and back."""

    enter: Enter
    """Samples (n, W, C) ─▶ (n, W, 3), of gray (n, W, 1)."""
    enter_for_good: Enter
    """As `enter`, but a printer's black becomes sRGB's."""
    leave: Leave | None = None
    """None if no exact way leads back."""
    is_srgb: bool = False
    """Whether nothing changes, but for rounding."""
    has_known_tones: bool = False
    """Whether gray is stored about as in sRGB, which holds for gammas of 1.7 to 3."""


@lru_cache(_REMEMBERED)
def conversion(profile: bytes, channels: int) -> Conversion:
    """Make the conversion of a profile from `icc.usable`, and try it.

    Args:
        profile: of as many channels.
        channels: 1 for gray, 3 for RGB, 4 for CMYK.

    Raises:
        ProfileError: the profile is damaged.
    """
    grid = _grid(channels)
    known = as_floats(grid)
    enter = _entering_gray(profile) if channels == 1 else _entering(profile)
    found = enter(grid)
    if np.abs(found).max() >= _BOUND:
        raise ProfileError
    if channels < 4 and np.abs(found - known).max() < _LEVEL:
        return Conversion(enter, enter, is_srgb=True)
    if channels == 1:
        return Conversion(enter, enter)
    if channels == 4:
        for_good = _entering(profile, black_to_black=True)
        for_good(grid[:, :1])
        return Conversion(enter, for_good)
    known_tones = _has_known_tones(enter)
    matrix = measured(profile)
    if matrix is None:
        return Conversion(enter, enter, has_known_tones=known_tones)
    enter, leave = _by_matrix(matrix)
    comes_back = np.abs(leave(enter(grid)) - known).max() <= 0.5 * _LEVEL
    return Conversion(enter, enter, leave if comes_back else None, False, known_tones)


def _has_known_tones(enter: Enter) -> bool:
    grays = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    return bool(np.abs(enter(grays) - as_floats(grays)).max() <= _TONES)


def _by_matrix(matrix: MatrixProfile) -> tuple[Enter, Leave]:
    def enter(samples: Samples) -> Floats:
        return srgb.encoded(matrix.to_light(samples))

    def leave(values: Floats) -> Floats:
        return matrix.from_light(srgb.decoded(values))

    return enter, leave


def _grid(channels: int) -> Samples:
    """Return 16-bit samples (1, n, channels): a grid, and for RGB many grays."""
    points = {1: 1024, 3: 33, 4: 9}[channels]
    axis = np.linspace(0, 65_535, points).astype(np.uint16)
    axes = np.meshgrid(*[axis] * channels, indexing="ij")
    grid = np.stack(axes, axis=-1).reshape(-1, channels)
    if channels == 3:  # curves have steps that fall between the grid's
        grays = np.arange(0, 65_536, 13, dtype=np.uint16)
        grid = np.concatenate([grid, np.stack([grays] * 3, axis=-1)])
    return grid[None]


def _entering(profile: bytes, *, black_to_black: bool = False) -> Enter:
    """Return what makes samples of a profile with tables sRGB."""

    def enter(samples: Samples) -> Floats:
        flat = as_floats(samples).reshape(-1, samples.shape[2])
        light = icc.to_light(profile, flat, black_to_black=black_to_black)
        values = srgb.encoded(light).reshape(*samples.shape[:2], 3)
        # Between the colours that were tried, a damaged profile may hold anything.
        np.nan_to_num(values, copy=False)
        return np.clip(values, -_BOUND, _BOUND, out=values)

    return enter


def _entering_gray(profile: bytes) -> Enter:
    levels = np.linspace(0.0, 1.0, 2**16, dtype=np.float32)
    light = icc.to_light(profile, levels[:, None]).mean(axis=1)
    curve = np.nan_to_num(srgb.encoded(light))

    def enter(samples: Samples) -> Floats:
        return curve[:: 257 if samples.dtype == np.uint8 else 1][samples]

    return enter
