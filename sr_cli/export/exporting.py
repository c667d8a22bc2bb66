"""From a loaded model to a file, or to one sentence that says why not."""

from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from sr_cli import __version__
from sr_cli.catalog import MODELS
from sr_cli.engines import EngineChoice, open_engine
from sr_cli.errors import ConfigError, DataError, ModelError
from sr_cli.export.contents import Contents
from sr_cli.networks.fuse import Network
from sr_cli.networks.graph import Element
from sr_cli.networks.opaque import Opaque
from sr_cli.weights import Model
from sr_cli.whole_file import whole_file

SUFFIXES = (".onnx", ".xml", ".pth", ".safetensors")
_GRAPHS = (".onnx", ".xml")
"""Those that hold what computes, and so may compute in 16 bits."""

_TOLERANCE: dict[Element, float] = {"float32": 1e-4, "float16": 2 / 255}
"""How far a result may be from torch's in float32, black being 0 and white 1.  Of
srgan, onnxruntime's is 1e-5 away, and 0.003 in float16."""

_SIZES = ((17, 23), (32, 8))
"""Of what is tried: both odd, and much wider than it is high the other way round."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    files: tuple[Path, ...]
    """The one that is opened comes first."""
    sha256: str
    """Of that one."""
    deviation: float
    """The largest difference from torch's results in float32, black being 0 and
    white 1."""


def _licence(model: Model) -> str:
    known = {spec.sha256: spec.licence for spec in MODELS}
    return known.get(model.sha256) or model.header.get("license", "not stated")


def _facts(model: Model, scale: int) -> dict[str, str]:
    return {
        "srup.model": model.id,
        "srup.sha256": model.sha256,
        "srup.scale": str(scale),
        "srup.licence": _licence(model),
        "srup.range": "RGB, black 0 and white 1, in and out; the output isn't clipped",
        "srup.version": __version__,
    }


def _contents(
    model: Model, network: Network, suffix: str, element: Element
) -> Contents:
    facts = _facts(model, network.scale)
    if suffix == ".onnx":
        from sr_cli.export.onnx_file import onnx_file

        return onnx_file(network, element, facts)
    if suffix == ".xml":
        from sr_cli.export.openvino_ir import openvino_ir

        return openvino_ir(network, element, facts)
    from sr_cli.export.weights_file import safetensors_file, torch_file

    return torch_file(model, facts) if suffix == ".pth" else safetensors_file(model)


def _deviation(contents: Contents, network: Network) -> float:
    """Compare what files give with torch's results; not finite if one isn't."""
    reference = open_engine(network, EngineChoice("torch", "cpu", "float32"))
    random = np.random.default_rng(0)
    worst = []
    for size in _SIZES:
        batch = random.random((1, 3, *size), dtype=np.float32)
        with np.errstate(invalid="ignore"):
            difference = np.abs(contents.run(batch) - reference(batch))
        worst.append(difference.max())
    return float(np.max(worst))


def _write(files: dict[Path, bytes], *, overwrite: bool) -> None:
    """Write all files or none."""
    try:
        with ExitStack() as stack:
            # The last one that is opened is the first one in its place: what the one
            # that is opened needs is there before it.
            for path, content in files.items():
                stream = stack.enter_context(whole_file(path, overwrite=overwrite))
                stream.write(content)
    except OSError as error:
        first = next(iter(files))
        raise DataError(
            f"Cannot write {first} ({error.strerror or error})",
            "Make room there, or choose another folder",
        ) from error


def export(
    model: Model, target: Path, *, element: Element = "float32", overwrite: bool = False
) -> Exported:
    """Write `model` to `target`, in the format that its suffix names.

    `.onnx` is one graph for pictures of any size; `.xml` OpenVINO's, with a `.bin` of
    its weights beside it; `.pth` and `.safetensors` hold the weights by name.

    Args:
        model: as `sr_cli.weights.load_model` gives it.
        target: the file to write.
        element: of a graph's weights; in ONNX also of its computations.
        overwrite: whether existing files may be replaced.

    Raises:
        ConfigError: no such format, or it has no float16.
        ModelError: what the file gives deviates from torch's results, or weights are
            wanted of a model that is a graph.
        DataError: the file exists, or the folder takes none.
        WeightsError: the model's own file is no longer there.
    """
    suffix = target.suffix.lower()
    if suffix not in SUFFIXES:
        raise ConfigError(
            f"There is no format for the name {target.name}",
            f"End it in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}",
        )
    if element != "float32" and suffix not in _GRAPHS:
        raise ConfigError(
            f"Weights in {suffix} files stay in float32",
            "Leave out --float16, or export to .onnx or .xml",
        )
    if isinstance(model.network, Opaque):
        raise ModelError(
            f"{model.id} is an {model.network.kind} network, which srup only runs",
            "Export an SRResNet",
        )
    if not isinstance(model.network, Network):
        raise ModelError("A mix of two models is no network", "Export each of them")
    paths = [target, target.with_suffix(".bin")] if suffix == ".xml" else [target]
    for path in paths:
        if path.exists() and not overwrite:
            raise DataError(f"{path} exists already", "Replace it with --overwrite")
    contents = _contents(model, model.network, suffix, element)
    deviation = _deviation(contents, model.network)
    if not deviation <= _TOLERANCE[element]:
        raise ModelError(
            f"{target.name} would give other pictures than the model: they differ by "
            f"up to {deviation:.2g} of the range from black to white",
            "Leave out --float16" if element == "float16" else "Upgrade srup",
        )
    files = dict(zip(paths, contents.files.values(), strict=True))
    _write(files, overwrite=overwrite)
    digest = sha256(files[target]).hexdigest()
    return Exported(tuple(files), digest, deviation)
