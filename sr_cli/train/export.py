"""From a run's averaged weights to a file that anybody can use."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from sr_cli import __version__
from sr_cli.errors import DataError, WeightsError
from sr_cli.train.checkpoint import RunState
from sr_cli.train.config import TrainConfig
from sr_cli.weights import HEADER_ARCHITECTURE, load_model
from sr_cli.whole_file import whole_file

HEADER_TRAINING = "srup.training"
"""Key of the header under which `TrainingFacts` stand."""


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """How weights came about."""

    config: TrainConfig
    steps: int
    """Updates done, which may be fewer than planned."""
    hours: float
    data: str | None = None
    """Name of the set or folder of photos."""
    photos: int | None = None
    init: str | None = None
    """The weights that it began with, if any: name and sha256."""
    features: tuple[str, ...] = ()
    """The feature networks of its content loss: where from, and sha256."""

    def to_json(self) -> str:
        """Write the facts as they stand in a weights file's header."""
        return json.dumps(asdict(self), sort_keys=True)


def _serialize(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """Make a safetensors file whose bytes depend on its contents alone.

    The library writes metadata in a random order, so the same weights would have
    another sha256 each time.
    """
    plain = save(dict(tensors))
    length = int.from_bytes(plain[:8], "little")
    header = {"__metadata__": dict(metadata), **json.loads(plain[8 : 8 + length])}
    text = json.dumps(header, separators=(",", ":"), sort_keys=True).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + plain[8 + length :]


def export(average: Mapping[str, Tensor], facts: TrainingFacts, path: Path) -> str:
    """Write the `average` state as float32 to `path`; return the file's sha256.

    BatchNorm is kept as it is; only counters are left out.

    Raises:
        DataError: the folder takes no file, or the disk is full.
    """
    tensors = {
        name: value.detach().float().cpu().contiguous()
        for name, value in average.items()
        if value.is_floating_point()
    }
    header = {
        HEADER_ARCHITECTURE: facts.config.architecture.to_json(),
        HEADER_TRAINING: facts.to_json(),
        "srup.version": __version__,
    }
    content = _serialize(tensors, header)
    try:
        with whole_file(path, overwrite=True) as stream:
            stream.write(content)
    except OSError as error:
        raise DataError(
            f"Cannot write the weights {path} ({error.strerror or error})",
            "Make room there, or choose another folder",
        ) from error
    return sha256(content).hexdigest()


def start_from(state: RunState, name: str) -> str:
    """Give `state` the weights of the model `name`; return its name and sha256.

    Raises:
        ModelError: there is no such model.
        WeightsError: its weights can't be had, or are for another network.
    """
    model = load_model(name)
    wanted = state.config.architecture
    if replace(model.architecture, output_range=wanted.output_range) != wanted:
        raise WeightsError(
            f"The weights {name} are for another network than the one to train: "
            f"{model.architecture.to_json()}",
            "Choose --blocks, --channels and --normalization as they have them",
        )
    weights = load_file(model.path)
    _change_range(weights, model.architecture.output_range, wanted.output_range)
    state.network.load_state_dict(weights, strict=False)  # counters begin at 0
    with torch.no_grad():
        for key, value in weights.items():
            state.average[key].copy_(value)
    return f"{model.id} (sha256 {model.sha256})"


def _change_range(
    weights: dict[str, Tensor], old: tuple[float, float], new: tuple[float, float]
) -> None:
    """Make the last convolution answer in another range than it was trained for."""
    if old == new:
        return
    gain = (new[1] - new[0]) / (old[1] - old[0])
    weights["tail.weight"] *= gain
    weights["tail.bias"].sub_(old[0]).mul_(gain).add_(new[0])
