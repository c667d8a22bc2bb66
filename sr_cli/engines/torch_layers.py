"""A fused network as torch functions, on any device."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from sr_cli.networks.bicubic import enlarging_kernel
from sr_cli.networks.fuse import (
    Add,
    Conv,
    Enlarge,
    Keep,
    Layer,
    Recall,
    Shuffle,
    Sigmoid,
    Tanh,
)
from sr_cli.networks.luma import enlarge

_Tensors = tuple[Tensor, ...]


def _tensors(layer: Layer, device: str, dtype: torch.dtype) -> _Tensors:
    """Return what `layer` needs beside its input: (weight, bias[, slope])."""
    if isinstance(layer, Enlarge):
        kernel = enlarging_kernel(layer.factor, layer.kernel)
        return (torch.tensor(kernel, device=device),)
    if not isinstance(layer, Conv):
        return ()
    weight, *rest = (
        torch.tensor(a, dtype=dtype, device=device)
        for a in (layer.weight, layer.bias, layer.slope)
        if a is not None
    )
    return weight.contiguous(memory_format=torch.channels_last), *rest


class TorchLayers:
    """Runs `layers` one after the other, channels last.

    Convolutions run in `dtype`.  A picture that is enlarged beside them stays in
    float32, and so does the sum: the network only corrects it.
    """

    def __init__(
        self, layers: Sequence[Layer], device: str, dtype: torch.dtype
    ) -> None:
        self._dtype = dtype
        self._steps = [(layer, _tensors(layer, device, dtype)) for layer in layers]

    @torch.inference_mode()
    def __call__(self, x: Tensor) -> Tensor:
        """Map float32 (N, 3, h, w) to (N, 3, scale·h, scale·w).

        The result is float32 or in `dtype`, whichever the last layer gives.
        """
        # Each map must be let go as soon as the next one is there, for the widest
        # decide how large a window fits; `sr_cli.engines.torch_footprint` counts them.
        kept: dict[str, Tensor] = {}
        for layer, tensors in self._steps:
            match layer:
                case Conv():
                    weight, bias, *slope = tensors
                    padding = weight.shape[2] // 2
                    x = F.conv2d(x.to(self._dtype), weight, bias, padding=padding)
                    if slope:
                        x = F.prelu(x, *slope)
                case Tanh() | Sigmoid():
                    x = torch.tanh(x) if layer == Tanh() else torch.sigmoid(x)
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
