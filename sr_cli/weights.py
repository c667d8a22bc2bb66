"""From a model's name to its verified, ready network.

Bundled files come first, then the Hub's own cache, then the Hub.  A catalog row's
file must have the row's sha256; nothing turns that off.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import safetensors
from safetensors import SafetensorError

from sr_cli import catalog
from sr_cli.catalog import Architecture, ModelSpec
from sr_cli.errors import ModelError, WeightsError
from sr_cli.networks.fuse import Network, fuse
from sr_cli.networks.mix import mix

HEADER_ARCHITECTURE = "srup.architecture"
"""Key of the safetensors header under which the architecture's facts stand."""

RUN_WEIGHTS = "weights.safetensors"
"""The file in a training run's folder that holds its averaged weights."""

_HUB_PREFIX = "hf:"

_FAITHFUL, _CRISP = "srresnet", "srgan"
"""The ends of the dial between what is certain and what looks real."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model whose weights are loaded."""

    id: str
    network: Network
    architecture: Architecture
    path: Path
    """The weights' file."""
    sha256: str
    header: Mapping[str, str]
    """Everything the weights file says of itself."""


def bundled_folder() -> Path:
    """Return the folder of the weights that come with srup.

    In an installed wheel it is inside the package; in a checkout, beside it.
    """
    package = Path(__file__).parent
    installed = package / "bundled"
    return installed if installed.is_dir() else package.parent / "weights"


def file_sha256(path: Path) -> str:
    """Return the hexadecimal sha256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def from_hub(name: str, *, offline: bool) -> Path:
    """Fetch `hf:owner/name[@revision][:file]` with the Hub's client and its cache.

    Raises:
        ModelError: the name can't be one of the Hub.
        WeightsError: there is no such file, or it can't be had.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    place, _, file_name = name.removeprefix(_HUB_PREFIX).partition(":")
    repo, _, revision = place.partition("@")
    try:
        folder = snapshot_download(
            repo,
            revision=revision or None,
            allow_patterns=[file_name or "*.safetensors"],
            local_files_only=offline,
        )
    except HFValidationError as error:
        raise ModelError(
            f"{name!r} names no repository", "Write hf:owner/name[@revision][:file]"
        ) from error
    except LocalEntryNotFoundError as error:
        raise WeightsError(
            f"{name} is not in the Hub's cache and can't be fetched",
            "Connect to the network once, or give a local .safetensors file",
        ) from error
    except Exception as error:
        # The client changed its transport library twice, and with it the names of
        # its connection errors.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else error
        raise WeightsError(
            f"Cannot fetch {name} from the Hub ({reason})",
            "Check the name, the network and, for private models, HF_TOKEN",
        ) from error
    found = sorted(Path(folder).rglob(file_name or "*.safetensors"))
    if len(found) != 1:
        raise WeightsError(
            f"{name} holds {len(found)} files to choose from, not one",
            "Name one: hf:owner/name:file.safetensors",
        )
    return found[0]


def locate(spec: ModelSpec) -> Path:
    """Return the bundled weights of `spec`, verified.

    Raises:
        WeightsError: the file is missing, or is not what the catalog pins.
    """
    path = bundled_folder() / spec.file_name
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


def read_weights(path: Path, model_id: str) -> Model:
    """Load the safetensors file `path`, written by `srup train`.

    Raises:
        WeightsError: the file is damaged or says nothing of its architecture.
    """
    try:
        with safetensors.safe_open(path, framework="np") as file:
            header = dict(file.metadata() or {})
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"Cannot read the weights {path} ({error})",
            "Get the file again; it is damaged or no safetensors file",
        ) from error
    if HEADER_ARCHITECTURE not in header:
        raise WeightsError(
            f"The weights {path} don't say what network they are for",
            "Use a file that `srup train` wrote",
        )
    architecture = Architecture.from_json(header[HEADER_ARCHITECTURE])
    network = fuse(state, architecture)
    return Model(model_id, network, architecture, path, file_sha256(path), header)


def load_model(name: str, *, offline: bool = False) -> Model:
    """Load a catalog id, a .safetensors file, the folder of a training run, or
    `hf:owner/name[@revision][:file]`.

    Raises:
        ModelError: there is no such model.
        WeightsError: its weights can't be had or are not what they should be.
    """
    if name.startswith(_HUB_PREFIX):
        return read_weights(from_hub(name, offline=offline), name)
    path = Path(name)
    if path.suffix == ".safetensors":
        if not path.is_file():
            raise WeightsError(f"There is no weights file {name}", "Check the path")
        return read_weights(path, path.stem)
    if (path / RUN_WEIGHTS).is_file():
        return read_weights(path / RUN_WEIGHTS, path.resolve().name)
    return read_weights(locate(catalog.find_model(name)), name)


def load_between(name: str, strength: float, *, offline: bool = False) -> Model:
    """Load what lies between srresnet (strength 0) and another model (1).

    `name` is as in `load_model`; for srresnet itself, the other model is srgan.  Facts
    but the network are the other model's.

    Raises:
        ModelError, WeightsError: as `load_model`, or the model isn't like srresnet.
    """
    name = _CRISP if name == _FAITHFUL else name
    other = load_model(name, offline=offline)
    one = load_model(_FAITHFUL, offline=offline)
    return replace(other, network=mix(one.network, other.network, strength))
