"""What a study is, and where its parts lie.

study/public/         all that raters may see
    study.json        items under opaque names, in an order that tells nothing
    pictures/*.png
    index.html        the page as a file, if asked for
study/key.json        which picture and version each item is
study/ratings.sqlite  what was collected over the network
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sr_cli.errors import DataError

PUBLIC = "public"
PICTURES = "pictures"
STUDY = "study.json"
KEY = "key.json"
RATINGS = "ratings.sqlite"
PAGE = "index.html"

FORMAT = "srup-mos-1"
SCORES = (1, 2, 3, 4, 5)

_NAME = re.compile(r"[0-9a-f]{16}")

CONSENT = (
    "You will see pictures, one after another, and say how good each looks to you, "
    "from 1 (bad) to 5 (excellent). There is no right answer. Taking part is "
    "voluntary: close the page whenever you like. Only your scores and their order are "
    "kept, under a random number; no name, no address, no time."
)


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture shown before the study, with the score that it stands for."""

    name: str
    score: int


@dataclass(frozen=True, slots=True)
class Study:
    """What raters, or their browsers, may know."""

    id: str
    """Random; ratings carry it."""
    items: tuple[str, ...]
    """Names of pictures, which tell nothing."""
    calibration: tuple[Sample, ...] = ()
    """Shown to every rater first, in this order."""
    repeats: int = 0
    """How many items, others for each rater, are shown twice."""
    consent: str = CONSENT

    @property
    def names(self) -> frozenset[str]:
        """Of every picture that belongs to the study."""
        return frozenset(self.items) | {sample.name for sample in self.calibration}

    def as_dict(self) -> dict[str, Any]:
        """For `study.json` and the page."""
        return {"format": FORMAT, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Origin:
    """What an item really is."""

    set: str
    picture: str
    version: str
    """`nearest`, `bicubic`, a model's id or `original`."""


@dataclass(frozen=True, slots=True)
class Key:
    """What raters must never see."""

    study: str
    origins: Mapping[str, Origin]
    """By the items' names."""
    versions: tuple[str, ...]
    """In the order of tables."""
    sets: tuple[str, ...]
    """The same."""
    weights: Mapping[str, str] = field(default_factory=dict)
    """Sha256 of the models' weights, by version."""

    def as_dict(self) -> dict[str, Any]:
        """For `key.json`."""
        return {"format": FORMAT, **asdict(self)}


def read_study(folder: Path) -> Study:
    """Read the public part of the study in `folder`.

    Raises:
        DataError: there is none, or it is damaged.
    """
    path = folder / PUBLIC / STUDY
    found = _read(path)
    try:
        samples = [Sample(**sample) for sample in found["calibration"]]
        study = Study(
            found["id"],
            tuple(found["items"]),
            tuple(samples),
            found["repeats"],
            found["consent"],
        )
        _check(
            study.items,
            len(study.names) == len(study.items) + len(samples),
            all(_NAME.fullmatch(name) for name in (*study.names, study.id)),
            all(sample.score in SCORES for sample in samples),
            type(study.repeats) is int and 0 <= study.repeats <= len(study.items),
            isinstance(study.consent, str),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path) from error
    return study


def read_key(folder: Path, study: Study) -> Key:
    """Read what the items of `study`, in `folder`, really are.

    Raises:
        DataError: there is no key, it is damaged, or it is another study's.
    """
    path = folder / KEY
    found = _read(path)
    try:
        origins = {name: Origin(**facts) for name, facts in found["origins"].items()}
        key = Key(
            found["study"],
            origins,
            tuple(found["versions"]),
            tuple(found["sets"]),
            found["weights"],
        )
        _check(
            key.study == study.id,
            set(origins) == set(study.items),
            _is_complete(key),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _damaged(path) from error
    return key


def _is_complete(key: Key) -> bool:
    """Say whether each picture is there once in every version."""
    origins = set(key.origins.values())
    pictures = {(origin.set, origin.picture) for origin in origins}
    whole = {Origin(*one, version) for one in pictures for version in key.versions}
    return (
        origins == whole
        and len(origins) == len(key.origins)
        and sorted(key.sets) == sorted({origin.set for origin in origins})
    )


def _check(*facts: object) -> None:
    if not all(facts):
        raise ValueError


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(
            f"Cannot read {path} ({error.strerror or error})",
            "Name a folder that `srup mos make` made",
        ) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path) from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise _damaged(path)
    return found


def _damaged(path: Path) -> DataError:
    return DataError(
        f"{path} is damaged, or of another study or version of srup",
        "Take it from a backup, or make the study again",
    )
