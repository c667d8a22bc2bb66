"""What a machine is made of, for the record of a measurement."""

from dataclasses import dataclass

import torch

from sr_cli import cpu
from sr_cli.train.devices import RealDevice


@dataclass(frozen=True, slots=True)
class Machine:
    """Where, and with what, something was measured."""

    cpu: str
    cores: int
    """That this process may use."""
    device: str
    """The GPU's name, or cpu."""
    torch: str
    """Its version."""
    threads: int
    """That torch computes with on the CPU."""


def describe_machine(device: RealDevice) -> Machine:
    """Describe this machine, and `device` as what computes."""
    name = torch.cuda.get_device_name() if device == "cuda" else device
    return Machine(
        cpu=cpu.name(),
        cores=cpu.usable_cores(),
        device=name,
        torch=str(torch.__version__),
        threads=torch.get_num_threads(),
    )


def wait_for(device: RealDevice) -> None:
    """Return when `device` has done all that was asked of it."""
    if device == "cuda":
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()
