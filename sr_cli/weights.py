"""From a model's name to its verified, ready network.

Bundled files come first, then the Hub's own cache, then the Hub.  A catalog row's
file must have the row's sha256; nothing turns that off.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import safetensors
from safetensors import SafetensorError

from sr_cli import catalog
from sr_cli.catalog import Architecture, ModelSpec
from sr_cli.errors import ModelError, WeightsError
from sr_cli.foreign import (
    HEADER_ARCHITECTURE,
    SUFFIXES,
    UnknownNetworkError,
    read_foreign,
    read_opaque,
)
from sr_cli.hub.names import PREFIX, HubName, parse
from sr_cli.networks.fuse import Network, fuse
from sr_cli.networks.mix import Mix, mix
from sr_cli.networks.opaque import Opaque

if TYPE_CHECKING:
    from sr_cli.fetch import Telling

__all__ = [
    "HEADER_ARCHITECTURE",
    "RUN_WEIGHTS",
    "Model",
    "bundled_folder",
    "file_sha256",
    "find_weights",
    "from_hub",
    "load_between",
    "load_model",
    "locate",
    "read_header",
    "read_weights",
]

RUN_WEIGHTS = "weights.safetensors"
"""The file in a training run's folder that holds its averaged weights."""

_SAFE = ".safetensors"

_FAITHFUL, _CRISP = "srresnet", "srgan"
"""The ends of the dial between what is certain and what looks real."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model whose weights are loaded."""

    id: str
    network: Network | Mix | Opaque
    """A mix only from `load_between`; opaque if only spandrel knows it."""
    trained_as: Architecture | None
    """As the header of srup's own files has it; None for the networks of others."""
    path: Path
    """The weights' file."""
    sha256: str
    header: Mapping[str, str]
    """Everything the weights file says of itself."""

    @property
    def architecture(self) -> Architecture:
        """The trained network, whose tensors are in `path` by the names of ours.

        Raises:
            WeightsError: the file is not one of srup's own.
        """
        if self.trained_as is None:
            raise WeightsError(
                f"The weights {self.path} are no file of srup's own: they can only "
                "upscale",
                "Use a .safetensors file that `srup train` wrote",
            )
        return self.trained_as


def bundled_folder() -> Path:
    """Return the folder of the weights that come with srup.

    In an installed wheel it is inside the package; in a checkout, beside it.
    """
    package = Path(__file__).parent
    installed = package / "bundled"
    return installed if installed.is_dir() else package.parent / "weights"


def file_sha256(path: Path) -> str:
    """Return the hexadecimal sha256 of a file.

    Raises:
        WeightsError: it can't be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise WeightsError(
            f"Cannot read {path} ({error.strerror or error})",
            "See who may read it, and whether the disk is sound",
        ) from error
    return digest.hexdigest()


def from_hub(
    name: str, *, offline: bool = False, telling: "Telling | None" = None
) -> Path:
    """Return `hf:owner/name[@revision][:file]` in the Hub's cache, fetched if need be.

    Raises:
        ModelError: the name can't be one of the Hub.
        WeightsError: there is no such file, or it can't be had.
        DataError: the disk is full.
    """
    return _obtain(parse(name), offline=offline, telling=telling)


def _obtain(
    name: HubName,
    *,
    offline: bool,
    telling: "Telling | None",
    sha256: str | None = None,
) -> Path:
    # The Hub's client takes most of a second to import.
    from sr_cli.fetch import Telling
    from sr_cli.hub.download import obtain

    telling = telling or Telling()
    return obtain(name, offline=offline, sha256=sha256, telling=telling)


def _published(spec: ModelSpec, *, offline: bool, telling: "Telling | None") -> Path:
    """Return the weights of a row that the Hub has, verified."""
    from sr_cli.hub.removal import forget

    name = HubName(spec.repo, spec.revision, spec.file_name)
    path = _obtain(name, offline=offline, telling=telling, sha256=spec.sha256)
    found = file_sha256(path)
    if found != spec.sha256:
        forget(path)
        raise WeightsError(
            f"The weights of {spec.id} in the Hub's cache are damaged: their sha256 is "
            f"{found}, and should be {spec.sha256}",
            "They are removed: run this again, with a network, to get them anew",
        )
    return path


def locate(
    spec: ModelSpec, *, offline: bool = False, telling: "Telling | None" = None
) -> Path:
    """Return the weights of `spec`, verified: bundled, in the Hub's cache, or fetched.

    Raises:
        WeightsError: the file can't be had, or is not what the catalog pins.
        DataError: the disk is full.
    """
    path = bundled_folder() / spec.file_name
    if spec.repo and not path.is_file():
        return _published(spec, offline=offline, telling=telling)
    if not path.is_file():
        raise WeightsError(
            f"The weights of {spec.id} are missing ({path})", "Install srup again"
        )
    found = file_sha256(path)
    if found != spec.sha256:
        raise WeightsError(
            f"The weights of {spec.id} are damaged: {path} has the sha256 {found}, "
            f"not {spec.sha256}",
            "Install srup again",
        )
    return path


def read_header(path: Path) -> dict[str, str]:
    """Return what a safetensors file says of itself, without reading its tensors.

    Raises:
        WeightsError: it is no safetensors file, or damaged.
    """
    try:
        with safetensors.safe_open(path, framework="np") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"Cannot read the weights {path} ({error})",
            "Get the file again; it is damaged or no safetensors file",
        ) from error


def _read_own(path: Path, architecture: Architecture) -> Network:
    """Read a file that `srup train` wrote."""
    try:
        with safetensors.safe_open(path, framework="np") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        return fuse(state, architecture)
    except WeightsError:
        raise
    # Of a file that lies about itself, numpy may find anything wrong.
    except (SafetensorError, OSError, TypeError, ValueError, IndexError) as error:
        raise WeightsError(
            f"The weights {path} are not those of the network that they name ({error})",
            "Get the file again, or use one that `srup train` wrote",
        ) from error


def _read_theirs(path: Path) -> Network | Opaque:
    try:
        return read_foreign(path).network
    except UnknownNetworkError as unknown:
        return read_opaque(path, unknown)


def read_weights(path: Path, model_id: str) -> Model:
    """Load a file of weights: srup's own, or those of others.

    Raises:
        WeightsError: the file is damaged, or nobody can tell what network it is for.
    """
    header = read_header(path) if path.suffix.lower() == _SAFE else {}
    if HEADER_ARCHITECTURE in header:
        architecture = Architecture.from_json(header[HEADER_ARCHITECTURE])
        network = _read_own(path, architecture)
        return Model(model_id, network, architecture, path, file_sha256(path), header)
    theirs = _read_theirs(path)
    return Model(model_id, theirs, None, path, file_sha256(path), header)


def find_weights(
    name: str, *, offline: bool = False, telling: "Telling | None" = None
) -> tuple[str, Path]:
    """Return the id of the model called `name`, and its weights' file.

    It is a catalog id, a file of weights, the folder of a training run, or
    `hf:owner/name[@revision][:file]`.

    Args:
        name: one of those.
        offline: don't look for it on the network.
        telling: whom to tell how a download goes; None for nobody.

    Raises:
        ModelError: there is no such model.
        WeightsError: its weights can't be had or are not what they should be.
        DataError: the disk has no room for them.
    """
    if name.startswith(PREFIX):
        return name, from_hub(name, offline=offline, telling=telling)
    path = Path(name)
    if path.suffix.lower() in SUFFIXES:
        if not path.is_file():
            raise WeightsError(f"There is no weights file {name}", "Check the path")
        return path.stem, path
    if (path / RUN_WEIGHTS).is_file():
        return path.resolve().name, path / RUN_WEIGHTS
    return name, locate(catalog.find_model(name), offline=offline, telling=telling)


def load_model(
    name: str, *, offline: bool = False, telling: "Telling | None" = None
) -> Model:
    """Load the model called `name`, all as in `find_weights`.

    Raises:
        ModelError, WeightsError, DataError: as there, or the file isn't a model's.
    """
    model_id, path = find_weights(name, offline=offline, telling=telling)
    return read_weights(path, model_id)


def load_between(
    name: str,
    strength: float,
    *,
    offline: bool = False,
    telling: "Telling | None" = None,
) -> Model:
    """Load what lies between srresnet (strength 0) and another model (1).

    `name` and the rest are as in `load_model`; for srresnet itself, the other model is
    srgan.  Facts but the network are the other model's.

    Raises:
        ModelError, WeightsError, DataError: as `load_model`, or the model isn't like
            srresnet.
    """
    name = _CRISP if name == _FAITHFUL else name
    other = load_model(name, offline=offline, telling=telling)
    one = load_model(_FAITHFUL, offline=offline, telling=telling)
    assert isinstance(one.network, Network)
    if not isinstance(other.network, Network):
        raise ModelError(
            f"{name} is no SRResNet, and --strength mixes only those",
            "Leave out --strength, or choose a model that `srup models list` shows",
        )
    return replace(other, network=mix(one.network, other.network, strength))
