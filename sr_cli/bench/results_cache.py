"""Results of earlier runs, found by what they depend on.

A score depends on the bytes of the original and of the weights, on the protocol, on
how the model is asked to run, and on the versions of what computes.  Each has one file
in the user's cache, which may be deleted at any time.  So have the upscaled pictures
of those that a page has shown, so that the page can be made again.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sr_cli import __version__, picture
from sr_cli.bench.perceptual import library_version
from sr_cli.bench.protocol import Protocol
from sr_cli.bench.quality import ImageScore, Known, Scores
from sr_cli.bench.rivals import RanOn, Rival
from sr_cli.cache_folder import cache_folder
from sr_cli.errors import PictureError
from sr_cli.picture import Picture
from sr_cli.whole_file import whole_file

_ENGINES = ("openvino", "onnxruntime", "torch", "pyiqa")


def _versions() -> Mapping[str, str | None]:
    found: dict[str, str | None] = {"srup": __version__, "numpy": np.__version__}
    for name in _ENGINES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def _to_json(score: ImageScore) -> str:
    return json.dumps(asdict(score))


def _from_json(text: str) -> ImageScore:
    values = json.loads(text)
    ran_on = values["ran_on"] and RanOn(**values["ran_on"])
    scores = Scores(**values["scores"])
    return ImageScore(**{**values, "scores": scores, "ran_on": ran_on})


def results_of(protocol: Protocol, scale: int, running: str) -> Known:
    """Return the results that are kept for one way of measuring.

    One that lacks a figure is not kept, as it may be computed the next time, unless
    the library was missing, whose version is among what results are found by.  A
    folder that can't be written to keeps nothing.

    Args:
        protocol: how results are compared.
        scale: how much smaller originals are made.
        running: how models are asked to run, in any words.
    """
    folder = cache_folder() / "bench"
    settings = [asdict(protocol), scale, _versions()]

    # Nothing else of the protocol changes what a model makes of a picture.
    upscaling = [protocol.reduction, scale, _versions()]

    def path(digest: str, rival: Rival, on: object, suffix: str) -> Path:
        # Interpolation doesn't depend on how models run.
        what = [rival.sha256, running] if rival.sha256 else [rival.id]
        key = json.dumps([on, digest, what], sort_keys=True)
        return folder / f"{hashlib.sha256(key.encode()).hexdigest()}{suffix}"

    def find(digest: str, rival: Rival) -> ImageScore | None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            text = path(digest, rival, settings, ".json").read_text(encoding="utf-8")
            score = _from_json(text)
            return replace(score, rival=rival.id)  # a copy of a file has another name
        return None

    def keep(score: ImageScore, rival: Rival) -> None:
        if score.not_computed and library_version() is not None:
            return
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            target = path(score.sha256, rival, settings, ".json")
            with whole_file(target, overwrite=True) as stream:
                stream.write(_to_json(score).encode())

    def find_pixels(digest: str, rival: Rival) -> NDArray[np.uint8] | None:
        with suppress(OSError, PictureError):
            return picture.read(path(digest, rival, upscaling, ".png")).pixels
        return None

    def keep_pixels(digest: str, rival: Rival, pixels: NDArray[np.uint8]) -> None:
        target = path(digest, rival, upscaling, ".png")
        if target.exists() or rival.sha256 is None:  # interpolating is as quick
            return
        with suppress(OSError, PictureError):
            folder.mkdir(parents=True, exist_ok=True)
            picture.write(Picture(pixels), target, overwrite=True)

    return Known(find, keep, find_pixels, keep_pixels)
