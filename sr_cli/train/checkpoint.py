"""Everything a run needs to go on as if it had never stopped, in one file.

A checkpoint is a safetensors file: tensors, and readable JSON in its header.  It
is written beside its place and renamed, so the last good one is never lost.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor, nn

from sr_cli.errors import ConfigError, DataError
from sr_cli.train.config import TrainConfig
from sr_cli.train.objectives import Adversary
from sr_cli.whole_file import whole_file

_FORMAT = "srup checkpoint 1"
_FIXED = (
    *("network", "blocks", "channels", "normalization", "target_range", "optimizer"),
    *("discriminator", "discriminator_channels"),
)


@dataclass(slots=True)
class RunState:
    """What changes while a run goes on."""

    config: TrainConfig
    network: nn.Module
    average: dict[str, Tensor]
    """Exponential moving average of the network's state."""
    optimizers: list[torch.optim.Optimizer]
    adversary: Adversary | None = None
    """Of an adversarial run."""
    step: int = 0
    """Updates done."""
    seconds: float = 0.0
    """Time spent on them, over all sittings."""
    best_psnr: float = field(default=float("-inf"))
    """Best validation PSNR so far, in dB."""


@dataclass(frozen=True, slots=True, eq=False)
class Saved:
    """The part of a checkpoint that can be published."""

    config: TrainConfig
    step: int
    seconds: float
    average: dict[str, Tensor]


def _slots(optimizer: torch.optim.Optimizer, prefix: str) -> dict[str, Tensor]:
    """Return what `optimizer` remembers of each parameter."""
    return {
        f"{prefix}.{index}.{name}": torch.as_tensor(value)
        for index, slots in optimizer.state_dict()["state"].items()
        for name, value in slots.items()
    }


def save(state: RunState, path: Path) -> None:
    """Write `state` to `path`, whole or not at all.

    Raises:
        DataError: the folder takes no file, or the disk is full.
    """
    tensors = {f"network.{k}": v for k, v in state.network.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in state.average.items()}
    for number, optimizer in enumerate(state.optimizers):
        tensors |= _slots(optimizer, f"optimizer.{number}")
    if state.adversary is not None:
        judge = state.adversary.network.state_dict()
        tensors |= {f"discriminator.{k}": v for k, v in judge.items()}
        for number, optimizer in enumerate(state.adversary.optimizers):
            tensors |= _slots(optimizer, f"discriminator_optimizer.{number}")
    loop = {
        "step": state.step,
        "seconds": state.seconds,
        "best_psnr": state.best_psnr,
    }
    header = {
        "format": _FORMAT,
        "config": state.config.to_json(),
        "loop": json.dumps(loop),
    }
    plain = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    try:
        with whole_file(path, overwrite=True) as stream:
            stream.write(serialize(plain, metadata=header))
    except OSError as error:
        raise DataError(
            f"Cannot save the checkpoint {path} ({error.strerror or error})",
            "Make room there, then go on with --resume from the last one saved",
        ) from error


def _read(path: Path, *, tensors: bool) -> tuple[Mapping[str, str], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            names = file.keys() if tensors else []
            found = {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"Cannot read the checkpoint {path} ({error})",
            "Restore it from a copy, or start the run again in another folder",
        ) from error
    if header.get("format") != _FORMAT:
        raise DataError(
            f"{path} is not a checkpoint of srup train",
            "Point --output at the folder of the run to resume",
        )
    return header, found


def read_config(path: Path) -> TrainConfig:
    """Return the settings of the run whose checkpoint is `path`.

    Raises:
        DataError: the file is missing, damaged or something else.
    """
    header, _ = _read(path, tensors=False)
    return TrainConfig.from_json(header["config"])


def read_average(path: Path) -> Saved:
    """Return what can be published of the run whose checkpoint is `path`.

    Raises:
        DataError: the file is missing, damaged or something else.
    """
    header, tensors = _read(path, tensors=True)
    config = TrainConfig.from_json(header["config"])
    loop = json.loads(header["loop"])
    return Saved(config, loop["step"], loop["seconds"], _part(tensors, "average."))


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)
    }


def _check_same_network(saved: TrainConfig, wanted: TrainConfig) -> None:
    for name in _FIXED:
        before, after = getattr(saved, name), getattr(wanted, name)
        if before != after:
            raise ConfigError(
                f"The run was started with {name} {before}, not {after}",
                "Resume it as it is, or start another run, perhaps with --init",
            )


def _restore_slots(
    optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]
) -> None:
    """Put back what `_slots` returned."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    slots: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, slot = name.split(".", 1)
        like = parameters[int(index)]
        # In memory as the parameter, as it was before: torch's fused Adam pairs up
        # whatever lies at equal places on a CPU.
        alike = value.shape == like.shape
        kept = torch.empty_like(like).copy_(value) if alike else value
        slots.setdefault(int(index), {})[slot] = kept
    optimizer.load_state_dict({**optimizer.state_dict(), "state": slots})


def _check_discriminator(state: RunState, tensors: Mapping[str, Tensor]) -> None:
    """Refuse one with BatchNorm in its patches, and slots of a single optimiser."""
    if state.adversary is None:
        return
    known = state.adversary.network.state_dict().keys()
    slots = _part(tensors, "discriminator_optimizer.")
    # Slots were called after parameters alone, not after their optimiser first.
    earlier = any(name.count(".") == 1 for name in slots)
    if earlier or _part(tensors, "discriminator.").keys() != known:
        raise ConfigError(
            "The run's discriminator is one that srup had before this version",
            "Start another run, with --init and the folder of this one",
        )


def restore(state: RunState, path: Path) -> None:
    """Put what `path` holds into `state`, whose config decides what follows.

    Raises:
        DataError: the file is unreadable.
        ConfigError: it belongs to another network, optimiser or discriminator.
    """
    header, tensors = _read(path, tensors=True)
    _check_same_network(TrainConfig.from_json(header["config"]), state.config)
    _check_discriminator(state, tensors)
    state.network.load_state_dict(_part(tensors, "network."))
    for name, value in _part(tensors, "average.").items():
        state.average[name].copy_(value)
    for number, optimizer in enumerate(state.optimizers):
        _restore_slots(optimizer, _part(tensors, f"optimizer.{number}."))
    if state.adversary is not None:
        state.adversary.network.load_state_dict(_part(tensors, "discriminator."))
        for number, optimizer in enumerate(state.adversary.optimizers):
            slots = _part(tensors, f"discriminator_optimizer.{number}.")
            _restore_slots(optimizer, slots)
    loop = json.loads(header["loop"])
    state.step, state.seconds = loop["step"], loop["seconds"]
    state.best_psnr = loop["best_psnr"]
