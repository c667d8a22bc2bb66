"""OpenVINO: the fastest way to run convolutions on a CPU."""

import threading
from collections import OrderedDict
from typing import Literal

import openvino

from sr_cli.engines import Batch, Device, EngineName, Precision
from sr_cli.engines.memory import memory_errors
from sr_cli.errors import DeviceError
from sr_cli.networks.fuse import Network
from sr_cli.networks.graph import build_onnx

_HINTS: dict[Precision, str] = {"float32": "f32", "bfloat16": "bf16"}
_SHAPES_KEPT = 4  # compiled models; each holds its own buffers


class OpenVinoEngine:
    """Runs on the CPU; compiles once for each input shape, which is fastest."""

    name: EngineName = "openvino"
    device: Device = "cpu"

    def __init__(
        self, network: Network, precision: Literal["auto"] | Precision
    ) -> None:
        self._core = openvino.Core()
        native = self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision == "auto":
            # Emulated bfloat16 is slower than float32; OpenVINO lists it only
            # where the CPU has instructions for it (AVX512-BF16 or AMX).
            precision = "bfloat16" if "BF16" in native else "float32"
        if precision not in _HINTS:
            raise DeviceError(
                f"OpenVINO can't compute in {precision} on a CPU",
                "Use --precision float32 or bfloat16",
            )
        if precision == "bfloat16" and "BF16" not in native:
            raise DeviceError(
                "This CPU has no bfloat16 instructions", "Use --precision float32"
            )
        self.precision: Precision = precision
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
        with self._lock, memory_errors(batch):
            request = self._request(batch.shape)
            request.infer({0: batch})
            result: Batch = request.get_output_tensor(0).data.copy()
        return result
