"""Training photos, decoded once into memory, and random crops of them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sr_cli import picture
from sr_cli.degrade import crop_to_multiple, downscale
from sr_cli.errors import DataError, PictureError

Pixels = NDArray[np.uint8]

SUFFIXES = frozenset(suffix for row in picture.FORMATS for suffix in row.suffixes)
SCALE = 4
_CELL = 8  # crops start on a grid of this many low-resolution pixels, plus a jitter
_FLOOR = 4.0  # added to a crop's mean gradient, which is 5 to 40 in photos


@dataclass(frozen=True, slots=True)
class Pair:
    """One photo: `high` (4h, 4w, 3) and `low` (h, w, 3)."""

    high: Pixels
    low: Pixels


def picture_files(folder: Path) -> list[Path]:
    """List the pictures in `folder` and its subfolders, sorted.

    Raises:
        DataError: there is no such folder, or it holds no picture.
    """
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}", "Name a folder of photos")
    files = sorted(
        path
        for path in folder.rglob("*")
        # Not hidden ones, such as macOS's ._photo.png.
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )
    if not files:
        raise DataError(
            f"The folder {folder} holds no pictures",
            f"Put photos there ({', '.join(sorted(SUFFIXES))})",
        )
    return files


def _load(path: Path) -> Pair:
    pixels = crop_to_multiple(picture.read(path).pixels, SCALE)
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    low = downscale(pixels, SCALE) if pixels.size else pixels
    return Pair(pixels, low)


def load_photos(
    files: Sequence[Path], on_photo: Callable[[int, int], None] = lambda *_: None
) -> list[Pair]:
    """Decode and downscale every photo; `on_photo(done, total)` is told of each.

    Raises:
        DataError: a photo can't be read.
    """
    pairs = []
    with ThreadPoolExecutor() as pool:
        try:
            for pair in pool.map(_load, files):
                pairs.append(pair)
                on_photo(len(pairs), len(files))
        except PictureError as error:
            raise DataError(error.message, error.hint) from error
        finally:
            pool.shutdown(cancel_futures=True)
    return pairs


def _texture(low: Pixels, size: int) -> NDArray[np.float64]:
    """Mean absolute gradient of every crop of `size` on the grid of cells."""
    gray = low.astype(np.float64).mean(axis=2)
    gradient = np.zeros_like(gray)
    gradient[:, 1:] += np.abs(np.diff(gray, axis=1))
    gradient[1:] += np.abs(np.diff(gray, axis=0))
    total = np.pad(gradient.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    window = total[size:, size:] - total[:-size, size:]
    window += total[:-size, :-size] - total[size:, :-size]
    mean: NDArray[np.float64] = window[::_CELL, ::_CELL] / size**2
    return mean


class Crops:
    """Random aligned crops, textured places more often than flat ones.

    A crop's chance grows with the mean gradient in it: flat sky teaches nothing.
    The floor keeps smooth gradients in the mix.  Batch `step` depends only on the
    seed and `step`, so a resumed run sees what an uninterrupted one would.
    """

    def __init__(self, pairs: Sequence[Pair], crop: int, batch: int, seed: int) -> None:
        self._size = crop // SCALE
        self._pairs = [p for p in pairs if min(p.low.shape[:2]) >= self._size]
        if not self._pairs:
            raise DataError(
                f"No photo is as large as the {crop}×{crop} pixels of a crop",
                "Use larger photos, or a smaller --crop",
            )
        self._batch, self._seed = batch, seed
        places, weights = [], []
        for number, pair in enumerate(self._pairs):
            texture = _texture(pair.low, self._size)
            rows, columns = np.indices(texture.shape)
            place = [np.full(texture.size, number), rows.ravel(), columns.ravel()]
            places.append(np.stack(place, axis=1))
            weights.append(texture.ravel() + _FLOOR)
        self._places = np.concatenate(places)
        self._chance = np.concatenate(weights).cumsum()

    @property
    def photos(self) -> int:
        """How many photos are large enough to be used."""
        return len(self._pairs)

    def batch(self, step: int) -> tuple[Pixels, Pixels]:
        """Return `low` (N, c/4, c/4, 3) and `high` (N, c, c, 3) of update `step`."""
        random = np.random.default_rng([self._seed, step])
        drawn = random.random(self._batch) * self._chance[-1]
        picked = self._places[np.searchsorted(self._chance, drawn, side="right")]
        lows, highs = [], []
        for number, row, column in picked:
            pair, size = self._pairs[number], self._size
            height, width = pair.low.shape[:2]
            jitter = random.integers(_CELL, size=2)
            y = min(row * _CELL + jitter[0], height - size)
            x = min(column * _CELL + jitter[1], width - size)
            low = pair.low[y : y + size, x : x + size]
            y, x, size = y * SCALE, x * SCALE, size * SCALE
            high = pair.high[y : y + size, x : x + size]
            turns, flip = int(random.integers(4)), random.integers(2)
            low, high = np.rot90(low, turns), np.rot90(high, turns)
            lows.append(low[:, ::-1] if flip else low)
            highs.append(high[:, ::-1] if flip else high)
        return np.stack(lows), np.stack(highs)
