"""Between the colours of a profile and sRGB, there and back.

Colours outside sRGB are not clipped: they have values below 0 or above 1, so the way
back finds them again.  It is offered only where it is exact:

- RGB with three curves and a matrix (`matrix_profile`) comes back.
- RGB and CMYK with tables (`icc`) are turned around by the profile's own tables,
  corrected once by what those miss.  RGB must come back within half a level all over,
  which near black such tables hardly ever do.
- CMYK must come back as the same colour.  As many inks may give one, those that come
  back are the profile's choice.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
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
    if channels == 3 and (matrix := measured(profile)) is not None:
        made = _by_matrix(matrix)
    else:
        for_good = _entering(profile, black_to_black=True)
        for_good(grid[:, :1])
        made = Conversion(enter, for_good, _leaving(profile, channels))
    made = replace(made, has_known_tones=channels == 3 and _has_known_tones(enter))
    return made if _comes_back(made, grid) else replace(made, leave=None)


def _has_known_tones(enter: Enter) -> bool:
    grays = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    return bool(np.abs(enter(grays) - as_floats(grays)).max() <= _TONES)


def _by_matrix(matrix: MatrixProfile) -> Conversion:
    def enter(samples: Samples) -> Floats:
        return srgb.encoded(matrix.to_light(samples))

    def leave(values: Floats) -> Floats:
        return matrix.from_light(srgb.decoded(values))

    return Conversion(enter, enter, leave)


def _comes_back(made: Conversion, grid: Samples) -> bool:
    """Tell whether `leave` undoes `enter` on a grid of colours."""
    enter, leave = made.enter, made.leave
    assert leave is not None
    known, found = as_floats(grid), enter(grid)
    try:
        back = leave(found)
    except ProfileError:  # there is no table for that
        return False
    if grid.shape[2] == 3:
        return bool(np.abs(back - known).max() <= 0.5 * _LEVEL)
    # More than 300 % of ink come back as less and a shade lighter, so this is a mean.
    again = enter(np.rint(back * 65_535).astype(np.uint16))
    return bool(np.abs(again - found).mean() <= 4 * _LEVEL)


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


def _leaving(profile: bytes, channels: int) -> Leave:
    """Return what undoes `_entering`."""

    def leave(values: Floats) -> Floats:
        light = srgb.decoded(values).reshape(-1, 3)
        near = icc.from_light(profile, light, channels)
        again = icc.from_light(profile, icc.to_light(profile, near), channels)
        # A printer's tables miss by 0.6 (median, in Lab), and after this by 0.05.
        near += near - again
        np.clip(near, 0.0, 1.0, out=near)
        return near.reshape(*values.shape[:2], channels)

    return leave


def _entering_gray(profile: bytes) -> Enter:
    levels = np.linspace(0.0, 1.0, 2**16, dtype=np.float32)
    light = icc.to_light(profile, levels[:, None]).mean(axis=1)
    curve = np.nan_to_num(srgb.encoded(light))

    def enter(samples: Samples) -> Floats:
        return curve[:: 257 if samples.dtype == np.uint8 else 1][samples]

    return enter
