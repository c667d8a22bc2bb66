"""ICC profiles ─▶ linear light of sRGB's primaries, by Little CMS.

imagecodecs (BSD licence, one keeper since 2018, wheels for the usual systems, 26 MB,
of which Little CMS is 0.5) is the one package that lets it compute in floats, which
alone leave colours outside sRGB as they are.  Pillow's ImageCms has 8 bits and clips.
It reads all kinds of profiles and has been fuzzed for years, so it may be given
damaged ones: they raise `ProfileError`.

A call opens its profiles anew (2 ms for a printer's) and shares nothing with others,
so any thread may call.  One thread converts about 2 megapixels a second.
"""

import os
import re
import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import imagecodecs
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_NAMES = {1: "gray", 3: "rgb", 4: "cmyk"}
_SIGNATURES = {1: b"GRAY", 3: b"RGB ", 4: b"CMYK"}
_STEPS = re.compile(rb"[DB]2[DB][0-3]")
_SHARE = 2**15  # pixels worth a thread: 15 ms of work
_MAX_THREADS = 16


class ProfileError(Exception):
    """A profile is damaged or lacks what is asked of it."""


@dataclass(frozen=True, slots=True)
class _Space:
    name: str
    profile: bytes


def usable(icc: bytes, channels: int) -> bytes | None:
    """Return a profile for the functions below; None if it is for other channels.

    Its tables of floating-point steps are hidden, of which a hostile file may ask for
    any number: a profile that has them has simpler tables for the same.

    Args:
        icc: as found in a file.
        channels: 1 for gray, 3 for RGB, 4 for CMYK.

    Raises:
        ProfileError: it is no profile.
    """
    try:
        imagecodecs.cms_profile_validate(icc)
    except imagecodecs.CmsError as error:
        raise ProfileError from error
    if icc[16:20] != _SIGNATURES[channels]:
        return None
    shown = bytearray(icc)
    (count,) = struct.unpack_from(">I", icc, 128)
    for place in range(132, min(132 + 12 * count, len(icc) - 4), 12):
        if _STEPS.match(icc, place):
            shown[place] |= 0x20  # lower case: a name that means nothing
    return bytes(shown)


def to_light(icc: bytes, colours: Floats, *, black_to_black: bool = False) -> Floats:
    """Return the light (n, 3) of a profile's colours (n, C) in [0, 1].

    Relative colorimetric: the profile's white is 1 everywhere.  Colours outside sRGB
    are below 0 or above 1 somewhere.

    Args:
        icc: a profile for C channels, from `usable`.
        colours: for CMYK, 0 is no ink.
        black_to_black: darken everything until the profile's black is 0.

    Raises:
        ProfileError: the profile is damaged.
    """
    flags = imagecodecs.CMS.FLAGS.BLACKPOINTCOMPENSATION if black_to_black else 0
    space = _Space(_NAMES[colours.shape[1]], icc)
    if space.name == "cmyk":
        colours = colours * np.float32(100)  # per cent, as Little CMS has it
    return _transformed(colours, space, _light(), flags)


@cache
def srgb() -> bytes:
    """The profile of sRGB, the same bytes each time."""
    made = imagecodecs.cms_profile("srgb")
    # Bytes 24 to 35 say when it was made: now.
    return made[:24] + struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + made[36:]


@cache
def _light() -> _Space:
    """Make the space of sRGB's colours without its curve."""
    white, primaries = (0.3127, 0.3290), (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
    profile = imagecodecs.cms_profile(
        "rgb", whitepoint=white, primaries=primaries, gamma=1.0
    )
    return _Space("rgb", profile)


def _transformed(values: Floats, source: _Space, target: _Space, flags: int) -> Floats:
    def one(part: Floats) -> Floats:
        result = imagecodecs.cms_transform(
            part[:, 0][None] if source.name == "gray" else part[None],
            source.profile,
            target.profile,
            colorspace=source.name,
            outcolorspace=target.name,
            intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
            flags=flags,
        )
        first: Floats = result[0]
        return first

    threads = min(os.cpu_count() or 1, _MAX_THREADS, -(-len(values) // _SHARE))
    try:
        if threads <= 1:
            return one(values)
        with ThreadPoolExecutor(threads) as pool:
            parts = np.array_split(values, threads)
            return np.concatenate(list(pool.map(one, parts)))
    except imagecodecs.CmsError as error:
        raise ProfileError from error
