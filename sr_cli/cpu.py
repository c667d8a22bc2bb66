"""What this machine computes with when it has no GPU: its processor and memory."""

import os
import platform
from pathlib import Path

_FACTS = Path("/proc/cpuinfo")
_CORES = Path("/sys/devices/system/cpu")
_CONTAINER = Path("/sys/fs/cgroup/memory.max")

FEATURES = {
    "AVX2": ("avx2",),
    "AVX512": ("avx512f",),
    "AVX512-BF16": ("avx512_bf16",),
    "AMX": ("amx_tile", "amx_bf16"),
    "NEON": ("asimd",),
    "SVE": ("sve",),
    "BF16": ("bf16",),
}
"""Instructions that convolutions are faster with, and what Linux calls them."""

_NUMPY_FEATURES = {"AVX2": "AVX2", "AVX512": "AVX512F", "NEON": "ASIMD", "SVE": "SVE"}


def name() -> str:
    """Return what the maker calls the processor."""
    return _fact("model name") or platform.processor() or platform.machine()


def usable_cores() -> int:
    """Count the cores that this process may run on, hyperthreads each."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def logical_cores() -> int:
    """Count the cores of the machine, hyperthreads each."""
    return os.cpu_count() or 1


def physical_cores() -> int | None:
    """Count the cores, hyperthreads together; None where the system doesn't tell."""
    files = _CORES.glob("cpu[0-9]*/topology/thread_siblings_list")
    return len({_text(file) for file in files}) or None


def features() -> tuple[str, ...]:
    """List which of `FEATURES` there are, as far as can be found out."""
    flags = (_fact("flags") or _fact("Features")).split()
    if flags:
        return tuple(f for f, needed in FEATURES.items() if {*needed} <= {*flags})
    return _known_to_numpy()


def _known_to_numpy() -> tuple[str, ...]:
    """List what numpy has found, which asks the processor itself on any system."""
    try:
        # Compiled, so that mypy finds no types.
        from numpy._core._multiarray_umath import (  # type: ignore[import-not-found]
            __cpu_features__ as found,
        )
    except ImportError:  # private, and so may move
        return ()
    return tuple(f for f, numpys in _NUMPY_FEATURES.items() if found.get(numpys))


def memory() -> int | None:
    """Return how many bytes of memory this process may have at most, if known."""
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return None
    limit = _text(_CONTAINER)  # "max" for none
    return min(whole, int(limit)) if limit.isdecimal() else whole


def _fact(key: str) -> str:
    """Look a fact up for the first processor; empty where there is none."""
    for line in _text(_FACTS).splitlines():
        found, _, value = line.partition(":")
        if found.strip() == key:
            return value.strip()
    return ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
