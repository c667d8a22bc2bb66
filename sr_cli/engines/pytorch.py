"""torch on CUDA, on Apple's GPU, or on the CPU."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from queue import LifoQueue
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from sr_cli.engines import (
    Batch,
    Device,
    EngineName,
    Explain,
    Levels,
    NotFiniteError,
    Precision,
)
from sr_cli.engines.memory import memory_errors
from sr_cli.engines.torch_footprint import peak_bytes
from sr_cli.engines.torch_layers import TorchLayers
from sr_cli.errors import DeviceError, OutOfMemoryError
from sr_cli.networks.fuse import Network

DTYPES: dict[Precision, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}

_CALLS_AT_ONCE: dict[Device, int] = {"cuda": 2, "mps": 1, "cpu": 1}
"""A GPU that sends one window computes another; a CPU has nothing to wait for."""

_WINDOW = 2**16
"""Input pixels.  Microseconds per pixel of srresnet in bfloat16 on one core with AMX,
counting what windows overlap, with sides of 128: 15, 192: 13, 256: 17, 384: 27,
512: 25: larger maps leave the caches."""

_LARGEST_WINDOW = 2**20
"""Input pixels on CUDA.  Thousands of blocks of work for each multiprocessor, overlaps
of 4 %, and the widest map, of 1,024 numbers per pixel, below the 2³¹ that cuDNN can
index."""
_SMALLEST_WINDOW = 2**12
_SHARE = 0.5
"""Of the free memory, that maps may take: cuDNN needs some, and not every gap between
blocks of memory can be used."""


def check_device(device: Device) -> None:
    """See that torch can use `device`.

    Raises:
        DeviceError: it can't.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            "torch finds no usable CUDA device",
            "Install NVIDIA's driver and a CUDA build of torch, or use --device cpu",
        )
    if device == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("torch finds no Apple GPU", "Use --device cpu")


def best_precision(device: Device) -> Literal["float32", "bfloat16"]:
    """16 bits where the hardware multiplies them natively, else float32."""
    if device == "cuda":
        capability = torch.cuda.get_device_capability()
        # bfloat16 came with Ampere (8.0).  Before it float16 overflows too easily
        # for networks without BatchNorm to be anybody's silent default.
        return "bfloat16" if capability >= (8, 0) else "float32"
    # With neither AMX's tiles nor AVX512's products of bfloat16, which torch names in
    # private only, its bfloat16 convolutions lose to float32.  On two cores of an AMD
    # Zen 5, which has the latter, SRResNet trains 1.7 times as fast: 0.21 s an update
    # instead of 0.36.
    names = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    native = any(getattr(torch.cpu, name, lambda: False)() for name in names)
    return "bfloat16" if device == "cpu" and native else "float32"


def window_that_fits(free: int, bytes_per_pixel: int, calls: int) -> int:
    """Return how many pixels a window may have where `calls` share `free` bytes."""
    fitting = int(free * _SHARE) // (calls * bytes_per_pixel)
    return min(max(fitting, _SMALLEST_WINDOW), _LARGEST_WINDOW)


def free_cuda_memory() -> int:
    """Bytes that can be had, those included that torch holds and doesn't use."""
    free, _ = torch.cuda.mem_get_info()
    return free + torch.cuda.memory_reserved() - torch.cuda.memory_allocated()


def _planes(pixels: Tensor) -> Tensor:
    """(h, w, 3) levels to float32 (1, 3, h, w) in [0, 1], channels last."""
    return pixels[None].permute(0, 3, 1, 2).float() / 255


def _levels(planes: Tensor) -> tuple[Tensor, Tensor]:
    """float32 (1, 3, h, w), which is spoilt, to (h, w, 3) levels.

    Also says, on the device, whether all of it is finite.
    """
    # One pass without a map of truths: whatever isn't finite stays so in a sum, and
    # only values that are no picture's overflow it.
    finite = planes.sum().isfinite()
    levels = planes.mul_(255).add_(0.5).clamp_(0, 255).to(torch.uint8)
    return levels[0].permute(1, 2, 0).contiguous(), finite


@contextmanager
def torch_memory_errors(device: Device, height: int, width: int) -> Iterator[None]:
    """Raise OutOfMemoryError for an input that doesn't fit, with nothing held."""
    try:
        with memory_errors(height, width):
            yield
    except OutOfMemoryError as error:
        # Whoever tries something smaller may still hold this error, it holds the
        # frames that failed, and they hold the maps that took the memory.
        if error.__cause__ is not None:
            traceback.clear_frames(error.__cause__.__traceback__)
        if device == "cuda":
            torch.cuda.empty_cache()
        raise


class TorchEngine:
    """Runs the fused list of layers on one device.

    On CUDA each call that is under way has a stream of its own, so that one call's
    bytes travel while the other computes.  A call takes one window and no batch of
    them: one as large as the device likes (`window_pixels`) keeps it as busy as many
    small ones of the same area, and overlaps less.
    """

    name: EngineName = "torch"

    def __init__(
        self,
        network: Network,
        device: Device,
        precision: Literal["auto"] | Precision,
        explain: Explain = lambda _: None,
    ) -> None:
        check_device(device)
        self.device: Device = device
        if precision == "auto":
            precision = best_precision(device)
            native = precision != "float32"
            reason = "is made for it" if native else "gains nothing by bfloat16"
            explain(f"{precision}, for {device} {reason}")
        self.precision: Precision = precision
        dtype = DTYPES[self.precision]
        self._on_cuda = device == "cuda"
        self._run = TorchLayers(network.layers, device, dtype)
        self.calls_at_once = _CALLS_AT_ONCE[device]
        self.window_pixels = _WINDOW
        # Callers' threads come and go.  Streams that stay keep using the memory that
        # torch has set aside for each; the last one used goes out first.
        self._streams: LifoQueue[torch.cuda.Stream | None] = LifoQueue()
        for _ in range(self.calls_at_once):
            stream = torch.cuda.Stream() if self._on_cuda else None
            self._streams.put(stream)
        if self._on_cuda:
            self.window_pixels = window_that_fits(
                free_cuda_memory(),
                peak_bytes(network.layers, dtype.itemsize),
                self.calls_at_once,
            )
            # The weights were sent on a stream for which others don't wait.
            torch.cuda.synchronize()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until fewer than `calls_at_once` run; compute on one's own stream."""
        stream = self._streams.get()
        try:
            with nullcontext() if stream is None else torch.cuda.stream(stream):
                yield
        finally:
            self._streams.put(stream)

    def __call__(self, batch: Batch) -> Batch:
        """Upscale (N, 3, h, w) in [0, 1]."""
        with torch_memory_errors(self.device, *batch.shape[2:]):
            x = torch.from_numpy(batch).to(self.device)
            x = x.contiguous(memory_format=torch.channels_last)
            result: Batch = self._run(x).float().contiguous().cpu().numpy()
        return result

    def levels(
        self,
        pixels: Levels,
        _at_once: int = 1,  # calls that run at once share by themselves
        /,
    ) -> Levels:
        """Upscale (h, w, 3); more calls than `calls_at_once` wait for each other."""
        with torch_memory_errors(self.device, *pixels.shape[:2]), self._turn():
            result, finite = self._send_and_fetch(pixels)
        if not finite:
            raise NotFiniteError
        return result

    @torch.inference_mode()
    def _send_and_fetch(self, pixels: Levels) -> tuple[Levels, bool]:
        """Return the levels and whether they are numbers; only bytes travel."""
        low = self._on_host(pixels.shape, torch.uint8)
        np.copyto(low.numpy(), pixels)
        x = _planes(low.to(self.device, non_blocking=self._on_cuda))
        high, finite = _levels(self._run(x).float())
        if not self._on_cuda:
            return high.cpu().numpy(), bool(finite)
        result = self._on_host(high.shape, high.dtype).copy_(high, non_blocking=True)
        is_finite = self._on_host((), torch.bool).copy_(finite, non_blocking=True)
        # Blocking: a thread that waits leaves its core to those that read and write.
        done = torch.cuda.Event(blocking=True)
        done.record()
        done.synchronize()
        # A copy, for pinned memory is dear: torch gives this piece to the next call.
        return result.numpy().copy(), bool(is_finite)

    def _on_host(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Memory that a GPU can read and write while the CPU does something else.

        torch keeps it when it is let go, and hands it out again once no transfer
        uses it any more.
        """
        return torch.empty(shape, dtype=dtype, pin_memory=self._on_cuda)
