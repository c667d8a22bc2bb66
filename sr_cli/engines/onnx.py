"""onnxruntime: runs everywhere, in float32."""

from typing import Literal

import onnxruntime

from sr_cli.engines import Batch, Device, EngineName, Levels, Precision
from sr_cli.engines.levels import through_floats
from sr_cli.engines.memory import memory_errors
from sr_cli.errors import DeviceError
from sr_cli.networks.fuse import Network
from sr_cli.networks.graph import build_onnx

_PROVIDERS: dict[Device, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
}
_ERRORS_ONLY = 3


class OnnxRuntimeEngine:
    """Runs the graph on the CPU, or on CUDA with onnxruntime's GPU build."""

    name: EngineName = "onnxruntime"
    calls_at_once = 1
    window_pixels = 2**18

    def __init__(
        self,
        network: Network,
        device: Device,
        precision: Literal["auto"] | Precision,
    ) -> None:
        if precision not in ("auto", "float32"):
            raise DeviceError(
                f"onnxruntime runs this graph in float32, not in {precision}",
                "Use --precision float32, or --engine openvino or torch",
            )
        self.precision: Precision = "float32"
        self.device: Device = device
        provider = _PROVIDERS[device]
        if provider not in onnxruntime.get_available_providers():
            raise DeviceError(
                "This build of onnxruntime can't use CUDA",
                "Run `pip install onnxruntime-gpu`, or use --engine torch",
            )
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        self._session = onnxruntime.InferenceSession(
            build_onnx(network), options, providers=[provider]
        )
        # onnxruntime falls back to the CPU without a word.
        if self._session.get_providers()[0] != provider:
            raise DeviceError(
                "onnxruntime could not start CUDA",
                "Check that its CUDA and cuDNN libraries are installed, "
                "or use --engine torch",
            )

    def __call__(self, batch: Batch) -> Batch:
        """Upscale (N, 3, h, w) in [0, 1]."""
        with memory_errors(*batch.shape[2:]):
            result: Batch = self._session.run(["high"], {"low": batch})[0]
        return result

    def levels(
        self,
        pixels: Levels,
        _at_once: int = 1,  # one call has the device to itself
        /,
    ) -> Levels:
        """Upscale (h, w, 3)."""
        return through_floats(self, pixels)
