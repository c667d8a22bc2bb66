"""The models on this machine: whether their files are what they should be."""

from dataclasses import dataclass

from sr_cli import catalog
from sr_cli.errors import SrupError
from sr_cli.models.verification import Check, checks
from sr_cli.networks.fuse import Enlarge, Network
from sr_cli.weights import load_model


@dataclass(frozen=True, slots=True)
class ModelFound:
    """A model whose weights come with srup, or are in the Hub's cache."""

    id: str
    sha256: str
    """That its file should have."""
    path: str
    """Of its file; empty where that is missing."""
    fault: str
    """What is wrong with the file; without a full stop."""


def models() -> tuple[ModelFound, ...]:
    """Verify the files of all models."""
    try:
        return tuple(_found(check) for check in checks())
    except (OSError, SrupError) as error:
        return (ModelFound("models", "", "", f"They can't be verified ({error})"),)


def _found(check: Check) -> ModelFound:
    fault = ""
    if check.found is None:
        fault = f"The weights of {check.id} are missing"
    elif not check.ok:
        fault = f"The weights of {check.id} are damaged: their sha256 is {check.found}"
    path = "" if check.path is None else str(check.path)
    return ModelFound(check.id, check.expected, path, fault)


def network_to_try() -> tuple[str, Network]:
    """Return the first model whose file is whole, or bicubic enlargement."""
    for spec in catalog.MODELS:
        try:
            network = load_model(spec.id, offline=True).network
        except SrupError:
            continue
        assert isinstance(network, Network)
        return spec.id, network
    return "bicubic enlargement", Network((Enlarge(4),), 4)
