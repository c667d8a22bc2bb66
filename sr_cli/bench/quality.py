"""PSNR, SSIM and other figures of upscaled pictures against their originals.

An original is cut at the bottom and right until the scale divides its sides, made
smaller as the literature does it, unless told otherwise, upscaled by the code that
users run, and compared with a border left out, as `Protocol` says.  A gray original
stays gray all the way.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sr_cli import metrics, picture
from sr_cli.bench.perceptual import NotComputedError, PerceptualName, open_metric
from sr_cli.bench.protocol import PERCEPTUAL, STANDARD, Protocol, Reduction
from sr_cli.bench.reduction import reduce
from sr_cli.bench.rivals import DEFAULT_SCALE, RanOn, Rival
from sr_cli.degrade import crop_to_multiple
from sr_cli.errors import DataError
from sr_cli.picture import Picture
from sr_cli.upscale import Upscaler
from sr_cli.weights import file_sha256

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
    more: Mapping[str, float] = field(default_factory=dict)
    """What else the protocol asks for, by its key in `sr_cli.bench.protocol`."""


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
    ran_on: RanOn | None = None
    """None for interpolation."""
    sha256: str = ""
    """Of the original's file."""
    not_computed: Mapping[str, str] = field(default_factory=dict)
    """Which figures are missing, and why."""


def load_pair(
    path: Path,
    scale: int = DEFAULT_SCALE,
    border: int | None = None,
    reduction: Reduction = "matlab",
) -> BenchPair:
    """Read an original and make its small picture.

    What is left within `border`, the scale if None, must have room for the window of
    the SSIM.  Transparency is left out: a viewer's background would count otherwise.

    Raises:
        PictureError: it can't be read.
        DataError: it is too small to measure anything on.
    """
    high = crop_to_multiple(picture.in_srgb(picture.read(path)).pixels, scale)
    least = 2 * (scale if border is None else border) + _SSIM_WINDOW
    if min(high.shape[:2]) < least:
        raise DataError(
            f"{path} is too small to measure on",
            f"Leave out pictures below {least + scale} pixels",
        )
    return BenchPair(path.name, high, Picture(reduce(high, scale, reduction)))


def made_by(rival: Rival, pair: BenchPair) -> Picture:
    """Return what `rival` makes of the small picture, or the original itself.

    Raises:
        SrupError: whatever upscaling raises.
    """
    return Picture(pair.high) if rival.upscale is None else rival.upscale(pair.low)


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


def _gray_rule_scores(
    high: NDArray[np.uint8], result: NDArray[np.uint8], border: int
) -> Scores:
    truth, other = _plane(high, border), _plane(result, border)
    psnr, ssim = metrics.psnr(truth, other), metrics.ssim(truth, other)
    if high.shape[2] == 3:
        return Scores(psnr, ssim, psnr, ssim)
    truth = _plane(high, border, gray_as_gray=False)
    other = _plane(result, border, gray_as_gray=False)
    rgb = metrics.psnr(truth, other), metrics.ssim(truth, other)
    return Scores(psnr, ssim, *rgb)


def compare(
    high: NDArray[np.uint8],
    result: NDArray[np.uint8],
    border: int,
    protocol: Protocol = STANDARD,
) -> Scores:
    """Score `result` against its original `high`, both (H, W, C), C the same.

    What `protocol` asks of other libraries is left out: see `perceive`.
    """
    more = {}
    if "rgb" in protocol.channels:
        inner = (
            slice(border, high.shape[0] - border),
            slice(border, high.shape[1] - border),
        )
        truth, other = (pixels[inner].astype(np.float64) for pixels in (high, result))
        more["psnr_rgb"] = metrics.psnr(truth, other)
        more["ssim_rgb"] = metrics.ssim_rgb(truth, other)
    if "daala" in protocol.metrics:
        rule = protocol.gray_as_gray
        planes = (_plane(p, border, gray_as_gray=rule) for p in (high, result))
        more["ssim_daala"] = metrics.daala_ssim(*planes)
    return replace(_gray_rule_scores(high, result, border), more=more)


def perceive(
    high: NDArray[np.uint8],
    result: NDArray[np.uint8],
    border: int,
    names: Sequence[PerceptualName],
    *,
    offline: bool = False,
) -> tuple[dict[str, float], dict[str, str]]:
    """Return the figures `names` of other libraries, and why others are missing."""
    found: dict[str, float] = {}
    missing: dict[str, str] = {}
    rows, columns = (slice(border, side - border) for side in high.shape[:2])
    for name in names:
        try:
            metric = open_metric(name, offline=offline)
            found[name] = metric(high[rows, columns], result[rows, columns])
        except NotComputedError as error:
            missing[name] = str(error)
    return found, missing


@dataclass(frozen=True, slots=True)
class Known:
    """Results of earlier runs, by the sha256 of an original's file."""

    find: Callable[[str, Rival], ImageScore | None] = lambda *_: None
    keep: Callable[[ImageScore, Rival], None] = lambda *_: None
    find_pixels: Callable[[str, Rival], NDArray[np.uint8] | None] = lambda *_: None
    """Upscaled, (H, W, C), C = 1 for gray."""
    keep_pixels: Callable[[str, Rival, NDArray[np.uint8]], None] = lambda *_: None


@dataclass(frozen=True, slots=True, eq=False)
class Upscaled:
    """One result, before it is forgotten."""

    pair: BenchPair
    pixels: NDArray[np.uint8]
    """(H, W, C), C = 1 for gray."""


@dataclass(frozen=True, slots=True)
class Conduct:
    """How a measurement goes, which doesn't change its figures."""

    jobs: int = 1
    """Pictures that are read and scored at once; only one is upscaled at a time."""
    offline: bool = False
    known: Known = Known()
    on_result: Callable[[ImageScore, Upscaled | None], None] = lambda *_: None
    """Shown every result, from several threads; None if its score was known."""


@dataclass(frozen=True, slots=True)
class _Measurement:
    """One set's."""

    rivals: Sequence[Rival]
    scale: int
    protocol: Protocol
    conduct: Conduct
    turn: threading.Lock
    """Held while something is upscaled."""

    def of(self, path: Path) -> list[ImageScore]:
        """Score every rival on one file."""
        digest, conduct = file_sha256(path), self.conduct
        pair, scores = None, []
        for rival in self.rivals:
            score, upscaled = conduct.known.find(digest, rival), None
            if score is None:
                pair = pair or self.pair(path)
                score, upscaled = self._one(pair, rival, digest)
            scores.append(replace(score, file=path.name))
            conduct.on_result(scores[-1], upscaled)
        return scores

    def pair(self, path: Path) -> BenchPair:
        """Load one file as the protocol has it."""
        asked = self.protocol
        return load_pair(path, self.scale, asked.border, asked.reduction)

    def _one(
        self, pair: BenchPair, rival: Rival, digest: str
    ) -> tuple[ImageScore, Upscaled]:
        with self.turn:
            rival.prepare()
            began = time.perf_counter()
            result = made_by(rival, pair).pixels
            seconds, ran_on = time.perf_counter() - began, rival.ran_on()
        border = self.protocol.border_at(self.scale)
        scores = compare(pair.high, result, border, self.protocol)
        asked = [name for name in PERCEPTUAL if name in self.protocol.metrics]
        offline = self.conduct.offline
        more, missing = perceive(pair.high, result, border, asked, offline=offline)
        height, width, channels = pair.high.shape
        score = ImageScore(
            *(rival.id, pair.file, height, width, channels == 1),
            replace(scores, more={**scores.more, **more}),
            *(seconds, ran_on, digest, missing),
        )
        self.conduct.known.keep(score, rival)
        return score, Upscaled(pair, result)


_PLAIN = Conduct()


def measure(
    files: Sequence[Path],
    rivals: Sequence[Rival],
    scale: int = DEFAULT_SCALE,
    protocol: Protocol = STANDARD,
    conduct: Conduct = _PLAIN,
) -> Iterator[ImageScore]:
    """Score every rival on every file, file by file.

    Each original is read and made small once, and only `conduct.jobs` are held.

    Raises:
        SrupError: whatever reading and upscaling raise.
    """
    one = _Measurement(rivals, scale, protocol, conduct, threading.Lock()).of
    if conduct.jobs == 1:
        for path in files:
            yield from one(path)
        return
    with ThreadPoolExecutor(conduct.jobs) as pool:
        futures = [pool.submit(one, path) for path in files]
        try:
            for future in futures:
                yield from future.result()
        finally:
            for future in futures:
                future.cancel()


def mean_scores(images: Sequence[ImageScore]) -> Scores:
    """Return the mean of the pictures' figures, as the literature has it.

    A figure that one of them lacks is left out.
    """
    means = np.mean(
        [
            (s.psnr_y, s.ssim_y, s.psnr_y_gray_as_rgb, s.ssim_y_gray_as_rgb)
            for s in (image.scores for image in images)
        ],
        axis=0,
    )
    everywhere = [
        key
        for key in images[0].scores.more
        if all(key in image.scores.more for image in images)
    ]
    more = {
        key: float(np.mean([image.scores.more[key] for image in images]))
        for key in everywhere
    }
    psnr, ssim, psnr_as_rgb, ssim_as_rgb = means.tolist()
    return Scores(psnr, ssim, psnr_as_rgb, ssim_as_rgb, more)
