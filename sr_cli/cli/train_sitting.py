"""One sitting of a training run, as the terminal sees it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sr_cli.cli.console import progress_bar, say
from sr_cli.cli.interrupts import Interrupts
from sr_cli.cli.train_display import Display
from sr_cli.engines import EngineChoice
from sr_cli.train import checkpoint, export, loop
from sr_cli.train.checkpoint import RunState
from sr_cli.train.config import TrainConfig
from sr_cli.train.data import Crops, load_photos, picture_files
from sr_cli.train.datasets import find_photos
from sr_cli.train.devices import DeviceName, prepare_device
from sr_cli.train.log import RunLog
from sr_cli.train.run import RunFolder, Session
from sr_cli.train.validation import open_validation


@dataclass(frozen=True, slots=True)
class Sitting:
    """What holds for this sitting alone."""

    resume: bool
    overwrite: bool
    stop_at: int | None
    init: Path | None
    device: DeviceName
    threads: int | None
    quiet: bool

    def say(self, sentence: str) -> None:
        """Tell the user something, unless they want quiet."""
        if not self.quiet:
            say(sentence)


def _load_crops(config: TrainConfig, session: Session, sitting: Sitting) -> Crops:
    files = picture_files(find_photos(session.data))
    with progress_bar("Reading", "photos", quiet=sitting.quiet) as on_photo:
        photos = load_photos(files, on_photo)
    crops = Crops(photos, config.crop, config.batch, config.seed)
    if crops.photos < len(files):
        small = len(files) - crops.photos
        sitting.say(f"{small} photos are smaller than a crop, and are left out.")
    return crops


def _open_rhythm(
    config: TrainConfig, session: Session, device: str, stop: Callable[[], bool]
) -> loop.Rhythm:
    validate = None
    if session.validate is not None:
        choice = EngineChoice(device=device)  # type: ignore[arg-type]
        folder = Path(session.validate)
        validate = open_validation(folder, config.architecture, choice)
    return loop.Rhythm(session.save_every, session.validate_every, validate, stop)


def _start(folder: RunFolder, config: TrainConfig, sitting: Sitting) -> RunState:
    state = loop.start(config, prepare_device(sitting.device, sitting.threads))
    if sitting.resume:
        checkpoint.restore(state, folder.checkpoint)
    elif sitting.init:
        export.start_from(state, sitting.init)
    return state


def sit(
    folder: RunFolder,
    settings: tuple[TrainConfig, Session],
    sitting: Sitting,
    interrupts: Interrupts,
) -> int:
    """Train until the end, `stop_at` or an interruption; return the exit code.

    Raises:
        SrupError: whatever the parts raise.
    """
    config, session = settings
    state = _start(folder, config, sitting)
    config = state.config  # with what "auto" became
    device = next(state.network.parameters()).device.type
    goal = min(sitting.stop_at or config.steps, config.steps)
    rhythm = _open_rhythm(
        config, session, device, lambda: interrupts.wished or state.step >= goal
    )
    crops = _load_crops(config, session, sitting)
    if sitting.overwrite:
        folder.clear()
    folder.begin(config, session, crops.photos)
    sitting.say(
        f"Training on {device} with {crops.photos} photos, "
        f"from update {state.step} to {goal}."
    )
    log = RunLog(folder.log, session.log_every)
    log.rewind(state.step)
    interrupts.patient = True
    with Display(state.step, config.steps, quiet=sitting.quiet) as display:
        for report in loop.train(state, crops, folder.checkpoint, rhythm):
            display.show(report, log.add(report))
    log.flush()
    facts = folder.facts(config, state.step, state.seconds)
    export.export(state.average, facts, folder.weights)
    interrupted = interrupts.wished and state.step < goal
    sitting.say(
        f"{'Interrupted' if interrupted else 'Done'} after update {state.step}: "
        f"averaged weights are in {folder.weights}."
    )
    if state.step < config.steps:
        sitting.say(f"Go on with: srup train --resume --output {folder.path}")
    return 130 if interrupted else 0
