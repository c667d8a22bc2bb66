"""How fast this machine convolves at best: one 3×3 convolution of 64 channels, alone.

Its input is at hand in the layout and precision in which OpenVINO computes, so that
nothing is converted, and small enough for the cache.  No network of such convolutions
can do more arithmetic in a second.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any, get_args

import numpy as np

from sr_cli.bench.peers import PeerPrecision
from sr_cli.bench.processes import FailedError, Processes
from sr_cli.errors import DeviceError

_CHANNELS = 64
_SIDES = (64, 96, 128, 192)
_MEASURED = 0.25  # seconds
_SLICES = 5
"""Of a measurement; the best counts, so that another program's moment doesn't."""
_TRIALS = 3  # slices of each way, when the best is looked for
_PROCESS = 1 << 28  # bytes


@dataclass(frozen=True, slots=True)
class Peak:
    """What was found in one moment."""

    flops_per_second: float
    """Additions and multiplications, both counted."""
    side: int
    """Of the square input, in pixels."""
    streams: int
    """Convolutions at once; one stream has all cores to itself, several have one
    each."""


def _bfloat16(array: Any) -> Any:
    """Round (to even) float32 to the upper 16 of its bits, as uint16."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


class _Way:
    """The convolution compiled for one size and number of streams."""

    def __init__(
        self, core: Any, side: int, streams: int, precision: PeerPrecision
    ) -> None:
        import openvino
        from openvino import opset13 as op

        half = precision == "bfloat16"
        kind = openvino.Type.bf16 if half else openvino.Type.f32
        shape = (_CHANNELS, _CHANNELS, 3, 3)
        weight = np.random.default_rng(0).normal(0.0, 0.04, shape).astype(np.float32)
        constant = (
            openvino.Tensor(_bfloat16(weight), list(shape), kind) if half else weight
        )
        low = op.parameter([1, side, side, _CHANNELS], kind)
        x = op.transpose(low, np.array([0, 3, 1, 2]))
        x = op.convolution(x, op.constant(constant), [1, 1], [1, 1], [1, 1], [1, 1])
        x = op.transpose(x, np.array([0, 2, 3, 1]))
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
            "NUM_STREAMS": streams,
        }
        model = openvino.Model([op.result(x)], [low], "peak")
        compiled = core.compile_model(model, "CPU", settings)
        self.side, self.streams = side, streams
        self._flops = 2 * weight.size * side**2
        self._requests = [compiled.create_infer_request() for _ in range(streams)]
        self.rate(0.0)  # the first run gets its memory

    def rate(self, seconds: float) -> float:
        """Convolve for at least `seconds`; return the FLOP/s."""
        began, count = time.perf_counter(), len(self._requests)
        for request in self._requests:
            request.start_async()
        while time.perf_counter() - began < seconds:
            for request in self._requests:
                request.wait()
                request.start_async()
            count += len(self._requests)
        for request in self._requests:
            request.wait()
        return count * self._flops / (time.perf_counter() - began)


def open_peak(
    precision: PeerPrecision, cores: int, seconds: float
) -> Callable[[], Peak]:
    """Find the size and the number of streams that are fastest on so many cores.

    Each call of the result measures that way anew, for so many `seconds`.

    Raises:
        DeviceError: OpenVINO is not installed.
    """
    if find_spec("openvino") is None:
        raise DeviceError("openvino is not installed", "Run `pip install openvino`")
    import openvino

    core = openvino.Core()
    ways = [
        _Way(core, side, streams, precision)
        for side in _SIDES
        for streams in sorted({1, cores})
    ]
    part = seconds / _SLICES
    best, most = ways[0], 0.0
    for way in ways * _TRIALS:
        found = way.rate(part)
        if found > most:
            best, most = way, found

    def measure() -> Peak:
        rate = max(best.rate(part) for _ in range(_SLICES))
        return Peak(rate, best.side, best.streams)

    return measure


class PeakMeter:
    """Measures the peak in processes of its own, one for each precision."""

    def __init__(self, cores: int) -> None:
        openers = {
            precision: partial(open_peak, precision, cores, _MEASURED)
            for precision in get_args(PeerPrecision)
        }
        self.processes = Processes(openers, _PROCESS)
        self.not_measured: str | None = None
        """Why there are no peaks, if there are none."""

    def measure(self, precision: str) -> Peak | None:
        """Return the peak of this moment; None where it can't be had."""
        if self.not_measured:
            return None
        try:
            self.processes.get_ready(precision)
            peak: Peak = self.processes.compute(precision).value
        except FailedError as error:
            self.not_measured = str(error)
            return None
        return peak

    def close(self) -> None:
        """End the processes."""
        self.processes.close()
