"""From a run's folder to weights with a card that says what they are worth."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sr_cli.bench.quality import measure
from sr_cli.bench.report import Result, summarise
from sr_cli.bench.rivals import Rival, baselines, from_models
from sr_cli.datasets import Dataset
from sr_cli.engines import EngineChoice
from sr_cli.errors import DataError
from sr_cli.train import checkpoint
from sr_cli.train.card import render_card
from sr_cli.train.export import export
from sr_cli.train.run import RunFolder
from sr_cli.upscale import Upscaler
from sr_cli.weights import load_model
from sr_cli.whole_file import whole_file

SETS = ("set5", "set14", "bsd100")
"""What a card's figures are measured on."""

CHOICE = EngineChoice(precision="float32")
"""What measures them: figures that any machine can repeat."""

OnResult = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Published:
    """What was written."""

    weights: Path
    card: Path
    sha256: str
    results: tuple[Result, ...]


def _measure(
    weights: Path,
    datasets: Sequence[Dataset],
    on_result: OnResult,
) -> tuple[Result, ...]:
    model = load_model(str(weights))
    plain = [rival for rival in baselines() if rival.id == "bicubic"]
    rivals: list[Rival] = plain + from_models(
        [model], lambda found: Upscaler(found.network, CHOICE)
    )
    total = len(rivals) * sum(len(dataset.files) for dataset in datasets)
    results, done = [], 0
    for dataset in datasets:
        images = []
        for image in measure(dataset.files, rivals, model.network.scale):
            images.append(image)
            done += 1
            on_result(done, total)
        results.append(summarise(dataset.id, model.network.scale, rivals, images))
    return tuple(results)


def publish(
    run: RunFolder,
    target: Path,
    datasets: Sequence[Dataset],
    notes: str = "",
    on_result: OnResult = lambda *_: None,
) -> Published:
    """Export the averaged weights of `run` to `target` and a card beside them.

    They are measured before anything is written there, and are replaced together.

    Args:
        run: its last checkpoint is what is published.
        target: `<id>.safetensors`.
        datasets: what to measure on, usually `SETS`.
        notes: goes on the card.
        on_result: told how many of all pictures are measured.

    Raises:
        DataError: the run is missing, or `target` can't be written.
    """
    saved = checkpoint.read_average(run.checkpoint)
    facts = run.facts(saved.config, saved.step, saved.seconds)
    card = target.with_suffix(".md")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory() as folder:
            draft = Path(folder) / target.name
            sha256 = export(saved.average, facts, draft)
            results = _measure(draft, datasets, on_result)
            text = render_card(target.stem, facts, sha256, results, notes)
            with (
                whole_file(target, overwrite=True) as weights,
                whole_file(card, overwrite=True) as words,
                draft.open("rb") as measured,
            ):
                shutil.copyfileobj(measured, weights)
                words.write(text.encode())
    except OSError as error:
        raise DataError(
            f"Cannot write to {target.parent} ({error.strerror or error})",
            "Choose another folder with --output",
        ) from error
    return Published(target, card, sha256, results)
