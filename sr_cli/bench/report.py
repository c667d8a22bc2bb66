"""What a measurement found, as one JSON document that can be compared and kept."""

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sr_cli import __version__
from sr_cli.bench.perceptual import library_version
from sr_cli.bench.protocol import PERCEPTUAL, REDUCTION_FACTS, STANDARD, Protocol
from sr_cli.bench.published import differences, figures_by_column, published_for
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
    protocol: Protocol = STANDARD
    sha256: str = ""
    """Of the lines "sha256  file name" of the originals, in order."""
    not_computed: Mapping[str, str] = field(default_factory=dict)
    """Which figures are missing, and why."""


def data_sha256(images: Sequence[ImageScore]) -> str:
    """Return the sha256 of what `sha256sum` writes of the originals, in order."""
    lines = "".join(f"{image.sha256}  {image.file}\n" for image in images)
    return hashlib.sha256(lines.encode()).hexdigest()


def summarise(
    dataset: str,
    scale: int,
    rivals: Sequence[Rival],
    images: Sequence[ImageScore],
    protocol: Protocol = STANDARD,
) -> Result:
    """Gather the scores of `rivals` on one set, at least one picture for each."""
    rows = []
    for rival in rivals:
        own = tuple(image for image in images if image.rival == rival.id)
        ran_on = own[-1].ran_on
        row = ModelScore(
            id=rival.id,
            scores=mean_scores(own),
            seconds=sum(image.seconds for image in own),
            sha256=rival.sha256,
            engine=ran_on.engine if ran_on else None,
            device=ran_on.device if ran_on else None,
            precision=ran_on.precision if ran_on else None,
            images=own,
        )
        rows.append(row)
    reasons: dict[str, str] = {}
    for image in images:
        for name, reason in image.not_computed.items():
            reasons.setdefault(name, reason)
    digest = data_sha256(rows[0].images) if rows else ""
    return Result(dataset, scale, tuple(rows), protocol, digest, reasons)


def _protocol(result: Result) -> Json:
    asked = result.protocol
    facts: dict[str, object] = {
        "scale": result.scale,
        "kernel": REDUCTION_FACTS[asked.reduction],
        "channel": "Y of ITU-R BT.601, 16-235; *_rgb: R, G and B",
        "border": asked.border_at(result.scale),
        "gray": "as gray; *_gray_as_rgb: made RGB first, then Y",
        "ssim": "Wang 2004, Gaussian 11x11, sigma 1.5, valid windows",
        "averaging": "mean of the pictures' figures",
        "pictures": len(result.models[0].images),
        "data_sha256": result.sha256,
        "srup": __version__,
    }
    if "daala" in asked.metrics:
        facts["ssim_daala"] = (
            "Daala's dump_ssim, Gaussian of sigma 1.5/256 of the height, cut at the "
            "edges; on Y, gray as " + ("gray" if asked.gray_as_gray else "RGB")
        )
    if any(name in asked.metrics for name in PERCEPTUAL):
        facts["pyiqa"] = library_version()
    return facts


def _number(value: float, digits: int = 6) -> float | None:
    # JSON has no infinity, which is the PSNR of equal pictures.
    return round(value, digits) if math.isfinite(value) else None


def _finite(figures: Mapping[str, float]) -> Json:
    return {key: _number(figures[key]) for key in figures}


def _scores(scores: Scores) -> Json:
    flat = {**asdict(scores), **scores.more}
    del flat["more"]
    return _finite(flat)


def _image(image: ImageScore) -> Json:
    missing = {"not_computed": dict(image.not_computed)} if image.not_computed else {}
    return {
        "file": image.file,
        "sha256": image.sha256,
        **_scores(image.scores),
        "height": image.height,
        "width": image.width,
        "gray": image.gray,
        "seconds": _number(image.seconds),
        **missing,
    }


def _published(result: Result) -> list[Json]:
    return [
        {
            "method": row.method,
            "source": row.source.title,
            **_finite(figures_by_column(row, result.dataset)),
            "differences": differences(
                row, result.dataset, result.protocol, result.scale
            ),
        }
        for row in published_for(result.dataset, result.scale)
    ]


def document(result: Result, *, published: bool = False) -> Json:
    """Return what --json writes for one set; a PSNR of infinity becomes null.

    With `published`, what others have published on the set is added.
    """
    found: dict[str, object] = {
        "dataset": result.dataset,
        "protocol": _protocol(result),
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
    if result.not_computed:
        found["not_computed"] = dict(result.not_computed)
    if published:
        found["published"] = _published(result)
    return found


def to_json(results: Sequence[Result], *, published: bool = False) -> str:
    """Write one set's document, or those of several as {"results": […]}."""
    documents = [document(result, published=published) for result in results]
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
