"""What is done about a picture's colours: networks know sRGB.

Networks see edges, not primaries, so what is stored about as in sRGB is enlarged as it
is: gray, other RGB, and the inks of CMYK, three as a picture and black as another.  By
way of sRGB flat colours come out up to 8.3 levels off in Adobe RGB, 6.0 in Display P3
and 3.6 in ProPhoto (srresnet; mean 0.87, 0.61 and 0.45), and as stored up to 1.8, 2.2
and 2.7 (mean 0.38, 0.39 and 0.35); photographs are as good either way, within 0.2 dB.
And no profile finds the inks again that a printer chose.

Only RGB whose tones a network wouldn't recognise, such as linear light, is converted
for it and back again.  All of it is converted for good if that is wished, or if the
result can't say what its colours are.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sr_cli.picture.header import Header, Samples
from sr_cli.picture.levels import Floats, as_floats, as_levels
from sr_cli.picture.picture import Picture

if TYPE_CHECKING:
    from sr_cli.picture.conversion import Conversion

_NAMES = {1: "gray", 3: "RGB", 4: "CMYK"}
_BAND = 2**20  # pixels


@dataclass(frozen=True, slots=True)
class ColourPlan:
    """How a picture's colours get to the network, and what the result's are."""

    enter: Callable[[Samples], Floats] | None
    """Samples (n, W, C) ─▶ (n, W, 3), of gray (n, W, 1): sRGB, black 0 and white 1;
    colours outside it have values below 0 or above 1.  None: samples are right as
    they are."""

    leave: Callable[[Floats], Floats] | None
    """What became of those, (n, W, 3) ─▶ (n, W, channels) in [0, 1], in the result's
    colours.  None: values are right as they are, once clipped."""

    channels: int
    """Of the result: 1 for gray, 3 for RGB, 4 for CMYK."""

    icc: bytes | None
    """The result's profile."""

    notes: tuple[str, ...] = ()


def plan(header: Header, *, to_srgb: bool = False) -> ColourPlan:
    """Decide how a picture's colours are handled.

    A profile that is damaged, or for other channels, is kept and not used.  CMYK
    without one that can be used is converted by formula.

    Args:
        header: of the picture.
        to_srgb: leave the result in sRGB.  Gray and RGB without a profile, or in sRGB,
            are there already.
    """
    channels, profile = header.channels, header.icc
    as_stored = ColourPlan(None, None, channels, profile)
    if channels != 3 and not to_srgb:
        return as_stored
    conversion, note = _usable(profile, channels)
    if conversion is None:
        return _without_profile(header, note)
    if conversion.is_srgb or (conversion.has_known_tones and not to_srgb):
        return as_stored
    if to_srgb:
        return _for_good(channels, conversion)
    if conversion.leave is None:
        note = "The colour profile has no exact way back: colours were upscaled as "
        return replace(as_stored, notes=(note + "stored",))
    return ColourPlan(conversion.enter, conversion.leave, channels, profile)


def in_srgb(picture: Picture) -> Picture:
    """Return a picture in 8 bits, gray or RGB, in sRGB; itself if it is that already.

    Colours outside sRGB become the nearest inside it, channel by channel.  For
    training and measuring, where pictures must be alike.
    """
    colours = plan(picture.header, to_srgb=True)
    pixels, alpha = picture.pixels, picture.alpha
    if colours.enter is None and pixels.dtype == np.uint8:
        return picture
    rows = max(1, _BAND // picture.width)
    shape = (*pixels.shape[:2], colours.channels)
    result = np.empty(shape, np.uint8)
    for top in range(0, picture.height, rows):
        band = pixels[top : top + rows]
        values = as_floats(band) if colours.enter is None else colours.enter(band)
        result[top : top + rows] = as_levels(values, np.uint8)
    if alpha is not None and alpha.dtype != np.uint8:
        alpha = as_levels(as_floats(alpha), np.uint8)
    notes = picture.notes + colours.notes
    return replace(picture, pixels=result, alpha=alpha, icc=colours.icc, notes=notes)


def _usable(profile: bytes | None, channels: int) -> "tuple[Conversion | None, str]":
    """Find a profile's conversion, or say why there is none."""
    if profile is None:
        return None, "CMYK without a profile became RGB by formula"
    # Little CMS takes 30 ms to load, and most pictures come without a profile.
    from sr_cli.picture import icc
    from sr_cli.picture.conversion import conversion

    consequence = "RGB came by formula" if channels == 4 else "it was kept, not used"
    try:
        usable = icc.usable(profile, channels)
        if usable is None:
            name = _NAMES[channels]
            return None, f"The colour profile is not for {name}: {consequence}"
        return conversion(usable, channels), ""
    except icc.ProfileError:
        return None, f"The colour profile is damaged: {consequence}"


def _without_profile(header: Header, note: str) -> ColourPlan:
    if header.channels == 4:
        return ColourPlan(_by_formula, None, 3, None, (note,))
    notes = (note,) if header.icc is not None else ()
    return ColourPlan(None, None, header.channels, header.icc, notes)


def _for_good(channels: int, conversion: "Conversion") -> ColourPlan:
    """Plan for a result in sRGB."""
    from sr_cli.picture import icc

    enter = conversion.enter_for_good
    if channels == 1:  # sRGB's profile is for RGB
        note = "Gray was converted to sRGB's curve"
        return ColourPlan(enter, None, 1, None, (note,))
    name = "CMYK colours" if channels == 4 else "Colours"
    note = f"{name} were converted to sRGB"
    return ColourPlan(enter, None, 3, icc.srgb(), (note,))


def _by_formula(samples: Samples) -> Floats:
    paper = 1 - as_floats(samples)
    rgb: Floats = paper[..., :3] * paper[..., 3:]
    return rgb
