"""From high to low resolution, as the literature does it.

Super-resolution results are only comparable when the low-resolution pictures
were made alike.  The literature's are made with MATLAB's `imresize`: a cubic
kernel with a = -0.5, widened by the reduction so that it also removes what would
alias, edges mirrored with the edge pixel repeated, and 8-bit rounding at the end.
(R. Keys, "Cubic convolution interpolation for digital image processing", 1981.)
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

Kernel = Literal["nearest", "bicubic", "lanczos"]
Floats = NDArray[np.float64]

_EXACT = (2, 4)  # scales whose weights are whole numbers of 1/4096
_GROUP = 16  # rows of a result made at a time, so that all of it stays in the cache


def _cubic(x: Floats) -> Floats:
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x <= 1.0, near, np.where(x < 2.0, far, 0.0))


def _lanczos3(x: Floats) -> Floats:
    return np.where(np.abs(x) < 3.0, np.sinc(x) * np.sinc(x / 3.0), 0.0)


def _box(x: Floats) -> Floats:
    return ((x >= -0.5) & (x < 0.5)).astype(np.float64)


_KERNELS: dict[Kernel, tuple[Callable[[Floats], Floats], float]] = {
    "nearest": (_box, 0.5),
    "bicubic": (_cubic, 2.0),
    "lanczos": (_lanczos3, 3.0),
}


def taps(size: int, new_size: int, kernel: Kernel) -> tuple[NDArray[np.intp], Floats]:
    """For every output sample, the input samples that it reads and their weights.

    Both are (new_size, n); the weights of one sample sum to 1.
    """
    weigh, radius = _KERNELS[kernel]
    ratio = new_size / size
    # Reducing widens the kernel; nearest never averages, as in MATLAB.
    stretch = min(ratio, 1.0) if kernel != "nearest" else 1.0
    radius = radius / stretch
    centre = (np.arange(new_size) + 0.5) / ratio - 0.5
    first = np.floor(centre - radius).astype(np.intp)
    index = first[:, None] + np.arange(int(np.ceil(2 * radius)) + 2)
    weight = weigh((centre[:, None] - index) * stretch)
    weight /= weight.sum(axis=1, keepdims=True)
    mirrored = np.mod(index, 2 * size)
    mirrored = np.where(mirrored < size, mirrored, 2 * size - 1 - mirrored)
    read = weight.any(axis=0)
    return mirrored[:, read], weight[:, read]


def _resize_rows(image: Floats, new_height: int, kernel: Kernel) -> Floats:
    index, weight = taps(image.shape[0], new_height, kernel)
    flat = image.reshape(image.shape[0], -1)
    out = np.empty((new_height, flat.shape[1]))
    # Row by row: a matrix product of blocks is no quicker on an idle machine, and
    # BLAS's threads make it 10 times slower on a busy one.
    for row in range(new_height):
        np.dot(weight[row], flat[index[row]], out=out[row])
    return out.reshape(new_height, *image.shape[1:])


def resize(
    image: NDArray[np.generic], height: int, width: int, kernel: Kernel = "bicubic"
) -> Floats:
    """Resample `image` (H, W, …) to (height, width, …), as MATLAB's `imresize`.

    Nothing is rounded or clipped: the result is float64 in the input's units.
    """
    rows = _resize_rows(np.asarray(image, np.float64), height, kernel)
    columns_first = np.ascontiguousarray(rows.swapaxes(0, 1))
    turned = _resize_rows(columns_first, width, kernel)
    return turned.swapaxes(0, 1)


def to_uint8(image: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Round values in 0…255 half up, as MATLAB does, and clip them to 8 bits."""
    shifted: NDArray[np.floating] = np.clip(image, 0, 255)
    shifted += 0.5
    # Casting cuts the fraction off; `resize` leaves the columns first in memory.
    return shifted.astype(np.uint8, order="C")


def crop_to_multiple(image: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Cut (H, W, …) at the bottom and right until `scale` divides both sides."""
    height, width = image.shape[0] // scale * scale, image.shape[1] // scale * scale
    return image[:height, :width]


def _every(
    step: int, rows: NDArray[np.floating], weight: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Weigh and add up as many rows (N, n) as there are weights, at every `step`."""
    taps = len(weight)
    down, along = rows.strides
    shape = ((len(rows) - taps) // step + 1, taps, rows.shape[1])
    windows = as_strided(rows, shape, (step * down, down, along))
    # No matrix product here either: see `_resize_rows`.
    total: NDArray[np.floating] = np.einsum("k,ikn->in", weight, windows)
    return total


def _downscale_exactly(high: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Do what `downscale` says in less than half the time, for a scale in `_EXACT`.

    Each weight is a whole number of 1/4096.  Sums of them times 8 bits are never
    rounded, over rows in float32 nor then over columns in float64, so that any order
    of adding gives the bytes that `resize` gives.
    """
    weight = _cubic((np.arange(4 * scale) - (4 * scale - 1) / 2) / scale) / scale
    edge = scale * 3 // 2
    planes = high.reshape(*high.shape[:2], -1)
    padded = np.pad(planes, ((edge, edge), (edge, edge), (0, 0)), mode="symmetric")
    _, wide, channels = padded.shape
    height, width = len(high) // scale, high.shape[1] // scale
    small = np.empty((height, width, channels), np.uint8)
    for top in range(0, height, _GROUP):
        count = min(_GROUP, height - top)
        band = padded[top * scale : (top + count) * scale + 2 * edge]
        tall = band.reshape(len(band), -1).astype(np.float32)
        flat = _every(scale, tall, weight.astype(np.float32))
        turned = flat.reshape(count, wide, channels).swapaxes(0, 1)
        long = turned.astype(np.float64, order="C").reshape(wide, -1)
        done = to_uint8(_every(scale, long, weight))
        small[top : top + count] = done.reshape(width, count, -1).swapaxes(0, 1)
    return small.reshape(height, width, *high.shape[2:])


def downscale(high: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Make the low-resolution 8-bit picture of `high` (H, W, …).

    `scale` must divide both sides: see `crop_to_multiple`.
    """
    if scale in _EXACT:
        return _downscale_exactly(high, scale)
    small = resize(high, high.shape[0] // scale, high.shape[1] // scale, "bicubic")
    return to_uint8(small)
