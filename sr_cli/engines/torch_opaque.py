"""torch, for networks that come as modules of their own."""

from threading import Lock
from typing import Literal

import torch
from torch import Tensor

from sr_cli.engines import Batch, Device, EngineName, Explain, Levels, Precision
from sr_cli.engines.levels import through_floats
from sr_cli.engines.pytorch import (
    DTYPES,
    check_device,
    free_cuda_memory,
    torch_memory_errors,
    window_that_fits,
)
from sr_cli.errors import DeviceError
from sr_cli.networks.opaque import Opaque

_WINDOW = 2**16
"""Input pixels: an ESRGAN of 64 channels, which enlarges four times, then holds 0.8
GiB of maps."""
_WIDE_WINDOW = 2**18
"""For a network whose results tiles change."""
_PROBE = 128
"""Side of the picture with which CUDA memory is measured."""


def _check_precision(network: Opaque, precision: Precision) -> None:
    able = {"float16": network.has_float16, "bfloat16": network.has_bfloat16}
    if not able.get(precision, True):
        raise DeviceError(
            f"{network.kind} networks can't compute in {precision}",
            "Leave out --precision, or use --precision float32",
        )


class OpaqueTorchEngine:
    """Runs an opaque network, one picture at a time.

    In float32 unless something else is asked for: nobody measured what 16 bits cost
    a network that srup doesn't know.
    """

    name: EngineName = "torch"
    calls_at_once = 1

    def __init__(
        self,
        network: Opaque,
        device: Device,
        precision: Literal["auto"] | Precision,
        explain: Explain = lambda _: None,
    ) -> None:
        check_device(device)
        if precision == "auto":
            precision = "float32"
            explain(f"float32, for {network.kind} networks are trained in it")
        _check_precision(network, precision)
        self.device, self.precision = device, precision
        self._channels, self._dtype = network.channels, DTYPES[precision]
        self._run = network.load(torch.device(device), self._dtype)
        # Modules may keep what they computed last.
        self._lock = Lock()
        self.window_pixels = _WIDE_WINDOW if network.sees_afar else _WINDOW
        if device == "cuda":
            self.window_pixels = window_that_fits(
                free_cuda_memory(), self._bytes_per_pixel(), self.calls_at_once
            )

    @torch.inference_mode()
    def _bytes_per_pixel(self) -> int:
        """Measure what maps take on CUDA, for each pixel of the input."""
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        shape = 1, self._channels, _PROBE, _PROBE
        self._run(torch.full(shape, 0.5, device=self.device, dtype=self._dtype))
        taken = torch.cuda.max_memory_allocated() - before
        return max(taken // _PROBE**2, 1)

    def _one(self, picture: Tensor) -> Tensor:
        """(3, h, w) to (3, H, W)."""
        batch = picture.to(self.device, self._dtype).reshape(
            3 // self._channels, self._channels, *picture.shape[1:]
        )
        parts = [self._run(part[None])[0].float().cpu() for part in batch]
        return torch.cat(parts)

    @torch.inference_mode()
    def __call__(self, batch: Batch) -> Batch:
        """Upscale (N, 3, h, w) in [0, 1]; calls wait for one another."""
        with self._lock, torch_memory_errors(self.device, *batch.shape[2:]):
            pictures = [self._one(one) for one in torch.from_numpy(batch)]
            result: Batch = torch.stack(pictures).numpy()
        return result

    def levels(
        self,
        pixels: Levels,
        _at_once: int = 1,  # one call has the device to itself
        /,
    ) -> Levels:
        """Upscale (h, w, 3)."""
        return through_floats(self, pixels)
