"""The pipeline: a picture in, the same picture larger out."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sr_cli.engines import EngineChoice, open_engine
from sr_cli.errors import ModelError, OutOfMemoryError
from sr_cli.networks.fuse import Network
from sr_cli.picture import Picture, bleed
from sr_cli.tiles import DEFAULT_TILE, Planes, Tiling, sweep

Pixels = NDArray[np.uint8]
Progress = Callable[[int, int], None]
Say = Callable[[str], None]

_SMALLEST_TILE = 32


def _planes(pixels: Pixels) -> Planes:
    """(H, W, C) 8-bit to (3, H, W) in [0, 1]; gray fills all three."""
    planes = pixels.transpose(2, 0, 1).astype(np.float32) / np.float32(255.0)
    return np.ascontiguousarray(np.broadcast_to(planes, (3, *planes.shape[1:])))


def _pixels(planes: Planes, channels: int) -> Pixels:
    """(3, H, W) in about [0, 1] to (H, W, channels) 8-bit."""
    if channels == 1:
        planes = planes.mean(axis=0, keepdims=True)
    levels = planes * np.float32(255.0)
    levels += np.float32(0.5)
    return np.clip(levels, 0.0, 255.0, out=levels).astype(np.uint8).transpose(1, 2, 0)


class _NotFiniteError(Exception):
    """A window came out with NaN or infinity in it."""


class Upscaler:
    """Upscales pictures with one network on one engine.

    Args:
        network: what to run.
        choice: engine, device and precision.
        tiling: how to cut large pictures.
        say: told, in sentences, when something other than asked is done.

    Raises:
        DeviceError: what `choice` asks for can't be had.
    """

    def __init__(
        self,
        network: Network,
        choice: EngineChoice = EngineChoice(),  # noqa: B008 (frozen)
        tiling: Tiling = Tiling(),  # noqa: B008 (frozen)
        say: Say = lambda _: None,
    ) -> None:
        self._network, self._choice, self._tiling, self._say = (
            network,
            choice,
            tiling,
            say,
        )
        self.engine = open_engine(network, choice, say)

    @property
    def scale(self) -> int:
        """How many times larger each side becomes."""
        return self._network.scale

    def upscale(
        self, picture: Picture, on_progress: Progress = lambda *_: None
    ) -> Picture:
        """Return `picture` at `scale` times its size, with everything it carries.

        `on_progress(done, total)` counts windows.  Gray stays gray; alpha is
        upscaled by the same network, over colours bled under what is transparent.

        Raises:
            ModelError: the weights give no numbers.
            OutOfMemoryError: not even the smallest tiles fit.
            ConfigError: tile and overlap don't fit together.
        """
        if picture.alpha is None:
            return replace(picture, pixels=self._upscale(picture.pixels, on_progress))
        halves = 1 if np.all(picture.alpha == picture.alpha[0, 0]) else 2
        colours = bleed(picture.pixels, picture.alpha)
        pixels = self._upscale(colours, lambda d, n: on_progress(d, halves * n))
        if halves == 1:
            alpha = np.full(pixels.shape[:2], picture.alpha[0, 0], np.uint8)
        else:
            plane = picture.alpha[:, :, None]
            alpha = self._upscale(plane, lambda d, n: on_progress(n + d, 2 * n))[
                :, :, 0
            ]
        return replace(picture, pixels=pixels, alpha=alpha)

    def _upscale(self, pixels: Pixels, on_progress: Progress) -> Pixels:
        """Upscale (H, W, C), with smaller tiles or more bits where that is needed."""
        tiling = self._tiling
        while True:
            try:
                return self._sweep(pixels, tiling, on_progress)
            except OutOfMemoryError as error:
                tile = min(tiling.tile or DEFAULT_TILE, max(pixels.shape[:2])) // 2
                if tile < _SMALLEST_TILE:
                    raise
                self._say(
                    f"{error.message}: beginning again with tiles of {tile} pixels."
                )
                tiling = replace(tiling, tile=tile)
            except _NotFiniteError as error:
                if self.engine.precision == "float32":
                    raise ModelError(
                        "The network's output is not a number, even in float32",
                        "Use other weights: these are damaged",
                    ) from error
                self._say(
                    f"The result overflowed in {self.engine.precision}: "
                    "beginning again in float32."
                )
                choice = replace(
                    self._choice,
                    engine=self.engine.name,
                    device=self.engine.device,
                    precision="float32",
                )
                self.engine = open_engine(self._network, choice, self._say)

    def _sweep(self, pixels: Pixels, tiling: Tiling, on_progress: Progress) -> Pixels:
        height, width, channels = pixels.shape
        plan = tiling.plan(height, width, self._network.halo)

        def run(window: Planes) -> Planes:
            result = self.engine(window)
            if not np.isfinite(result).all():
                raise _NotFiniteError
            return result

        out = np.empty((height * self.scale, width * self.scale, channels), np.uint8)
        top = 0
        for band in sweep(_planes(pixels), plan, self.scale, run, on_progress):
            out[top : top + band.shape[1]] = _pixels(band, channels)
            top += band.shape[1]
        return out
