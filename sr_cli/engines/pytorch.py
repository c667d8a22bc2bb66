"""torch on CUDA, on Apple's GPU, or on the CPU."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from sr_cli.engines import Batch, Device, EngineName, Precision
from sr_cli.engines.memory import memory_errors
from sr_cli.errors import DeviceError
from sr_cli.networks.fuse import Add, Conv, Keep, Layer, Network, Shuffle

_DTYPES: dict[Precision, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
_Tensors = tuple[Tensor, Tensor, Tensor | None]


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
    """Runs the fused list of layers as torch functions, channels last."""

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

    def _to_device(self, layer: Layer) -> _Tensors | None:
        if not isinstance(layer, Conv):
            return None
        weight, bias, slope = (
            None
            if a is None
            else torch.tensor(a, dtype=self._dtype, device=self.device)
            for a in (layer.weight, layer.bias, layer.slope)
        )
        assert weight is not None
        assert bias is not None
        return weight.contiguous(memory_format=torch.channels_last), bias, slope

    @torch.inference_mode()
    def _run(self, x: Tensor) -> Tensor:
        kept: dict[str, Tensor] = {}
        for layer, tensors in zip(self._layers, self._tensors, strict=True):
            if tensors is not None:
                weight, bias, slope = tensors
                x = F.conv2d(x, weight, bias, padding=weight.shape[2] // 2)
                if slope is not None:
                    x = F.prelu(x, slope)
            elif isinstance(layer, Keep):
                kept[layer.name] = x
            elif isinstance(layer, Add):
                x = x + kept.pop(layer.name)
            elif isinstance(layer, Shuffle):
                x = F.pixel_shuffle(x, layer.factor)
        return x

    def __call__(self, batch: Batch) -> Batch:
        """Upscale (N, 3, h, w) in [0, 1]."""
        with memory_errors(batch):
            x = torch.from_numpy(batch).to(self.device, self._dtype)
            x = x.contiguous(memory_format=torch.channels_last)
            result: Batch = self._run(x).float().contiguous().cpu().numpy()
        return result
