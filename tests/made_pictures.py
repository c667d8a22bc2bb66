"""Pictures of every kind that a format can hold, made of noise or of waves."""

from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
from hypothesis import strategies as st

from sr_cli.picture import FORMATS, Format, Picture

CHANNELS = (1, 3, 4)
HERE = [row for row in FORMATS if row.module is None or find_spec(row.module)]
"""The formats that can be written with what is installed."""
NAMES = [row.name for row in HERE]


def kinds(row: Format) -> Iterator[tuple[int, bool, int]]:
    """Yield the channels, alpha and depth of what may be given to a format's writer."""
    for channels in CHANNELS:
        for alpha in (False, True):
            for depth in (8, 16):
                if channels == 4 and (alpha or not row.cmyk):
                    continue
                if depth <= row.depth:
                    yield channels, alpha, depth


def every_kind() -> list[tuple[str, int, bool, int]]:
    """Return the kinds of all formats, with the format's name."""
    return [(row.name, *kind) for row in HERE for kind in kinds(row)]


def waves(
    channels: int, alpha: bool, depth: int, size: tuple[int, int] = (44, 52)
) -> Picture:
    """Make a smooth picture, which lossy formats keep well."""
    y, x = np.mgrid[: size[0], : size[1]] / 9
    white = 2**depth - 1
    planes = [0.5 + 0.45 * np.sin(x + k * y / 2 + k) for k in range(channels + alpha)]
    samples = (np.stack(planes, axis=2) * white).astype(f"uint{depth}")
    return Picture(samples[:, :, :channels], samples[:, :, -1] if alpha else None)


def noise(channels: int, alpha: bool, depth: int, size: tuple[int, int]) -> Picture:
    """Make a picture in which no sample follows from another."""
    return _noise(np.random.default_rng(1), channels, alpha, depth, size)


def _noise(
    rng: np.random.Generator,
    channels: int,
    alpha: bool,
    depth: int,
    size: tuple[int, int],
) -> Picture:
    shape = (*size, channels + alpha)
    samples = rng.integers(0, 2**depth, shape, dtype=f"uint{depth}")
    return Picture(samples[:, :, :channels], samples[:, :, -1] if alpha else None)


@st.composite
def pictures(
    draw: st.DrawFn, row: Format, most: tuple[int, int] = (150, 30)
) -> Picture:
    """Draw a picture of any kind and size."""
    size = draw(st.integers(1, 150)), draw(st.integers(1, 30))
    kind = draw(st.sampled_from(list(kinds(row))))
    seed = draw(st.integers(0, 2**32 - 1))
    return _noise(np.random.default_rng(seed), *kind, size)


def rows_of(picture: Picture) -> np.ndarray:
    """Return (H, W, samples)."""
    if picture.alpha is None:
        return picture.pixels
    return np.dstack([picture.pixels, picture.alpha])


def on_white(picture: Picture) -> np.ndarray:
    """Return the pixels as they look on white paper."""
    if picture.alpha is None:
        return picture.pixels
    white = np.iinfo(picture.pixels.dtype).max
    share = picture.alpha[:, :, None] / white
    seen = np.rint(picture.pixels * share + white * (1 - share))
    return seen.astype(picture.pixels.dtype)
