"""torch on CUDA, on Apple's GPU, or on the CPU."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from sr_cli.engines import Batch, Device, EngineName, Precision
from sr_cli.engines.memory import memory_errors
from sr_cli.errors import DeviceError
from sr_cli.networks.bicubic import enlarging_kernel
from sr_cli.networks.fuse import (
    Add,
    Conv,
    Enlarge,
    Keep,
    Layer,
    Network,
    Recall,
    Shuffle,
    Tanh,
)
from sr_cli.networks.luma import enlarge

_DTYPES: dict[Precision, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
_Tensors = tuple[Tensor, ...]


def _check_device(device: Device) -> None:
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
    # Without AMX's matrix tiles torch's bfloat16 convolutions lose to float32.
    amx = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    if device == "cpu" and amx():
        return "bfloat16"
    return "float32"


class TorchEngine:
    """Runs the fused list of layers as torch functions, channels last.

    Convolutions run in the engine's precision.  A picture that is enlarged beside
    them stays in float32, and so does the sum: the network only corrects it.
    """

    name: EngineName = "torch"

    def __init__(
        self,
        network: Network,
        device: Device,
        precision: Literal["auto"] | Precision,
    ) -> None:
        _check_device(device)
        self.device: Device = device
        self.precision: Precision = (
            best_precision(device) if precision == "auto" else precision
        )
        self._dtype = _DTYPES[self.precision]
        self._layers = network.layers
        self._tensors = [self._to_device(layer) for layer in network.layers]

    def _to_device(self, layer: Layer) -> _Tensors:
        """Return what `layer` needs beside its input: (weight, bias[, slope])."""
        if isinstance(layer, Enlarge):
            return (torch.tensor(enlarging_kernel(layer.factor), device=self.device),)
        if not isinstance(layer, Conv):
            return ()
        weight, *rest = (
            torch.tensor(a, dtype=self._dtype, device=self.device)
            for a in (layer.weight, layer.bias, layer.slope)
            if a is not None
        )
        return weight.contiguous(memory_format=torch.channels_last), *rest

    def _convolve(
        self, x: Tensor, weight: Tensor, bias: Tensor, slope: Tensor | None = None
    ) -> Tensor:
        x = F.conv2d(x.to(self._dtype), weight, bias, padding=weight.shape[2] // 2)
        return x if slope is None else F.prelu(x, slope)

    @torch.inference_mode()
    def _run(self, x: Tensor) -> Tensor:
        kept: dict[str, Tensor] = {}
        for layer, tensors in zip(self._layers, self._tensors, strict=True):
            match layer:
                case Conv():
                    x = self._convolve(x, *tensors)
                case Tanh():
                    x = torch.tanh(x)
                case Keep(name):
                    kept[name] = x
                case Recall(name):
                    x = kept.pop(name)
                case Add(name):
                    x = x + kept.pop(name)
                case Shuffle(factor):
                    x = F.pixel_shuffle(x, factor)
                case Enlarge():
                    x = enlarge(x, *tensors)
        return x

    def __call__(self, batch: Batch) -> Batch:
        """Upscale (N, 3, h, w) in [0, 1]."""
        with memory_errors(batch):
            x = torch.from_numpy(batch).to(self.device)
            x = x.contiguous(memory_format=torch.channels_last)
            result: Batch = self._run(x).float().contiguous().cpu().numpy()
        return result
