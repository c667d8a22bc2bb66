"""What a measurement found, as one JSON document that can be compared and kept."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sr_cli import __version__
from sr_cli.bench.quality import ImageScore, Scores, mean_scores
from sr_cli.bench.rivals import Rival
from sr_cli.errors import SrupError
from sr_cli.whole_file import whole_file

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ModelScore:
    """One rival's figures on a whole set."""

    id: str
    scores: Scores
    """Means over the pictures."""
    seconds: float
    """For upscaling all pictures."""
    sha256: str | None
    engine: str | None
    device: str | None
    precision: str | None
    images: tuple[ImageScore, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What was found on one set."""

    dataset: str
    scale: int
    models: tuple[ModelScore, ...]


def summarise(
    dataset: str, scale: int, rivals: Sequence[Rival], images: Sequence[ImageScore]
) -> Result:
    """Gather the scores of `rivals` on one set, at least one picture for each."""
    rows = []
    for rival in rivals:
        own = tuple(image for image in images if image.rival == rival.id)
        engine = rival.upscaler.engine if rival.upscaler else None
        row = ModelScore(
            id=rival.id,
            scores=mean_scores(own),
            seconds=sum(image.seconds for image in own),
            sha256=rival.sha256,
            engine=engine.name if engine else None,
            device=engine.device if engine else None,
            precision=engine.precision if engine else None,
            images=own,
        )
        rows.append(row)
    return Result(dataset, scale, tuple(rows))


def _protocol(scale: int, pictures: int) -> Json:
    return {
        "scale": scale,
        "kernel": "bicubic a=-0.5, antialiased, symmetric edges, 8 bits (as MATLAB)",
        "channel": "Y of ITU-R BT.601, 16-235",
        "border": scale,
        "gray": "as gray; *_gray_as_rgb: made RGB first, then Y",
        "ssim": "Wang 2004, Gaussian 11x11, sigma 1.5, valid windows",
        "averaging": "mean of the pictures' figures",
        "pictures": pictures,
        "srup": __version__,
    }


def _number(value: float, digits: int = 6) -> float | None:
    # JSON has no infinity, which is the PSNR of equal pictures.
    return round(value, digits) if math.isfinite(value) else None


def _scores(scores: Scores) -> Json:
    return {name: _number(value) for name, value in asdict(scores).items()}


def _image(image: ImageScore) -> Json:
    return {
        "file": image.file,
        **_scores(image.scores),
        "height": image.height,
        "width": image.width,
        "gray": image.gray,
        "seconds": _number(image.seconds),
    }


def document(result: Result) -> Json:
    """Return what --json writes for one set; a PSNR of infinity becomes null."""
    return {
        "dataset": result.dataset,
        "protocol": _protocol(result.scale, len(result.models[0].images)),
        "models": [
            {
                "id": row.id,
                **_scores(row.scores),
                "seconds": _number(row.seconds),
                "sha256": row.sha256,
                "engine": row.engine,
                "device": row.device,
                "precision": row.precision,
                "images": [_image(image) for image in row.images],
            }
            for row in result.models
        ],
    }


def to_json(results: Sequence[Result]) -> str:
    """Write one set's document, or those of several as {"results": […]}."""
    documents = [document(result) for result in results]
    whole = documents[0] if len(documents) == 1 else {"results": documents}
    return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _refusal(path: Path, reason: str) -> SrupError:
    return SrupError(f"Cannot write {path}: {reason}", "Choose another file")


def check_report(path: Path) -> None:
    """Find out before any work whether the report could be written to `path`.

    Raises:
        SrupError: it could not.
    """
    if path.is_dir():
        raise _refusal(path, "it is a folder")
    if not path.parent.is_dir():
        raise _refusal(path, f"there is no folder {path.parent}")
    if path.exists() and not path.is_file():
        # Renaming the report onto /dev/null would replace the device.
        raise _refusal(path, "it is a device or a pipe")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise _refusal(path, f"the folder {path.parent} takes no new files")


def write_report(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all; an earlier report is replaced.

    Raises:
        SrupError: the folder takes no such file, or the disk is full.
    """
    try:
        with whole_file(path, overwrite=True) as stream:
            stream.write(text.encode())
    except OSError as error:
        raise _refusal(path, (error.strerror or str(error)).lower()) from error
