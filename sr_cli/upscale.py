"""The pipeline: a picture in, the same picture larger out."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sr_cli.engines import Engine, EngineChoice, NotFiniteError, open_engine
from sr_cli.errors import ModelError, OutOfMemoryError
from sr_cli.networks.fuse import Network
from sr_cli.picture import Picture, PictureSource, Source, bleed
from sr_cli.tiles import Tiling, join, windows

Pixels = NDArray[np.uint8]
Progress = Callable[[int, int], None]
Say = Callable[[str], None]
Rows = Callable[[int], Pixels]
"""Gives the next rows of a picture, (n, W, C), from the top."""


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
        self._network, self._choice = network, choice
        self._tiling, self._say = tiling, say
        self.engine = open_engine(network, choice, say)
        self._exact_engine: Engine | None = None
        self._largest: float = np.inf  # window, in pixels, known to fit into memory
        self._lock = threading.Lock()

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
            OutOfMemoryError: not even the smallest windows fit.
            ConfigError: tile and overlap don't fit together.
        """
        result = np.concatenate(list(self.stream(PictureSource(picture), on_progress)))
        if picture.alpha is None:
            return replace(picture, pixels=result)
        pixels, alpha = (
            np.ascontiguousarray(part) for part in (result[:, :, :-1], result[:, :, -1])
        )
        return replace(picture, pixels=pixels, alpha=alpha)

    def stream(
        self, source: Source, on_progress: Progress = lambda *_: None
    ) -> Iterator[Pixels]:
        """Yield the result's rows from the top, in bands (n, W, C), alpha last.

        As `upscale`, but no more than a few bands are held, and rows are taken from
        `source` when they are needed.  A source with alpha is read at once: colours
        bleed from afar.

        Raises:
            PictureError: the source turns out to be damaged.
        """
        header = source.header
        size = header.height, header.width
        if not header.alpha:
            yield from self._upscaled(source.read, size, on_progress)
            return
        whole = source.read(header.height)
        pixels, alpha = whole[:, :, :-1], whole[:, :, -1]
        colours = _rows_of(bleed(pixels, alpha))
        if np.all(alpha == alpha[0, 0]):
            for band in self._upscaled(colours, size, on_progress):
                opacity = np.full((*band.shape[:2], 1), alpha[0, 0], np.uint8)
                yield np.concatenate([band, opacity], axis=2)
            return
        done = 0

        def count(_: int, total: int) -> None:
            nonlocal done
            done += 1
            on_progress(done, 2 * total)

        # Both are cut alike, so their bands are equally high.
        for pair in zip(
            self._upscaled(colours, size, count),
            self._upscaled(_rows_of(alpha[:, :, None]), size, count),
            strict=True,
        ):
            yield np.concatenate(pair, axis=2)

    def _upscaled(
        self, rows: Rows, size: tuple[int, int], on_progress: Progress
    ) -> Iterator[Pixels]:
        """Yield the result of a picture without alpha, in bands, from the top."""
        engine = self.engine
        plan = self._tiling.plan(
            *size, self._network.halo, engine.window_pixels, engine.calls_at_once
        )
        at_once = min(engine.calls_at_once, len(plan))
        done = 0

        def counted(results: Iterable[Pixels]) -> Iterator[Pixels]:
            nonlocal done
            for result in results:
                done += 1
                on_progress(done, len(plan))
                yield result

        def run(window: Pixels) -> Pixels:
            return self._window(window, at_once)

        with ThreadPoolExecutor(at_once, "srup-window") as pool:
            results = _mapped(pool, run, windows(rows, plan), at_once)
            try:
                yield from join(counted(results), plan, self.scale)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _window(self, window: Pixels, at_once: int) -> Pixels:
        """Upscale (h, w, C) whose C is 1 or 3."""
        gray = window.shape[2] == 1
        pixels = np.ascontiguousarray(np.broadcast_to(window, (*window.shape[:2], 3)))
        result = self._levels(pixels, at_once)
        if not gray:
            return result
        total: NDArray[np.uint16] = result.sum(axis=2, dtype=np.uint16, keepdims=True)
        return ((total + 1) // 3).astype(np.uint8)

    def _levels(self, pixels: Pixels, at_once: int) -> Pixels:
        """Upscale (h, w, 3), in parts or with more bits where that is needed."""
        height, width, _ = pixels.shape
        if height * width > self._largest:
            return self._in_parts(pixels, at_once)
        try:
            return self.engine.levels(pixels, at_once)
        except OutOfMemoryError as error:
            side = max(height, width) // 2
            if side < self._tiling.least_tile(self._network.halo):
                raise
            with self._lock:
                if height * width <= self._largest:
                    self._largest = height * width / 2
                    self._say(f"{error.message}: going on with tiles of {side} pixels.")
            return self._in_parts(pixels, at_once)
        except NotFiniteError as error:
            return self._in_float32(pixels, at_once, error)

    def _in_parts(self, pixels: Pixels, at_once: int) -> Pixels:
        height, width, _ = pixels.shape
        tiling = replace(self._tiling, tile=max(height, width) // 2)
        plan = tiling.plan(height, width, self._network.halo)
        results = (
            self._levels(part, at_once) for part in windows(_rows_of(pixels), plan)
        )
        return np.concatenate(list(join(results, plan, self.scale)))

    def _in_float32(
        self, pixels: Pixels, at_once: int, reason: NotFiniteError
    ) -> Pixels:
        with self._lock:
            if self.engine.precision != "float32" and self._exact_engine is None:
                self._say(
                    f"The result overflowed in {self.engine.precision}: "
                    "such tiles are computed in float32."
                )
                choice = replace(
                    self._choice,
                    engine=self.engine.name,
                    device=self.engine.device,
                    precision="float32",
                )
                self._exact_engine = open_engine(self._network, choice, self._say)
        if self._exact_engine is not None:
            try:
                return self._exact_engine.levels(pixels, at_once)
            except NotFiniteError as error:
                reason = error
        raise ModelError(
            "The network's output is not a number, even in float32",
            "Use other weights: these are damaged",
        ) from reason


def _rows_of(pixels: Pixels) -> Rows:
    """Give the rows of an array, the next ones at each call."""
    return PictureSource(Picture(pixels)).read


def _mapped(
    pool: ThreadPoolExecutor,
    run: Callable[[Pixels], Pixels],
    inputs: Iterator[Pixels],
    at_once: int,
) -> Iterator[Pixels]:
    """Yield run(input) of every input in order, running ahead by a few."""
    waiting: deque[Future[Pixels]] = deque()
    for one in inputs:
        waiting.append(pool.submit(run, one))
        # One more than can run, so that none waits while a result is put in place.
        if len(waiting) > at_once + 1:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
