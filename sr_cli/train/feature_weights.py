"""From the names of features to a network with verified weights.

Nothing is fetched that isn't pinned by its sha256, unless its user named it.
"""

import pickle
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from sr_cli.errors import ConfigError, DataError, WeightsError
from sr_cli.fetch import RemoteFile, fetch
from sr_cli.networks.features import (
    IMAGENET,
    Backbone,
    Features,
    Preprocessing,
    build_features,
    caffe,
    feature_key,
    random_backbone,
    read_backbone,
)
from sr_cli.networks.taps import NetworkName, parse_features
from sr_cli.weights import file_sha256, from_hub

RANDOM = "random"
"""Stands for weights that are drawn, not trained, where a file is expected."""

_REMEDY = "Name a file that you have with --features-file FILE"


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What a published file of feature weights is."""

    what: str
    licence: str
    preprocessing: Preprocessing = IMAGENET


KNOWN_FILES: Mapping[str, KnownFile] = {
    "11aea017b543ff59233749d8f1cf544cda749378f5790d2fedab841fb86b7669": KnownFile(
        "torchvision's VGG19 as timm keeps it on the Hub", "BSD-3-Clause"
    ),
    "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44": KnownFile(
        "torchvision's VGG19", "BSD-3-Clause"
    ),
    "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b": KnownFile(
        "torchvision's SqueezeNet 1.1", "BSD-3-Clause"
    ),
    "4ffff49ad5cdc3337374b947918f35f903fcb0898b0b5eebfcbd601b99fc3929": KnownFile(
        "VGG19 as normalised by Gatys et al., up to conv3_1", "CC BY 4.0"
    ),
    "e8bc93d9841237e65a8ed4a56f212ddb29861ef5fafb877d62f00c40bb53de94": KnownFile(
        "its authors' SqueezeNet 1.1 for Caffe, rounded to float16",
        "BSD-2-Clause",
        caffe(104, 117, 123),
    ),
    "d01eb7cb": KnownFile(
        "its authors' VGG19 for Caffe, as J. Johnson's vgg19-d01eb7cb.pth",
        "CC BY 4.0",
        caffe(103.939, 116.779, 123.68),
    ),
}
"""By sha256, or its beginning where no more of it is published.

What preprocessing a network was trained with can't be seen in its weights.
"""


@dataclass(frozen=True, slots=True)
class DefaultFile:
    """Where a network's weights are fetched from if none are named."""

    origin: str
    """A Hub name or a URL."""
    sha256: str


DEFAULT_FILES: dict[NetworkName, DefaultFile] = {
    "VGG19": DefaultFile(
        "hf:timm/vgg19.tv_in1k@128d4708565b3a414bcbb9bbad440b2fe37b9f18"
        ":model.safetensors",
        "11aea017b543ff59233749d8f1cf544cda749378f5790d2fedab841fb86b7669",
    ),
    "SqueezeNet 1.1": DefaultFile(
        "https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
        "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
    ),
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a feature network's weights are from, to be recorded with a run."""

    network: str
    origin: str
    """The file, Hub name or URL that they were read from, or `random`."""
    sha256: str | None
    """Of the file; None for drawn weights."""
    note: str
    """What the file is, or was taken for."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedFeatures:
    """A feature network and where its weights are from."""

    features: Features
    sources: tuple[Source, ...]


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        # The classifier is 85 % of VGG19.
        keys = [key for key in file.keys() if feature_key(key)]  # noqa: SIM118 (no mapping)
        return {key: file.get_tensor(key) for key in keys}


def _read_pickle(path: Path) -> dict[str, Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a reason to refuse comes as an exception
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, Mapping):
        raise TypeError(f"it holds a {type(state).__name__}, not tensors by name")
    return {
        key: value
        for key, value in state.items()
        if isinstance(key, str) and isinstance(value, Tensor) and feature_key(key)
    }


def _read_state(path: Path) -> dict[str, Tensor]:
    """Read the convolutions in `path`, safetensors or torch's own format.

    Raises:
        WeightsError: there is no such file, it is damaged, or it holds code.
    """
    if not path.is_file():
        raise WeightsError(f"There is no file {path} of feature weights", _REMEDY)
    try:
        if path.suffix == ".safetensors":
            return _read_safetensors(path)
        return _read_pickle(path)
    except pickle.UnpicklingError as error:
        # It says so of code and of garbage alike, over many lines.
        raise WeightsError(
            f"The feature weights {path} are refused: the file is damaged, or holds "
            "more than tensors, and could run code",
            "Get a file of the state dict alone, or a .safetensors file",
        ) from error
    except Exception as error:
        # Beside what one expects, torch raises whatever a damaged byte leads to.
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise WeightsError(
            f"Cannot read the feature weights {path} ({lines[0]})",
            "Get the file again, or name another with --features-file FILE",
        ) from error


def _from_web(default: DefaultFile, *, offline: bool) -> Path:
    """Return the file of a URL in torch's own cache, fetched if it isn't there."""
    remote = RemoteFile(default.origin, sha256=default.sha256)
    path = Path(torch.hub.get_dir()) / "checkpoints" / remote.name
    if not offline:
        try:
            fetch(remote, path)
        except DataError as error:
            raise WeightsError(error.message, f"{error.hint}. {_REMEDY}") from error
    elif not path.is_file():
        raise WeightsError(
            f"There is no file {path}, and nothing may be fetched", _REMEDY
        )
    return path


def _locate(origin: str, *, offline: bool) -> Path:
    """Return where the file of a path or Hub name is."""
    if not origin.startswith("hf:"):
        return Path(origin)
    try:
        return from_hub(origin, offline=offline)
    except WeightsError as error:
        raise WeightsError(error.message, f"{error.hint}. {_REMEDY}") from error


def _read(
    path: Path, origin: str, sha256: str | None = None
) -> tuple[Backbone, Source]:
    state = _read_state(path)
    sha256 = sha256 or file_sha256(path)
    known = next((f for k, f in KNOWN_FILES.items() if sha256.startswith(k)), None)
    try:
        backbone = read_backbone(state, known.preprocessing if known else IMAGENET)
    except WeightsError as error:
        raise WeightsError(f"{path} can't be used: {error.message}", error.hint) from (
            error
        )
    if known:
        note = f"{known.what} ({known.licence})"
    elif backbone.preprocessing == IMAGENET:
        note = "unknown file, taken to see pictures as torchvision's networks do"
    else:
        note = "unknown file, with its own preprocessing"
    return backbone, Source(backbone.network, origin, sha256, note)


def _read_default(network: NetworkName, *, offline: bool) -> tuple[Backbone, Source]:
    default = DEFAULT_FILES[network]
    if default.origin.startswith("hf:"):
        path = _locate(default.origin, offline=offline)
    else:
        path = _from_web(default, offline=offline)
    found = file_sha256(path)
    if found != default.sha256:
        raise WeightsError(
            f"The weights of {network} in {path} are damaged: their sha256 is {found}, "
            f"not {default.sha256}",
            "Remove that file, so that it is fetched again, or name another with "
            "--features-file FILE",
        )
    return _read(path, default.origin, found)


def _split(file: Path | str | Sequence[Path | str]) -> list[str]:
    """List the files of what names one or several."""
    if isinstance(file, Path):
        return [str(file)]
    if isinstance(file, str):
        # A comma may stand in a name.
        return [file] if Path(file).is_file() else file.split(",")
    return [str(part) for part in file]


def _read_all(
    origins: Iterable[str], *, offline: bool
) -> dict[NetworkName, tuple[Backbone, Source]]:
    read: dict[NetworkName, tuple[Backbone, Source]] = {}
    for origin in origins:
        backbone, source = _read(_locate(origin, offline=offline), origin)
        if backbone.network in read:
            other = read[backbone.network][1].origin
            raise ConfigError(
                f"Both {other} and {origin} hold {backbone.network}", "Name one of them"
            )
        read[backbone.network] = backbone, source
    return read


def load_features(
    names: str,
    file: Path | str | Sequence[Path | str] | None,
    *,
    seed: int,
    offline: bool = False,
) -> LoadedFeatures:
    """Build the features of `names`, such as `vgg54` or `vgg22+squeeze`.

    Args:
        names: see `parse_features`.
        file: a local `.pth` or `.safetensors` file, `hf:owner/name[@revision][:file]`
            or several of them (also with commas between); `random` draws what the
            others lack; None fetches the files of `DEFAULT_FILES`.
        seed: of drawn weights.
        offline: take only what is in a cache.

    Raises:
        ConfigError: a name is unknown, or two files hold the same network.
        ModelError: a Hub name can't be one.
        WeightsError: a file can't be had, is damaged, or lacks a layer.
    """
    taps = parse_features(names)
    networks = list(dict.fromkeys(tap.network for tap in taps))
    if file is None:
        read = {name: _read_default(name, offline=offline) for name in networks}
    else:
        origins = _split(file)
        named = [origin for origin in origins if origin != RANDOM]
        read = _read_all(named, offline=offline)
        for name in networks:
            if RANDOM in origins and name not in read:
                note = f"drawn with seed {seed}, not trained"
                source = Source(name, RANDOM, None, note)
                read[name] = random_backbone(name, taps, seed), source
    features = build_features(taps, [backbone for backbone, _ in read.values()])
    return LoadedFeatures(features, tuple(read[name][1] for name in networks))
