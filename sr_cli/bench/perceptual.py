"""LPIPS, DISTS and NIQE, as the library pyiqa computes them, in float32 on the CPU.

Its networks' weights come from where it gets them, and lie where it keeps them.
"""

import contextlib
import os
import threading
import warnings
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr_cli.bench.protocol import ONE_SIDED, PerceptualName

__all__ = ["NotComputedError", "PerceptualName", "library_version", "open_metric"]

Metric = Callable[[NDArray[np.uint8], NDArray[np.uint8]], float]
"""Takes an original and a result, (H, W, 1 or 3) both."""

_turn = threading.Lock()  # its networks are shared by threads


class NotComputedError(Exception):
    """A metric can't be had, or not for this picture; says why in a clause."""


def library_version() -> str | None:
    """Return the version of pyiqa; None where it is not installed."""
    try:
        return version("pyiqa")
    except PackageNotFoundError:
        return None


def _reason(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def _remedy(error: Exception) -> str:
    if isinstance(error, ImportError):
        return ": run `pip install 'srup[metrics]'`"
    if isinstance(error, OSError):
        return ": its weights come from the network, once"
    return ""


@cache
def _loaded(name: PerceptualName) -> Any:
    """Return the metric, or the error that came instead, which won't go away."""
    try:
        # It prints where it loads weights from, and shows bars of its own.
        with (
            Path(os.devnull).open("w", encoding="utf-8") as nowhere,
            contextlib.redirect_stdout(nowhere),
            contextlib.redirect_stderr(nowhere),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            import pyiqa

            return pyiqa.create_metric(name, device="cpu")
    # Of what a library imports and downloads, anything may go wrong.
    except Exception as error:
        found = f"pyiqa couldn't load it ({_reason(error)}){_remedy(error)}"
        return NotComputedError(found)


def open_metric(name: PerceptualName, *, offline: bool = False) -> Metric:
    """Return what computes a metric; it is loaded once.

    Raises:
        NotComputedError: pyiqa is not installed, or its weights can't be had.
    """
    if library_version() is None:
        raise NotComputedError(
            "it needs the library pyiqa: run `pip install 'srup[metrics]'`"
        )
    if offline:
        raise NotComputedError(
            "pyiqa might have to download its weights: leave --offline out"
        )
    with _turn:
        metric = _loaded(name)
    if isinstance(metric, NotComputedError):
        raise metric

    def compute(high: NDArray[np.uint8], result: NDArray[np.uint8]) -> float:
        import torch

        pair = (result,) if name in ONE_SIDED else (result, high)
        planes = [
            np.broadcast_to(pixels, (*pixels.shape[:2], 3)).transpose(2, 0, 1)
            for pixels in pair
        ]
        tensors = [
            torch.from_numpy(np.ascontiguousarray(p[None], np.float32) / 255.0)
            for p in planes
        ]
        try:
            with _turn, warnings.catch_warnings(), torch.inference_mode():
                warnings.simplefilter("ignore")
                found = float(metric(*tensors))
        except Exception as error:  # NIQE wants blocks of 96 pixels, for one
            raise NotComputedError(
                f"pyiqa couldn't compute it ({_reason(error)})"
            ) from error
        if not np.isfinite(found):
            raise NotComputedError("pyiqa gives no number for a picture")
        return found

    return compute
