"""PSNR and SSIM by the literature's protocol.

Both are taken on the luma of ITU-R BT.601 with studio swing (Y = 16…235 for RGB
0…255), which is what MATLAB's `rgb2ycbcr` gives, with `border` pixels cut from
every side; a set's figure is the mean of its pictures' figures.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LUMA = np.array([65.481, 128.553, 24.966]) / 255.0
_SSIM_WINDOW = np.exp(-(np.arange(-5.0, 6.0) ** 2) / (2.0 * 1.5**2))
_SSIM_WINDOW /= _SSIM_WINDOW.sum()
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
    """Return the peak signal-to-noise ratio in dB of two planes in 0…255."""
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
    smaller than the window give NaN.  The SRGAN paper's own SSIM comes from
    another tool (daala) and must not be compared with this one.
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
