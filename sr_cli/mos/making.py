"""Pictures ─▶ a study: every version of each, under names that tell nothing."""

import json
import os
import random
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sr_cli import picture
from sr_cli.bench.quality import BenchPair, load_pair, made_by
from sr_cli.bench.rivals import Rival, interpolate, original
from sr_cli.datasets import Dataset
from sr_cli.degrade import Kernel
from sr_cli.errors import DataError
from sr_cli.mos.page import static_page
from sr_cli.mos.study import (
    CONSENT,
    KEY,
    PAGE,
    PICTURES,
    PUBLIC,
    STUDY,
    Key,
    Origin,
    Sample,
    Study,
)
from sr_cli.picture import Picture
from sr_cli.picture.png_chunks import put_chunk

_PLAIN: tuple[Kernel, ...] = ("nearest", "bicubic")
_REPEATED = 0.1  # of all items
_END = 12  # bytes of IEND, the last chunk of a PNG file
_PADDING = b"paDd"  # no standard's, and for nobody to heed: its letters' cases say so

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a study is to be made of."""

    sets: Sequence[Dataset]
    models: Sequence[Rival]
    scale: int
    calibration: Sequence[Path] = ()
    """Originals that are shown first: nearest neighbour as 1, the original as 5."""
    repeats: int | None = None
    """None for a tenth of the items."""
    consent: str = CONSENT
    static: bool = False
    """Whether to write the page as a file, too."""


def make_study(
    plan: Plan, folder: Path, on_progress: OnProgress = lambda *_: None
) -> Study:
    """Make every picture of a study and write it to `folder`, whole or not at all.

    `on_progress(done, total)` counts pictures that were written.

    Raises:
        DataError: the folder has something in it, can't be written, two sets or two
            versions share a name, or more items should repeat than there are.
        PictureError, ModelError, OutOfMemoryError: as reading and upscaling.
    """
    versions = _versions(plan)
    files = [(found.id, path) for found in plan.sets for path in found.files]
    total = len(files) * len(versions)
    _check(plan, folder, total)
    # What a folder's dates and order could tell is left to chance.
    source = random.SystemRandom()
    origins: dict[str, Origin] = {}
    samples: list[Sample] = []
    with _whole_folder(folder) as hidden:
        pictures = hidden / PUBLIC / PICTURES
        pictures.mkdir(parents=True)
        for path in plan.calibration:
            samples += _write_samples(load_pair(path, plan.scale), plan.scale, pictures)
        for set_id, path in files:
            pair = load_pair(path, plan.scale)
            names = []
            for version in source.sample(versions, len(versions)):
                names.append(_write(made_by(version, pair), pictures))
                origins[names[-1]] = Origin(set_id, path.name, version.id)
                on_progress(len(origins), total)
            _make_equally_large([_file(name, pictures) for name in names])
        repeats = plan.repeats
        if repeats is None:
            repeats = round(_REPEATED * total)
        study = Study(
            secrets.token_hex(8),
            tuple(sorted(origins)),
            tuple(source.sample(samples, len(samples))),
            repeats,
            plan.consent,
        )
        key = Key(
            study.id,
            {name: origins[name] for name in sorted(origins)},
            tuple(version.id for version in versions),
            tuple(found.id for found in plan.sets),
            {v.id: v.sha256 for v in versions if v.sha256},
        )
        _forget_times(pictures)
        _write_json(hidden / PUBLIC / STUDY, study.as_dict())
        _write_json(hidden / KEY, key.as_dict())
        if plan.static:
            page = static_page(study)
            (hidden / PUBLIC / PAGE).write_text(page, encoding="utf-8", newline="\n")
    return study


def _versions(plan: Plan) -> list[Rival]:
    plain = [
        Rival(kernel, partial(interpolate, scale=plan.scale, kernel=kernel))
        for kernel in _PLAIN
    ]
    return [*plain, *plan.models, original()]


def _check(plan: Plan, folder: Path, total: int) -> None:
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise DataError(
            f"{folder} exists and is not empty", "Choose another folder with --output"
        )
    ids = [found.id for found in plan.sets]
    if len(set(ids)) < len(ids):
        raise DataError(
            "Two sets have the same name", "Rename a folder, or name it once"
        )
    ids = [version.id for version in _versions(plan)]
    if len(set(ids)) < len(ids):
        raise DataError(
            "Two versions have the same name (nearest, bicubic and original are taken)",
            "Rename the file of weights",
        )
    if plan.repeats is not None and plan.repeats > total:
        raise DataError(
            f"{plan.repeats} items can't be repeated: there are {total}",
            "Choose fewer with --repeats",
        )
    tested = {path.resolve() for found in plan.sets for path in found.files}
    seen = [path for path in plan.calibration if path.resolve() in tested]
    if seen:
        raise DataError(
            f"{seen[0]} would calibrate raters and be rated, too",
            "Calibrate with other pictures than those of the study",
        )


def _write_samples(pair: BenchPair, scale: int, folder: Path) -> Iterator[Sample]:
    for score, made in (
        (1, interpolate(pair.low, scale, "nearest")),
        (5, Picture(pair.high)),
    ):
        yield Sample(_write(made, folder), score)


def _write(made: Picture, folder: Path) -> str:
    """Write a picture under a name that tells nothing, and return the name."""
    name = secrets.token_hex(8)
    # The pixels alone: metadata would name the model.
    picture.write(Picture(made.pixels), _file(name, folder))
    return name


def _file(name: str, folder: Path) -> Path:
    return folder / f"{name}.png"


def _make_equally_large(paths: Sequence[Path]) -> None:
    """Let no size tell a version: the smoother one is, the smaller is its file."""
    largest = max(path.stat().st_size for path in paths)
    for path in paths:
        room = largest - path.stat().st_size
        with path.open("r+b") as stream:
            stream.seek(-_END, os.SEEK_END)
            end = stream.read()
            stream.seek(-_END, os.SEEK_END)
            put_chunk(stream, _PADDING, bytes(room))
            stream.write(end)


def _forget_times(folder: Path) -> None:
    """Let no date tell which versions were made one after another."""
    for path in folder.iterdir():
        os.utime(path, (0, 0))


def _write_json(path: Path, value: dict[str, Any]) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """Give a hidden folder that takes the name of `folder` if the block succeeds."""
    target = folder.absolute()
    hidden = target.with_name(f".srup-{secrets.token_hex(8)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        hidden.mkdir()
        yield hidden
        if target.is_dir():  # and empty
            target.rmdir()
        hidden.rename(target)
    except OSError as error:
        raise DataError(
            f"Cannot write {folder} ({error.strerror or error})",
            "Choose another folder with --output",
        ) from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
