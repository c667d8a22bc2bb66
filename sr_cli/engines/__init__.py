"""What runs a fused network: one contract, three engines.

An engine takes float32 RGB (N, 3, h, w) in [0, 1] and returns float32
(N, 3, scale·h, scale·w), not clipped.  For 8-bit levels there is a shorter way.  It
knows neither windows nor pictures.
"""

import ctypes.util
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from sr_cli.errors import DeviceError
from sr_cli.networks.fuse import Network
from sr_cli.networks.mix import Mix
from sr_cli.networks.opaque import Opaque

EngineName = Literal["openvino", "onnxruntime", "torch"]
Device = Literal["cpu", "cuda", "mps"]
Precision = Literal["float32", "bfloat16", "float16"]
Batch = NDArray[np.float32]
Levels = NDArray[np.uint8]
Explain = Callable[[str], None]
"""Told, sentence by sentence without a full stop, why something was chosen."""

CPU_ENGINES: tuple[EngineName, ...] = ("openvino", "onnxruntime", "torch")
"""Fastest first.  One 768×512 photo through `srup upscale`, once each, on two cores
with AMX: OpenVINO in bfloat16 8.2 s, onnxruntime in float32 21.3 s; torch is last
because importing it alone takes over a second."""


class NotFiniteError(Exception):
    """A result has NaN or infinity in it."""


class Engine(Protocol):
    """A network that is ready to run on one device."""

    name: EngineName
    device: Device
    precision: Precision
    calls_at_once: int
    """How many calls, from as many threads, keep the device busy."""
    window_pixels: int
    """How large an input suits a call, in pixels."""

    def __call__(self, batch: Batch) -> Batch:
        """Upscale (N, 3, h, w) in [0, 1]; safe to call from several threads.

        Raises:
            OutOfMemoryError: the batch does not fit.
        """
        ...

    def levels(self, pixels: Levels, at_once: int = 1, /) -> Levels:
        """Upscale (h, w, 3), rounded to 8 bits; safe to call from several threads.

        `at_once` says how many calls share the device, this one included.

        Raises:
            NotFiniteError: a result is not a number, or infinite.
            OutOfMemoryError: the picture does not fit.
        """
        ...


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """What was asked for; "auto" leaves it to `open_engine`."""

    engine: Literal["auto"] | EngineName = "auto"
    device: Literal["auto"] | Device = "auto"
    precision: Literal["auto"] | Precision = "auto"


def _has_cuda_driver() -> bool:
    """Look for NVIDIA's driver; asking torch instead would cost a second."""
    library = "nvcuda" if sys.platform == "win32" else "cuda"
    return ctypes.util.find_library(library) is not None


def _has_mps() -> bool:
    return sys.platform == "darwin" and platform.machine() == "arm64"


def likely_gpu() -> Device | None:
    """Name the GPU that there seems to be; whether it can be used is seen later."""
    if _has_cuda_driver():
        return "cuda"
    return "mps" if _has_mps() else None


def installed_cpu_engines() -> list[EngineName]:
    """List the engines that can run on this CPU, fastest first."""
    return [name for name in CPU_ENGINES if find_spec(name) is not None]


def _open(
    network: Network | Opaque,
    engine: EngineName,
    device: Device,
    precision: Literal["auto"] | Precision,
    explain: Explain = lambda _: None,
) -> Engine:
    if find_spec(engine) is None:
        raise DeviceError(
            f"The engine {engine} is not installed",
            f"Run `pip install {engine}`, or use --engine auto",
        )
    try:
        return _open_installed(network, engine, device, precision, explain)
    # What wheels raise whose libraries, or those of the system, don't fit together.
    except (ImportError, OSError) as error:
        raise DeviceError(
            f"The engine {engine} is installed, but can't be loaded ({error})",
            f"Run `pip install --force-reinstall {engine}`, or use another --engine",
        ) from error


def _open_installed(
    network: Network | Opaque,
    engine: EngineName,
    device: Device,
    precision: Literal["auto"] | Precision,
    explain: Explain,
) -> Engine:
    if isinstance(network, Opaque):
        if engine != "torch":
            raise DeviceError(
                f"The engine {engine} can't run {network.kind} networks",
                "Leave out --engine, or use --engine torch",
            )
        from sr_cli.engines.torch_opaque import OpaqueTorchEngine

        return OpaqueTorchEngine(network, device, precision, explain)
    if engine == "torch":
        from sr_cli.engines.pytorch import TorchEngine

        return TorchEngine(network, device, precision, explain)
    if device == "mps":
        raise DeviceError(
            f"The engine {engine} can't use Apple's GPU", "Use --engine torch"
        )
    if engine == "onnxruntime":
        from sr_cli.engines.onnx import OnnxRuntimeEngine

        return OnnxRuntimeEngine(network, device, precision)
    if device != "cpu":
        raise DeviceError(
            "The engine openvino runs on the CPU here",
            "Use --device cpu, or --engine torch for a GPU",
        )
    from sr_cli.engines.openvino import open_openvino

    return open_openvino(network, precision, explain)


def _fastest(
    network: Network,
    available: list[EngineName],
    precision: Literal["auto"] | Precision,
    explain: Explain,
) -> EngineName:
    # torch takes over a second to import, which no small picture makes good.
    candidates = [name for name in available if name != "torch"]
    if len(candidates) < 2:
        only = len(available) == 1
        reason = "the only engine installed" if only else "for torch starts slowly"
        explain(f"{available[0]}, {reason}")
        return available[0]
    from sr_cli.engines.trial import fastest

    def open_one(name: EngineName) -> Engine:
        return _open(network, name, "cpu", precision)

    return fastest(candidates, open_one, explain)


def open_engine(
    network: Network | Mix | Opaque,
    choice: EngineChoice = EngineChoice(),
    say: Callable[[str], None] = lambda _: None,
    explain: Explain = lambda _: None,
) -> Engine:
    """Open what `choice` asks for.

    `auto` takes CUDA, then Apple's GPU, then the fastest installed CPU engine; a
    GPU that is there but can't be used is told to `say`.  Whatever `auto` decides is
    told to `explain`.

    Raises:
        DeviceError: what was asked for by name can't be had.
    """
    if isinstance(network, Mix):
        from sr_cli.engines.mixed import MixedEngine

        one = open_engine(network.one, choice, say, explain)
        other = open_engine(network.other, choice, say)
        return MixedEngine(one, other, network.share)
    device, engine = choice.device, choice.engine
    if isinstance(network, Opaque) and engine == "auto":
        engine = "torch"
        explain(f"torch, for only it runs {network.kind} networks")
    if device == "auto":
        gpu = likely_gpu()
        if gpu and engine in ("auto", "torch"):
            try:
                opened = _open(network, "torch", gpu, choice.precision, explain)
            except DeviceError as error:
                say(f"Running on the CPU, because: {error}")
            else:
                explain(f"torch on {gpu}, for a GPU is faster than any CPU")
                return opened
        device = "cpu"
        reason = "no GPU was found" if gpu is None else "the GPU can't be used"
        explain(f"cpu, for {reason}")
    if engine == "auto":
        available = installed_cpu_engines()
        if not available:
            raise DeviceError(
                "No engine is installed", "Run `pip install openvino onnxruntime`"
            )
        if device == "cpu" and choice.precision != "float16":
            assert isinstance(network, Network)
            engine = _fastest(network, available, choice.precision, explain)
        else:
            engine = "torch"
            explain("torch, for only it runs on GPUs, or on a CPU in float16")
    return _open(network, engine, device, choice.precision, explain)
