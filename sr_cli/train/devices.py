"""Where a run is computed."""

from typing import Literal

import torch

from sr_cli.errors import DeviceError

RealDevice = Literal["cpu", "cuda", "mps"]
DeviceName = Literal["auto", RealDevice]


def prepare_device(name: DeviceName, threads: int | None = None) -> RealDevice:
    """Return the device called `name`, ready for training; auto prefers a GPU.

    `threads` are those of the CPU, as many as it has cores by default.

    Raises:
        DeviceError: it was asked for by name and can't be had.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if (name == "cuda" and not cuda) or (name == "mps" and not mps):
        raise DeviceError(
            f"torch finds no usable {name} device here",
            "Leave --device out, or install a build of torch for the GPU",
        )
    if name == "auto":
        name = "cuda" if cuda else "mps" if mps else "cpu"
    if name == "cuda":
        # Crops never change their size, so measuring the convolutions once pays;
        # what stays in float32 may use TF32.
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
    return name
