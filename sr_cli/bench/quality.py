"""PSNR and SSIM of upscaled pictures against their originals.

An original is cut at the bottom and right until the scale divides its sides, made
smaller as the literature does it (`sr_cli.degrade`), upscaled by the code that users
run, and compared on luma with a border of `scale` pixels left out.  A gray original
stays gray all the way.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sr_cli import metrics, picture
from sr_cli.bench.rivals import DEFAULT_SCALE, Rival
from sr_cli.degrade import crop_to_multiple, downscale
from sr_cli.errors import DataError
from sr_cli.picture import Picture
from sr_cli.upscale import Upscaler

_SSIM_WINDOW = 11


@dataclass(frozen=True, slots=True, eq=False)
class BenchPair:
    """An original and the small picture that a model is given."""

    file: str
    high: NDArray[np.uint8]
    """(scale·h, scale·w, C), C = 1 for gray."""
    low: Picture
    """(h, w, C)."""


@dataclass(frozen=True, slots=True)
class Scores:
    """How near one result comes to its original, or the mean over a set."""

    psnr_y: float
    """In dB; a gray picture is compared as it is, as MATLAB code does."""
    ssim_y: float
    psnr_y_gray_as_rgb: float
    """As loaders have it that make every picture RGB: more, where one is gray."""
    ssim_y_gray_as_rgb: float


@dataclass(frozen=True, slots=True)
class ImageScore:
    """One result of one rival."""

    rival: str
    file: str
    height: int
    width: int
    gray: bool
    scores: Scores
    seconds: float
    """For upscaling, the scoring not counted."""


def load_pair(path: Path, scale: int = DEFAULT_SCALE) -> BenchPair:
    """Read an original and make its small picture.

    Transparency is left out: a viewer's background would count otherwise.

    Raises:
        PictureError: it can't be read.
        DataError: it is too small to measure anything on.
    """
    high = crop_to_multiple(picture.in_srgb(picture.read(path)).pixels, scale)
    if min(high.shape[:2]) < 2 * scale + _SSIM_WINDOW:
        raise DataError(
            f"{path} is too small to measure on",
            f"Leave out pictures below {3 * scale + _SSIM_WINDOW} pixels",
        )
    return BenchPair(path.name, high, Picture(downscale(high, scale)))


def load_pairs(
    files: Sequence[Path],
    scale: int = DEFAULT_SCALE,
    on_picture: Callable[[int, int], None] = lambda *_: None,
) -> list[BenchPair]:
    """Load every pair, to measure on them often; `on_picture(done, total)` is told.

    Raises:
        PictureError, DataError: as `load_pair`.
    """
    pairs = []
    for path in files:
        pairs.append(load_pair(path, scale))
        on_picture(len(pairs), len(files))
    return pairs


def _plane(
    pixels: NDArray[np.uint8], border: int, *, gray_as_gray: bool = True
) -> metrics.Floats:
    return metrics.shave(metrics.comparable(pixels, gray_as_gray=gray_as_gray), border)


def mean_psnr(
    pairs: Sequence[BenchPair],
    upscaler: Upscaler,
    on_result: Callable[[int, NDArray[np.uint8]], None] = lambda *_: None,
) -> float:
    """Return the mean PSNR in dB, gray as gray, over `pairs` of the same scale.

    `on_result(number, pixels)` is shown what each pair, from 0, became.
    """
    found = []
    for number, pair in enumerate(pairs):
        result = upscaler.upscale(pair.low).pixels
        on_result(number, result)
        planes = (_plane(pixels, upscaler.scale) for pixels in (pair.high, result))
        found.append(metrics.psnr(*planes))
    return float(np.mean(found))


def compare(high: NDArray[np.uint8], result: NDArray[np.uint8], border: int) -> Scores:
    """Score `result` against its original `high`, both (H, W, C), C the same."""
    truth, other = _plane(high, border), _plane(result, border)
    psnr, ssim = metrics.psnr(truth, other), metrics.ssim(truth, other)
    if high.shape[2] == 3:
        return Scores(psnr, ssim, psnr, ssim)
    truth = _plane(high, border, gray_as_gray=False)
    other = _plane(result, border, gray_as_gray=False)
    rgb = metrics.psnr(truth, other), metrics.ssim(truth, other)
    return Scores(psnr, ssim, *rgb)


def measure(
    files: Sequence[Path], rivals: Sequence[Rival], scale: int = DEFAULT_SCALE
) -> Iterator[ImageScore]:
    """Score every rival on every file, file by file.

    Each original is read and made small once, and only one is held at a time.

    Raises:
        SrupError: whatever reading and upscaling raise.
    """
    for path in files:
        pair = load_pair(path, scale)
        height, width, channels = pair.high.shape
        for rival in rivals:
            began = time.perf_counter()
            result = rival.upscale(pair.low).pixels
            seconds = time.perf_counter() - began
            scores = compare(pair.high, result, border=scale)
            gray = channels == 1
            yield ImageScore(rival.id, pair.file, height, width, gray, scores, seconds)


def mean_scores(images: Sequence[ImageScore]) -> Scores:
    """Return the mean of the pictures' figures, as the literature has it."""
    means = np.mean([astuple(image.scores) for image in images], axis=0)
    return Scores(*means.tolist())
