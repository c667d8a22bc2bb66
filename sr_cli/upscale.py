"""The pipeline: a picture in, the same picture larger out."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr_cli.engines import Engine, EngineChoice, NotFiniteError, open_engine
from sr_cli.errors import ModelError, OutOfMemoryError
from sr_cli.networks.fuse import Network
from sr_cli.networks.mix import Mix
from sr_cli.networks.opaque import Opaque
from sr_cli.picture import Picture, PictureSource, Source, bleed
from sr_cli.tiles import Tiling, join, windows
from sr_cli.transparency import Bands, among_neighbours, with_alpha

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Array = NDArray[Any]
Progress = Callable[[int, int], None]
Say = Callable[[str], None]
Rows = Callable[[int], Array]
"""Gives the next rows of a picture, (n, W, C), from the top."""
FloatRun = Callable[[Floats], Floats]
_Run = Callable[[Engine, Array, int], Array]


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
        network: Network | Mix | Opaque,
        choice: EngineChoice = EngineChoice(),  # noqa: B008 (frozen)
        tiling: Tiling = Tiling(),  # noqa: B008 (frozen)
        say: Say = lambda _: None,
    ) -> None:
        self._network, self._choice = network, choice
        self._tiling, self._say = tiling, say
        self.engine = open_engine(network, choice, say)
        self._exact_engine: Engine | None = None
        self._overflowed = False
        self._largest: float = np.inf  # window, in pixels, known to fit into memory
        self._lock = threading.Lock()

    @property
    def scale(self) -> int:
        """How many times larger each side becomes."""
        return self._network.scale

    @property
    def _grid(self) -> int:
        return self._network.grid if isinstance(self._network, Opaque) else 1

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
        `source`, of 8 bits, when they are needed.  A source with alpha is read at
        once: colours bleed from afar.

        Raises:
            PictureError: the source turns out to be damaged.
        """
        header = source.header
        if not header.alpha:
            size = header.height, header.width
            yield from self._bands(source.read, size, on_progress, self._window)
            return
        whole = source.read(header.height)
        pixels, alpha = whole[:, :, :-1], whole[:, :, -1]

        def enlarge(run: Callable[[Pixels, int], Pixels]) -> Bands:
            return lambda plane, show: self._bands(
                rows_of(plane), plane.shape[:2], show, run
            )

        yield from with_alpha(
            bleed(pixels, alpha),
            alpha,
            enlarge(self._window),
            enlarge(self._alpha_window),
            on_progress,
        )

    def _window(self, window: Pixels, at_once: int) -> Pixels:
        """Upscale (h, w, C) whose C is 1 or 3, in 8 bits."""
        result = self._run(self.engine, _levels, in_colour(window), at_once)
        if window.shape[2] == 3:
            return result
        total: NDArray[np.uint16] = result.sum(axis=2, dtype=np.uint16, keepdims=True)
        return ((total + 1) // 3).astype(np.uint8)

    def _alpha_window(self, window: Pixels, at_once: int) -> Pixels:
        return among_neighbours(window, self._window(window, at_once))

    def floats(
        self,
        rows: Rows,
        size: tuple[int, int],
        on_progress: Progress = lambda *_: None,
        *,
        precise: bool = False,
        around: Callable[[FloatRun], FloatRun] = lambda run: run,
    ) -> Iterator[Floats]:
        """Yield the result's rows, float32 (n, W, C), of those that `rows` gives.

        Args:
            rows: gives float32 (n, w, 1 or 3); black is 0, white 1.
            size: the height and width of the picture that they are of.
            on_progress: as in `upscale`.
            precise: compute in float32, unless another precision was asked for.
            around: wraps what upscales a window, (h, w, 3) ─▶ (H, W, 3).

        Raises:
            as `upscale`.
        """
        engine = self._exact() if precise else self.engine

        def run(pixels: Floats) -> Floats:
            return self._run(engine, _batch, pixels, 1)

        treat = around(run)

        def enlarge(window: Floats, _at_once: int) -> Floats:
            result = treat(in_colour(window))
            if window.shape[2] == 3:
                return result
            mean: Floats = result.mean(axis=2, keepdims=True)
            return mean

        return self._bands(rows, size, on_progress, enlarge, at_once=1)

    def _bands(
        self,
        rows: Rows,
        size: tuple[int, int],
        on_progress: Progress,
        run: Callable[[Array, int], Array],
        at_once: int | None = None,
    ) -> Iterator[Array]:
        """Yield the result of a picture without alpha, in bands, from the top."""
        at_once = at_once or self.engine.calls_at_once
        plan = self._tiling.plan(
            *size, self._network.halo, self.engine.window_pixels, at_once
        ).on_grid(self._grid)
        at_once = min(at_once, len(plan))
        done = 0

        def counted(results: Iterable[Array]) -> Iterator[Array]:
            nonlocal done
            for result in results:
                done += 1
                on_progress(done, len(plan))
                yield result

        def one(window: Array) -> Array:
            return run(window, at_once)

        with ThreadPoolExecutor(at_once, "srup-window") as pool:
            results = _mapped(pool, one, windows(rows, plan), at_once)
            try:
                yield from join(counted(results), plan, self.scale)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, engine: Engine, run: _Run, pixels: Array, at_once: int) -> Array:
        """Upscale (h, w, 3), in parts or with more bits where that is needed."""
        height, width, _ = pixels.shape
        if height * width > self._largest:
            return self._in_parts(engine, run, pixels, at_once)
        try:
            return run(engine, pixels, at_once)
        except OutOfMemoryError as error:
            side = max(height, width) // 2
            if side < self._tiling.least_tile(self._network.halo):
                raise
            with self._lock:
                if height * width <= self._largest:
                    self._largest = height * width / 2
                    self._say(f"{error.message}: going on with tiles of {side} pixels.")
            return self._in_parts(engine, run, pixels, at_once)
        except NotFiniteError as error:
            return self._in_float32(run, pixels, at_once, error)

    def _in_parts(
        self, engine: Engine, run: _Run, pixels: Array, at_once: int
    ) -> Array:
        height, width, _ = pixels.shape
        tiling = replace(self._tiling, tile=max(height, width) // 2)
        plan = tiling.plan(height, width, self._network.halo).on_grid(self._grid)
        results = (
            self._run(engine, run, part, at_once)
            for part in windows(rows_of(pixels), plan)
        )
        return np.concatenate(list(join(results, plan, self.scale)))

    def _exact(self) -> Engine:
        """The engine that computes in float32, unless less was asked for."""
        if self._choice.precision != "auto" or self.engine.precision == "float32":
            return self.engine
        with self._lock:
            return self._open_exact()

    def _open_exact(self) -> Engine:
        if self._exact_engine is None:
            choice = replace(
                self._choice,
                engine=self.engine.name,
                device=self.engine.device,
                precision="float32",
            )
            self._exact_engine = open_engine(self._network, choice, self._say)
        return self._exact_engine

    def _in_float32(
        self, run: _Run, pixels: Array, at_once: int, reason: NotFiniteError
    ) -> Array:
        if self.engine.precision != "float32":
            with self._lock:
                if not self._overflowed:
                    self._overflowed = True
                    self._say(
                        f"The result overflowed in {self.engine.precision}: "
                        "such tiles are computed in float32."
                    )
                engine = self._open_exact()
            try:
                return run(engine, pixels, at_once)
            except NotFiniteError as error:
                reason = error
        raise ModelError(
            "The network's output is not a number, even in float32",
            "Use other weights: these are damaged",
        ) from reason


def _levels(engine: Engine, pixels: Pixels, at_once: int) -> Pixels:
    """Upscale (h, w, 3) in 8 bits."""
    return engine.levels(pixels, at_once)


def _batch(engine: Engine, pixels: Floats, _at_once: int) -> Floats:
    """Upscale (h, w, 3) in float32."""
    result = engine(np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]))[0]
    # One pass: whatever isn't finite stays so in a sum.
    if not np.isfinite(result.sum()):
        raise NotFiniteError
    return np.ascontiguousarray(result.transpose(1, 2, 0))


def in_colour(window: Array) -> Array:
    """Return (h, w, 1 or 3) as (h, w, 3)."""
    return np.ascontiguousarray(np.broadcast_to(window, (*window.shape[:2], 3)))


def rows_of(pixels: Array) -> Rows:
    """Give the rows of an array (H, W, C), the next ones at each call."""
    top = 0

    def read(rows: int) -> Array:
        nonlocal top
        top += rows
        return pixels[top - rows : top]

    return read


def _mapped(
    pool: ThreadPoolExecutor,
    run: Callable[[Array], Array],
    inputs: Iterator[Array],
    at_once: int,
) -> Iterator[Array]:
    """Yield run(input) of every input in order, running ahead by a few."""
    waiting: deque[Future[Array]] = deque()
    for one in inputs:
        waiting.append(pool.submit(run, one))
        # One more than can run, so that none waits while a result is put in place.
        if len(waiting) > at_once + 1:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
