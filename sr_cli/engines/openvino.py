"""OpenVINO: the fastest way to run convolutions on a CPU."""

import threading
from collections import OrderedDict
from typing import Literal

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import Type as Element

from sr_cli.engines import (
    Batch,
    Device,
    Engine,
    EngineName,
    Explain,
    Levels,
    Precision,
)
from sr_cli.engines.levels import store, through_floats
from sr_cli.engines.memory import memory_errors
from sr_cli.engines.openvino_chain import Chain
from sr_cli.engines.trial import bfloat16_is_accurate
from sr_cli.errors import DeviceError
from sr_cli.networks.fuse import Network
from sr_cli.networks.stages import body_and_tail

_HINTS: dict[Precision, str] = {"float32": "f32", "bfloat16": "bf16"}
_ELEMENTS: dict[Precision, Element] = {"float32": Element.f32, "bfloat16": Element.bf16}
_SHAPES_KEPT = 4  # compiled models; each holds its own buffers
_WHITE = np.float32(255.0)


def _precision(
    core: openvino.Core, asked: Literal["auto"] | Precision
) -> Literal["float32", "bfloat16"]:
    # OpenVINO lists it only where the CPU has instructions for it (AVX512-BF16 or
    # AMX); emulated bfloat16 is slower than float32.
    has_bfloat16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if asked == "auto":
        return "bfloat16" if has_bfloat16 else "float32"
    if asked == "float16":
        raise DeviceError(
            f"OpenVINO can't compute in {asked} on a CPU",
            "Use --precision float32 or bfloat16",
        )
    if asked == "bfloat16" and not has_bfloat16:
        raise DeviceError(
            "This CPU has no bfloat16 instructions", "Use --precision float32"
        )
    return asked


def physical_cores(core: openvino.Core) -> int:
    """Count the cores that OpenVINO would give to one picture.

    It knows hyperthreads, efficiency cores and what a container may use.
    """
    zero = openvino.opset13.parameter([1], Element.f32)
    model = openvino.Model([openvino.opset13.relu(zero)], [zero], "nothing")
    compiled = core.compile_model(model, "CPU", {"PERFORMANCE_HINT": "LATENCY"})
    return max(1, int(compiled.get_property("INFERENCE_NUM_THREADS")))


def open_openvino(
    network: Network,
    precision: Literal["auto"] | Precision,
    explain: Explain = lambda _: None,
) -> Engine:
    """Open the way that suits `network`; why in which precision, `explain` is told.

    Raises:
        DeviceError: the CPU or OpenVINO can't compute in `precision`.
    """
    core = openvino.Core()
    kind = OpenVinoEngine if body_and_tail(network) is None else OpenVinoChainEngine
    found = _precision(core, precision)
    if precision == "auto" and found == "bfloat16":

        def open_in(name: Precision) -> Engine:
            return kind(core, network, name)

        version = openvino.__version__
        if not bfloat16_is_accurate(network, version, open_in, explain):
            found = "float32"
    elif precision == "auto":
        explain("float32, for this CPU has no bfloat16 instructions")
    return kind(core, network, found)


class OpenVinoChainEngine:
    """Runs a network that has a body and a tail: see `openvino_chain`."""

    name: EngineName = "openvino"
    device: Device = "cpu"

    def __init__(
        self, core: openvino.Core, network: Network, precision: Precision
    ) -> None:
        self.precision: Precision = precision
        self.calls_at_once = physical_cores(core)
        self._scale = network.scale
        self._chain = Chain(core, network, _ELEMENTS[precision], self.calls_at_once)
        self.window_pixels = self._chain.window_pixels

    def __call__(self, batch: Batch) -> Batch:
        """Upscale (N, 3, h, w) in [0, 1]."""
        height, width = batch.shape[2:]
        shape = (len(batch), 3, height * self._scale, width * self._scale)
        result = np.empty(shape, np.float32)
        for low, high in zip(batch, result, strict=True):

            def put(
                part: NDArray[np.float32],
                rows: slice,
                columns: slice,
                high: Batch = high,
            ) -> None:
                planes = part.transpose(2, 0, 1)
                np.divide(planes, _WHITE, out=high[:, rows, columns])

            with memory_errors(height, width):
                self._chain.run_floats(low.transpose(1, 2, 0) * _WHITE, put)
        return result

    def levels(self, pixels: Levels, at_once: int = 1, /) -> Levels:
        """Upscale (h, w, 3)."""
        height, width, channels = pixels.shape
        shape = (height * self._scale, width * self._scale, channels)
        result = np.empty(shape, np.uint8)

        def put(part: NDArray[np.float32], rows: slice, columns: slice) -> None:
            store(part, result[rows, columns])

        with memory_errors(height, width):
            self._chain.run_pixels(pixels, at_once, put)
        return result


class OpenVinoEngine:
    """Runs any graph; compiles once for each input shape, which is fastest."""

    name: EngineName = "openvino"
    device: Device = "cpu"
    calls_at_once = 2  # one converts while the other computes
    window_pixels = 2**18

    def __init__(
        self, core: openvino.Core, network: Network, precision: Precision
    ) -> None:
        self.precision: Precision = precision
        from sr_cli.networks.graph import build_onnx  # onnx takes 0.1 s to import

        self._core = core
        self._onnx = build_onnx(network)
        self._compiled: OrderedDict[tuple[int, ...], openvino.InferRequest] = (
            OrderedDict()
        )
        self._lock = threading.Lock()

    def _request(self, shape: tuple[int, ...]) -> openvino.InferRequest:
        if shape in self._compiled:
            self._compiled.move_to_end(shape)
            return self._compiled[shape]
        if len(self._compiled) >= _SHAPES_KEPT:
            self._compiled.popitem(last=False)
        model = self._core.read_model(self._onnx)
        model.reshape(list(shape))
        settings = {
            "INFERENCE_PRECISION_HINT": _HINTS[self.precision],
            "PERFORMANCE_HINT": "LATENCY",
        }
        compiled = self._core.compile_model(model, "CPU", settings)
        self._compiled[shape] = compiled.create_infer_request()
        return self._compiled[shape]

    def __call__(self, batch: Batch) -> Batch:
        """Upscale (N, 3, h, w) in [0, 1]."""
        with self._lock, memory_errors(*batch.shape[2:]):
            request = self._request(batch.shape)
            request.infer({0: batch})
            result: Batch = request.get_output_tensor(0).data.copy()
        return result

    def levels(
        self,
        pixels: Levels,
        _at_once: int = 1,  # calls take turns, each with all cores
        /,
    ) -> Levels:
        """Upscale (h, w, 3)."""
        return through_floats(self, pixels)
