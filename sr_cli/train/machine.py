"""What a machine is made of, for the record of a measurement."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from sr_cli.train.devices import RealDevice

_CPU_FACTS = Path("/proc/cpuinfo")


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


def usable_cores() -> int:
    """Count the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_name() -> str:
    try:
        for line in _CPU_FACTS.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def describe_machine(device: RealDevice) -> Machine:
    """Describe this machine, and `device` as what computes."""
    name = torch.cuda.get_device_name() if device == "cuda" else device
    return Machine(
        cpu=_cpu_name(),
        cores=usable_cores(),
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
