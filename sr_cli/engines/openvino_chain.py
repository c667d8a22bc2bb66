"""SRResNet on a CPU: the body on large windows, the tail on tiles that stay in cache.

The body's features are written to memory once, 64 channels for each input pixel; the
tail takes small overlapping tiles of them, so that its wide maps (256 channels at
twice the size) never leave the cache.  Tiles touch the window's edges where the
network pads with zeros and overlap by the tail's small halo elsewhere: the numbers
are those of the whole window.
"""

import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import Type as Element

from sr_cli.engines.openvino_models import build, to_bfloat16
from sr_cli.networks.fuse import Conv, Layer, Network, receptive_radius
from sr_cli.networks.stages import body_and_tail
from sr_cli.tiles import Span, spans

Array = NDArray[Any]
Put = Callable[[NDArray[np.float32], slice, slice], None]
"""Takes a part of the result, (H, W, 3), and the rows and columns where it belongs."""

TAIL_AREA = 10_240
"""Input pixels of a tile, at most.  Time per pixel of SRResNet's tail in bfloat16, with
2 MiB of second-level cache per core, for square tiles of 64: 1.07, 96: 1, 128: 1.1,
192: 1.15, 256: 1.5."""

_FEATURES = 104 * 2**20
"""Bytes of one map of features, over all cores.  The body holds about four: 0.4 GiB."""

_WHITE = np.float32(255.0)
_VECTOR = 8
_KEPT = 3  # bodies, and tails, compiled for other shapes; each holds its own buffers


@dataclass(frozen=True, slots=True, eq=False)
class _Lane:
    """What one thread needs to run a compiled model."""

    request: openvino.InferRequest
    source: Array
    """(h, w, C)"""
    result: Array


class _Compiled:
    """One model for one shape, and the lanes that threads take in turn."""

    def __init__(
        self,
        core: openvino.Core,
        model: openvino.Model,
        element: Element,
        streams: int,
        threads: int,
    ) -> None:
        precision = "bf16" if element == Element.bf16 else "f32"
        settings = {
            "INFERENCE_PRECISION_HINT": precision,
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": threads,
            # Bodies and tails are separate models; pinned, both would start on the
            # same cores.
            "ENABLE_CPU_PINNING": False,
        }
        self._compiled = core.compile_model(model, "CPU", settings)
        self._free: list[_Lane] = []

    def _new_lane(self) -> _Lane:
        request = self._compiled.create_infer_request()
        arrays = []
        for port, bind in (
            (self._compiled.input(0), request.set_input_tensor),
            (self._compiled.output(0), request.set_output_tensor),
        ):
            element, shape = port.get_element_type(), list(port.get_shape())
            kind = np.uint16 if element == Element.bf16 else np.float32
            arrays.append(np.zeros(shape, kind))
            bind(openvino.Tensor(arrays[-1], shape, element))
        return _Lane(request, arrays[0][0], arrays[1])

    @contextmanager
    def lane(self) -> Iterator[_Lane]:
        """Take a lane for as long as the block runs."""
        try:
            lane = self._free.pop()
        except IndexError:
            lane = self._new_lane()
        try:
            yield lane
        finally:
            self._free.append(lane)


def _in_levels(body: Sequence[Layer]) -> tuple[Layer, ...]:
    """Let the first convolution take [0, 255]: bfloat16 holds those exactly."""
    first, *others = body
    assert isinstance(first, Conv)
    return Conv(first.weight / _WHITE, first.bias, first.slope), *others


def _out_levels(tail: Sequence[Layer]) -> tuple[Layer, ...]:
    """Let the last convolution give [0, 255]."""
    last = max(i for i, layer in enumerate(tail) if isinstance(layer, Conv))
    conv = tail[last]
    assert isinstance(conv, Conv)
    assert conv.slope is None
    louder = Conv(conv.weight * _WHITE, conv.bias * _WHITE)
    return *tail[:last], louder, *tail[last + 1 :]


def _tail_tiles(
    height: int, width: int, overlap: int
) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Cut a window into equal tiles of at most `TAIL_AREA` with the least work.

    Of 394 by 1,024 features, tiles of 96 by 96 would compute a quarter twice; five by
    nine tiles of 84 by 120 compute an eighth twice.
    """
    fewest = ceil(height * width / TAIL_AREA)
    side = ceil(TAIL_AREA**0.5)
    least, best = float("inf"), (height, width)
    for rows in range(1, 4 * ceil(height / side) + 1):
        tall = ceil((height + (rows - 1) * overlap) / rows)
        # Convolutions like rows of whole vectors; columns may have any length.
        wide = min(max(TAIL_AREA // tall // _VECTOR, 1) * _VECTOR, width)
        columns = ceil(max(width - overlap, 1) / max(wide - overlap, 1))
        wide = ceil((width + (columns - 1) * overlap) / columns)
        wide = min(ceil(wide / _VECTOR) * _VECTOR, width)
        work = rows * columns * tall * wide
        if tall > 2 * overlap and rows * columns >= fewest and work < least:
            least, best = work, (tall, wide)
    return spans(height, best[0], overlap, 0), spans(width, best[1], overlap, 0)


class Chain:
    """Runs body and tail on as many cores as it is given.

    Safe to call from several threads.

    Args:
        core: of OpenVINO.
        network: one that `body_and_tail` can cut.
        element: what features are made of: float32 or bfloat16.
        cores: how many to use.
    """

    def __init__(
        self,
        core: openvino.Core,
        network: Network,
        element: Element,
        cores: int,
    ) -> None:
        stages = body_and_tail(network)
        assert stages is not None
        body, tail = stages
        self._core, self._element = core, element
        self._scale, self._cores = network.scale, cores
        self._body, self._tail = _in_levels(body), _out_levels(tail)
        self._halo = receptive_radius(tail)
        self._features = [x for x in body if isinstance(x, Conv)][-1].bias.size
        self._levels = self._to_element(np.arange(256, dtype=np.float32))
        self._compiled: OrderedDict[tuple[int, ...], _Compiled] = OrderedDict()
        self._lock = threading.Lock()
        bytes_each = self._features * self._levels.itemsize
        self.window_pixels = _FEATURES // (cores * bytes_each)
        self._pool = ThreadPoolExecutor(cores, "srup-tail") if cores > 1 else None

    def _to_element(self, array: NDArray[np.float32]) -> Array:
        return to_bfloat16(array) if self._element == Element.bf16 else array

    def run_pixels(self, pixels: NDArray[np.uint8], at_once: int, put: Put) -> None:
        """Upscale (h, w, 3) and hand the result over in parts, as levels to 255."""

        def fill(source: Array) -> None:
            np.take(self._levels, pixels, out=source, mode="clip")

        self._run(fill, (pixels.shape[0], pixels.shape[1]), at_once, put)

    def run_floats(self, low: NDArray[np.float32], put: Put) -> None:
        """Upscale (h, w, 3) in levels to 255; as `run_pixels`."""

        def fill(source: Array) -> None:
            np.copyto(source, self._to_element(low))

        self._run(fill, (low.shape[0], low.shape[1]), 1, put)

    def _model(self, shape: tuple[int, int], streams: int, *, tail: bool) -> _Compiled:
        key = (*shape, streams, tail)
        with self._lock:
            if key not in self._compiled:
                alike = [k for k in self._compiled if k[-1] == tail]
                if len(alike) >= _KEPT:
                    del self._compiled[alike[0]]
                channels = self._features if tail else 3
                model = build(
                    self._tail if tail else self._body,
                    (*shape, channels),
                    self._element,
                    makes_picture=tail,
                )
                self._compiled[key] = _Compiled(
                    self._core, model, self._element, streams, self._cores
                )
            self._compiled.move_to_end(key)
            return self._compiled[key]

    def _run(
        self,
        fill: Callable[[Array], None],
        shape: tuple[int, int],
        at_once: int,
        put: Put,
    ) -> None:
        height, width = shape
        streams = min(max(at_once, 1), self._cores)
        rows, columns = _tail_tiles(height, width, 2 * self._halo)
        tile = rows[0].stop, columns[0].stop
        body = self._model(shape, streams, tail=False)
        # Each tile takes one core: nothing waits for the slowest of several.
        tail = self._model(tile, self._cores, tail=True)
        with body.lane() as lane:
            fill(lane.source)
            lane.request.infer()
            features = lane.result.reshape(height, width, self._features)

            def run_tile(place: tuple[Span, Span]) -> None:
                self._run_tile(tail, features, place, put)

            places = itertools.product(rows, columns)
            if self._pool is None or streams == self._cores:
                for place in places:
                    run_tile(place)
            else:
                list(self._pool.map(run_tile, places))

    def _run_tile(
        self, tail: _Compiled, features: Array, place: tuple[Span, Span], put: Put
    ) -> None:
        row, column = place
        scale = self._scale
        with tail.lane() as lane:
            window = features[row.start : row.stop, column.start : column.stop]
            np.copyto(lane.source, window)
            lane.request.infer()
            part = lane.result[0][row.kept(scale), column.kept(scale)]
            put(part, row.lasting(scale), column.lasting(scale))
