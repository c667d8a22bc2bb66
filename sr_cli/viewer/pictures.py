"""Pixels ─▶ data: URIs."""

from base64 import b64encode
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sr_cli.cpu import usable_cores
from sr_cli.picture import Picture, encode

_WEBP_SIDE = 16_383
_LOSSLESS = 100
_GOOD = 92
"""A WebP quality whose errors don't show at 1:1."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Stored:
    """One picture, as a page holds it."""

    uri: str
    lossy: bool = False


def stored(
    pictures: Sequence[Pixels], budget: int, spared: Collection[int] = ()
) -> list[Stored]:
    """Encode pictures (H, W, 1 or 3).

    All are lossless while they stay within `budget` characters together; else the
    largest are not, as few as it takes, and those at the places `spared` last.

    Raises:
        PictureError: the encoder failed.
    """
    with ThreadPoolExecutor(usable_cores()) as pool:
        made = [Stored(uri) for uri in pool.map(_uri, pictures)]
    total = sum(len(one.uri) for one in made)
    order = sorted(range(len(made)), key=lambda n: (n in spared, -len(made[n].uri)))
    for number in order:
        if total <= budget:
            break
        smaller = _uri(pictures[number], _GOOD)
        saved = len(made[number].uri) - len(smaller)
        if saved > 0:
            made[number] = Stored(smaller, lossy=True)
            total -= saved
    return made


def _uri(pixels: Pixels, quality: int = _LOSSLESS) -> str:
    """Encode as WebP, or as PNG where a side is too long for that."""
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    kind = "webp" if max(pixels.shape[:2]) <= _WEBP_SIDE else "png"
    data = encode(Picture(np.ascontiguousarray(pixels)), kind, quality)
    return f"data:image/{kind};base64,{b64encode(data).decode()}"
