"""The models that srup knows of: its own, those in the Hub's cache, and those there."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sr_cli import catalog
from sr_cli.catalog import Architecture, ModelSpec
from sr_cli.errors import WeightsError
from sr_cli.hub.names import PREFIX, HubName
from sr_cli.models.card import Figures, find_card
from sr_cli.weights import (
    HEADER_ARCHITECTURE,
    bundled_folder,
    file_sha256,
    find_weights,
    read_header,
    read_weights,
)

Place = Literal["bundled", "cached", "hub", "local"]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_TRAINING, _VERSION = "srup.training", "srup.version"


@dataclass(frozen=True, slots=True)
class Listed:
    """A model and what is known of it without loading it."""

    id: str
    """What `-m` takes."""
    place: Place
    """`hub`: not downloaded yet."""
    path: Path | None
    size: int | None
    """Of the weights' file, in bytes."""
    sha256: str | None
    scale: int
    family: str | None
    """None for a network of others."""
    summary: str = ""
    licence: str | None = None
    speed: str | None = None
    figures: Mapping[str, Figures] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Described:
    """All that is known of a model."""

    listed: Listed
    architecture: Architecture | None = None
    made_with: str | None = None
    """The version of srup that wrote the weights."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """How they came about, as the trainer noted it."""


def cached_row(spec: ModelSpec) -> Path | None:
    """Return where the Hub's cache has the weights of a row, unverified."""
    from sr_cli.hub.cache import find

    if not spec.repo:
        return None
    return find(HubName(spec.repo, spec.revision, spec.file_name))


def place_of(spec: ModelSpec) -> tuple[Place, Path | None]:
    """Return where the weights of a row are, unverified."""
    bundled = bundled_folder() / spec.file_name
    if bundled.is_file() or not spec.repo:
        return "bundled", bundled if bundled.is_file() else None
    cached = cached_row(spec)
    return ("cached" if cached else "hub"), cached


def _of_row(spec: ModelSpec) -> Listed:
    place, path = place_of(spec)
    card = find_card(path, spec.sha256) if path else None
    return Listed(
        id=spec.id,
        place=place,
        path=path,
        size=path.stat().st_size if path else None,
        sha256=spec.sha256,
        scale=spec.architecture.scale,
        family=spec.architecture.family,
        summary=spec.summary,
        licence=spec.licence,
        speed=card.speed if card else None,
        figures=card.figures if card else {},
    )


def _of_file(model_id: str, place: Place, path: Path) -> Listed:
    """Describe weights that srup wrote, by their header and card.

    Raises:
        WeightsError: it didn't write them.
    """
    header = read_header(path)
    if HEADER_ARCHITECTURE not in header:
        raise WeightsError(f"{path} is no file of srup's", "Use one that it wrote")
    architecture = Architecture.from_json(header[HEADER_ARCHITECTURE])
    sha256 = blob_sha256(path) or file_sha256(path)
    card = find_card(path, sha256)
    return Listed(
        id=model_id,
        place=place,
        path=path,
        size=path.stat().st_size,
        sha256=sha256,
        scale=architecture.scale,
        family=architecture.family,
        licence=card.licence if card else None,
        speed=card.speed if card else None,
        figures=card.figures if card else {},
    )


def blob_sha256(path: Path) -> str | None:
    """Return the sha256 under which the Hub's cache keeps a large file."""
    name = path.resolve().name
    return name if _SHA256.fullmatch(name) else None


def cached_others() -> Iterator[tuple[str, Path]]:
    """Yield the id and file of all weights in the Hub's cache but those of rows.

    Other programs share the cache: most are no models of srup's.
    """
    from sr_cli.hub.cache import cached_files

    rows = {cached_row(spec) for spec in catalog.MODELS}
    for file in cached_files():
        if file.path not in rows:
            yield str(file.name), file.path


def listed() -> tuple[Listed, ...]:
    """Return all models: the rows of the catalog, then what the Hub's cache has.

    Of the cache, only weights that srup wrote are recognised.

    Raises:
        ModelError: a card can't be read.
    """
    found = [_of_row(spec) for spec in catalog.MODELS]
    for model_id, path in cached_others():
        try:
            found.append(_of_file(model_id, "cached", path))
        except WeightsError:
            continue
    return tuple(found)


def described(name: str) -> Described:
    """Return what is known of the model called `name`, as `find_weights` takes it.

    Nothing is downloaded.

    Raises:
        ModelError: there is none, or it isn't on this machine.
    """
    row = next((spec for spec in catalog.MODELS if spec.id == name), None)
    if row is not None and place_of(row)[0] == "hub":
        return Described(_of_row(row), row.architecture)
    model_id, path = find_weights(name, offline=True)
    model = read_weights(path, model_id)
    if row is not None and model.sha256 == row.sha256:
        facts = _of_row(row)
    elif model.trained_as is None:
        facts = Listed(
            id=name,
            place="cached" if name.startswith(PREFIX) else "local",
            path=path,
            size=path.stat().st_size,
            sha256=model.sha256,
            scale=model.network.scale,
            family=None,
        )
    else:
        place: Place = "cached" if name.startswith(PREFIX) else "local"
        facts = _of_file(name, place, path)
    return Described(
        facts,
        model.trained_as,
        model.header.get(_VERSION),
        _training(model.header),
    )


def _training(header: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        facts = json.loads(header.get(_TRAINING, "{}"))
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}
