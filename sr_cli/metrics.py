"""PSNR and SSIM by the literature's protocol, and the SSIM of the SRGAN paper.

They are taken on the luma of ITU-R BT.601 with studio swing (Y = 16…235 for RGB
0…255), which is what MATLAB's `rgb2ycbcr` gives, or on RGB, with `border` pixels cut
from every side; a set's figure is the mean of its pictures' figures.
"""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LUMA = np.array([65.481, 128.553, 24.966]) / 255.0
_SSIM_WINDOW = np.exp(-(np.arange(-5.0, 6.0) ** 2) / (2.0 * 1.5**2))
_SSIM_WINDOW /= _SSIM_WINDOW.sum()
_DAALA_SIGMA = 1.5 / 256.0  # of the picture's height
_DAALA_UNIT = 256  # its windows' weights are whole numbers of so many parts
_ROWS_PER_BAND = 64  # a band's planes stay in the processor's cache: 2 to 4x quicker


def luma(pixels: NDArray[np.uint8]) -> Floats:
    """Return the studio-swing luma (H, W), 16…235, of RGB `pixels` (H, W, 3)."""
    return pixels.astype(np.float64) @ _LUMA + 16.0


def comparable(pixels: NDArray[np.uint8], *, gray_as_gray: bool = True) -> Floats:
    """Return the plane (H, W) on which the literature compares `pixels` (H, W, C).

    A gray picture (C = 1) is compared as it is, 0…255, as MATLAB code does; with
    `gray_as_gray=False` it is first made RGB, as loaders that force three channels
    do, which is worth +1.32 dB for that picture.
    """
    if pixels.shape[2] == 1:
        if gray_as_gray:
            return pixels[:, :, 0].astype(np.float64)
        pixels = np.repeat(pixels, 3, axis=2)
    return luma(pixels)


def shave(plane: Floats, border: int) -> Floats:
    """Cut `border` pixels from every side of `plane` (H, W)."""
    return plane[border : plane.shape[0] - border, border : plane.shape[1] - border]


def psnr(truth: Floats, other: Floats) -> float:
    """Return the peak signal-to-noise ratio in dB of two arrays in 0…255.

    Of (H, W, C), the errors of all channels count alike.
    """
    error = float(np.mean(np.square(truth - other)))
    return float("inf") if error == 0.0 else 10.0 * float(np.log10(255.0**2 / error))


def _blur_rows(plane: Floats) -> Floats:
    # One pass over the plane as a single line, which is many times quicker than a
    # loop over rows or taps; where two rows meet the sums are junk and cut off.
    height, width = plane.shape
    out = np.empty((height, width))
    reach = _SSIM_WINDOW.size - 1
    out.reshape(-1)[: out.size - reach] = np.correlate(plane.reshape(-1), _SSIM_WINDOW)
    return out[:, : width - reach]


def _blur(plane: Floats) -> Floats:
    """Blur where the window lies wholly inside the plane; the result is transposed."""
    return _blur_rows(np.ascontiguousarray(_blur_rows(plane).T))


def _ssim_sum(truth: Floats, other: Floats) -> float:
    c1, c2 = (0.01 * 255.0) ** 2, (0.03 * 255.0) ** 2
    mean_a, mean_b = _blur(truth), _blur(other)
    product, squares = mean_a * mean_b, mean_a * mean_a + mean_b * mean_b
    covariance = _blur(truth * other) - product
    variances = _blur(truth * truth + other * other) - squares
    score = ((2.0 * product + c1) * (2.0 * covariance + c2)) / (
        (squares + c1) * (variances + c2)
    )
    return float(score.sum())


def ssim(truth: Floats, other: Floats) -> float:
    """Return the mean structural similarity of two planes (H, W) in 0…255.

    Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error
    visibility to structural similarity", 2004, equation 13: 11×11 Gaussian window
    with sigma 1.5, K1 = 0.01, K2 = 0.03, windows inside the picture only.  Planes
    smaller than the window give NaN.  The SRGAN paper's own SSIM is `daala_ssim`
    and must not be compared with this one.
    """
    reach = _SSIM_WINDOW.size - 1
    height, width = truth.shape[0] - reach, truth.shape[1] - reach
    if min(height, width) < 1:
        return float("nan")
    total = 0.0
    for start in range(0, height, _ROWS_PER_BAND):
        rows = slice(start, min(start + _ROWS_PER_BAND, height) + reach)
        total += _ssim_sum(truth[rows], other[rows])
    return float(total / (height * width))


def ssim_rgb(truth: Floats, other: Floats) -> float:
    """Return the mean of `ssim` over the channels of two arrays (H, W, C)."""
    channels = range(truth.shape[2])
    found = [ssim(truth[:, :, c].copy(), other[:, :, c].copy()) for c in channels]
    return float(np.mean(found))


def _daala_window(height: int, width: int) -> Floats:
    """Return the whole-numbered weights (n,), n odd, that sum to `_DAALA_UNIT`."""
    sigma = height * _DAALA_SIGMA
    # It ends where a weight would round to nothing, and never leaves the picture.
    smallest = math.sqrt(math.pi / 2.0) * sigma / _DAALA_UNIT
    reach = 0
    if smallest < 1.0:
        reach = math.floor(sigma * math.sqrt(-2.0 * math.log(smallest)))
    reach = min(reach, min(height, width) - 1)
    away = np.arange(1.0, reach + 1.0)
    density = np.exp(-0.5 * (away / sigma) ** 2) / (math.sqrt(2.0 * math.pi) * sigma)
    side = np.floor(_DAALA_UNIT * density + 0.5)
    centre = _DAALA_UNIT - 2.0 * side.sum()
    return np.concatenate([side[::-1], [centre], side])


def _cut_blur(plane: Floats, window: Floats) -> Floats:
    """Sum `plane` under the window, of which what lies outside is cut off."""
    for _ in range(2):  # rows, then columns
        height, width = plane.shape
        reach = window.size // 2
        padded = np.pad(plane, ((0, 0), (reach, reach)))
        # One pass over all rows as a single line: see `_blur_rows`.
        line = np.pad(padded.reshape(-1), (0, window.size - 1))
        summed = np.correlate(line, window)[: padded.size]
        plane = np.ascontiguousarray(summed.reshape(height, -1)[:, :width].T)
    return plane


def daala_ssim(truth: Floats, other: Floats) -> float:
    """Return the SSIM by which the SRGAN paper reports, of planes (H, W) in 0…255.

    It is that of `dump_ssim` in Xiph's Daala, for square pixels.  Unlike Wang's, its
    Gaussian window grows with the picture (sigma 1.5 at 256 rows), its weights are
    rounded to 1/256, windows reach over the edge, where what is outside is cut off,
    and each counts by the weight that is left.  On the paper's bicubic rows this gives
    0.8212 (0.8211 there), 0.7487 (0.7486) and 0.6942 (0.6935).  The tool itself reads
    planes of 8 bits; rounding luma so gives 0.8202, 0.7481 and 0.6935, which is
    farther from the paper on the whole, so nothing is rounded.
    """
    window = _daala_window(*truth.shape)
    weight = _cut_blur(np.ones(truth.shape), window)
    mean_a, mean_b = (
        _cut_blur(truth, window) / weight,
        _cut_blur(other, window) / weight,
    )
    product, squares = mean_a * mean_b, mean_a * mean_a + mean_b * mean_b
    covariance = _cut_blur(truth * other, window) / weight - product
    powers = _cut_blur(truth * truth + other * other, window) / weight
    c1, c2 = (0.01 * 255.0) ** 2, (0.03 * 255.0) ** 2
    score = ((2.0 * product + c1) * (2.0 * covariance + c2)) / (
        (squares + c1) * (powers - squares + c2)
    )
    return float((weight * score).sum() / weight.sum())
