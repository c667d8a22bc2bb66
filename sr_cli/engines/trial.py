"""What facts don't decide is tried once, and remembered for this machine."""

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sr_cli.cache_folder import cache_folder
from sr_cli.engines import Engine, Explain, Precision
from sr_cli.networks.fuse import Conv, Network
from sr_cli.whole_file import whole_file

ENOUGH_BFLOAT16 = 54.5
"""PSNR in dB between the results in bfloat16 and in float32 from which on bfloat16
costs at most 0.01 dB against a truth that float32 misses by 28 dB, as it does on
Set14: rounding adds its own squared error, and 10·log10(1 + 10^-2.65) is 0.0097."""

Name = TypeVar("Name", bound=str)

_SECONDS = 0.5  # for each engine
_SIDE = 96


def remembered(question: str, ask: Callable[[], float]) -> float:
    """Return the answer to `question` on this machine, from `ask` if it is new.

    An answer that can't be kept is asked for again next time.
    """
    path = cache_folder() / "trials.json"
    known = _read(path)
    if question not in known:
        known[question] = ask()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path, overwrite=True) as stream:
                stream.write(json.dumps(known, indent=1).encode())
        except OSError:
            pass
    return known[question]


def _read(path: Path) -> dict[str, float]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(key): float(value) for key, value in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _digest(network: Network) -> str:
    digest = hashlib.sha256()
    for layer in network.layers:
        digest.update(type(layer).__name__.encode())
        if isinstance(layer, Conv):
            digest.update(layer.weight.tobytes())
            digest.update(layer.bias.tobytes())
            digest.update(b"" if layer.slope is None else layer.slope.tobytes())
    return digest.hexdigest()[:16]


def trial_picture(side: int = _SIDE) -> NDArray[np.uint8]:
    """Return shades, edges and noise: (side, side, 3)."""
    across, down = np.meshgrid(np.linspace(0, 1, side), np.linspace(0, 1, side))
    shade = np.stack([across, down, 1 - across], axis=2)
    stripes = np.sin(40 * across * down)[:, :, None] > 0
    noise = np.random.default_rng(0).random((side, side, 3))
    picture = np.where(down[:, :, None] < 0.6, shade, 0.2 + 0.6 * stripes)
    return np.rint(255 * np.clip(0.85 * picture + 0.15 * noise, 0, 1)).astype(np.uint8)


def bfloat16_is_accurate(
    network: Network,
    version: str,
    open_in: Callable[[Precision], Engine],
    explain: Explain = lambda _: None,
) -> bool:
    """Find out whether bfloat16 costs this network at most 0.01 dB.

    Args:
        network: what is asked about.
        version: of what computes.
        open_in: opens the engine in a precision.
        explain: told the outcome.
    """

    def ask() -> float:
        levels = trial_picture().transpose(2, 0, 1)[None]
        low = levels.astype(np.float32) / np.float32(255)
        exact, rounded = open_in("float32")(low), open_in("bfloat16")(low)
        difference = np.clip(exact, 0, 1) - np.clip(rounded, 0, 1)
        error = float(np.mean(np.square(difference, dtype=np.float64)))
        if not np.isfinite(error):
            return 0.0
        return float(-10 * np.log10(max(error, 1e-12)))

    question = f"PSNR of bfloat16: {_digest(network)} {version} {_cpu()}"
    psnr = remembered(question, ask)
    enough = psnr >= ENOUGH_BFLOAT16
    explain(
        f"{'bfloat16' if enough else 'float32'}, for the CPU is made for bfloat16 and "
        f"this model's results in it agree with float32 to {psnr:.1f} dB, of which "
        f"{ENOUGH_BFLOAT16} are enough"
    )
    return enough


def fastest(
    candidates: Sequence[Name],
    open_one: Callable[[Name], Engine],
    explain: Explain = lambda _: None,
) -> Name:
    """Return the fastest of several engines on this machine's CPU.

    Each gets half a second.  On x86 nothing is tried: there the first, OpenVINO, won
    wherever it was measured.
    """
    if len(candidates) == 1 or platform.machine().lower() in ("x86_64", "amd64"):
        explain(f"{candidates[0]}, which won on x86 wherever it was measured")
        return candidates[0]
    picture = trial_picture()

    def seconds(name: Name) -> float:
        engine = open_one(name)
        engine.levels(picture)
        best, until = float("inf"), time.perf_counter() + _SECONDS
        while (began := time.perf_counter()) < until:
            engine.levels(picture)
            best = min(best, time.perf_counter() - began)
        return best

    took = {
        name: remembered(f"seconds: {name} {_cpu()}", partial(seconds, name))
        for name in candidates
    }
    best = min(candidates, key=took.__getitem__)
    figures = ", ".join(f"{name} {1000 * took[name]:.0f} ms" for name in candidates)
    explain(f"{best}, the fastest here with a small picture: {figures}")
    return best


def _cpu() -> str:
    return f"{platform.machine()} {platform.processor()} {os.cpu_count()} cores"
