"""The machine that srup runs on."""

import platform
from dataclasses import dataclass

from sr_cli import __version__, cpu
from sr_cli.bench.processes import available_memory


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides how fast, and whether, srup runs."""

    srup: str
    python: str
    system: str
    cpu: str
    physical_cores: int | None
    """None where the system doesn't tell, as for memory."""
    logical_cores: int
    """Hyperthreads each."""
    usable_cores: int
    """Of those, by this process."""
    features: tuple[str, ...]
    """Instructions for fast convolutions, as far as can be found out."""
    memory: int | None
    """Bytes that this process may have."""
    available_memory: int | None


def this_machine() -> Machine:
    """Look around."""
    return Machine(
        srup=__version__,
        python=f"{platform.python_implementation()} {platform.python_version()}",
        system=platform.platform(),
        cpu=cpu.name(),
        physical_cores=cpu.physical_cores(),
        logical_cores=cpu.logical_cores(),
        usable_cores=cpu.usable_cores(),
        features=cpu.features(),
        memory=cpu.memory(),
        available_memory=available_memory(),
    )
