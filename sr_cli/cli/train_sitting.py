"""One sitting of a training run, as the terminal sees it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sr_cli import picture
from sr_cli.cli.console import progress_bar
from sr_cli.cli.downloads import obtainer
from sr_cli.cli.interrupts import Interrupts
from sr_cli.cli.sentences import say
from sr_cli.cli.train_display import Display
from sr_cli.datasets import find_photos
from sr_cli.engines import EngineChoice
from sr_cli.picture import Picture
from sr_cli.train import checkpoint, export, loop
from sr_cli.train.checkpoint import RunState
from sr_cli.train.config import TrainConfig
from sr_cli.train.data import Crops
from sr_cli.train.device_crops import DeviceCrops, fits
from sr_cli.train.devices import DeviceName, RealDevice, prepare_device
from sr_cli.train.drawings import draw_pages
from sr_cli.train.feature_weights import LoadedFeatures, load_features
from sr_cli.train.log import RunLog
from sr_cli.train.parallel import Team, open_team
from sr_cli.train.photos import load_photos, picture_files
from sr_cli.train.reports import Report, ValidationReport
from sr_cli.train.run import Origins, RunFolder, Session
from sr_cli.train.tensorboard import TensorBoardWriter
from sr_cli.train.validation import open_validation

_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Sitting:
    """What holds for this sitting alone."""

    resume: bool
    overwrite: bool
    stop_at: int | None
    device: DeviceName
    threads: int | None
    compiled: bool
    quiet: bool

    def say(self, sentence: str) -> None:
        """Tell the user something, unless they want quiet."""
        if not self.quiet:
            say(sentence)


def _load_crops(
    config: TrainConfig, session: Session, folder: RunFolder, sitting: Sitting
) -> Crops:
    files = picture_files(find_photos(session.data, obtainer(quiet=sitting.quiet)))
    cache = None if session.cache_gib is None else int(session.cache_gib * _GIB)
    with progress_bar("Reading", "photos", quiet=sitting.quiet) as on_photo:
        # The system's folder for temporary files may be in memory itself.
        disk = next(p for p in folder.path.absolute().parents if p.is_dir())
        loaded = load_photos(files, config.crop, cache, on_photo, disk)
    for skipped in loaded.skipped:
        sitting.say(f"Left out {skipped.path}: {skipped.reason}.")
    return Crops(
        [*loaded.pairs, *draw_pages(config.drawings, config.seed)],
        config.crop,
        config.batch,
        config.seed,
        config.sampling,
        config.degradation,
    )


def _open_rhythm(
    config: TrainConfig, session: Session, device: RealDevice, stop: Callable[[], bool]
) -> loop.Rhythm:
    validate = None
    if session.validate is not None:
        choice = EngineChoice(device=device)
        folder = Path(session.validate)
        validate = open_validation(folder, config.architecture, choice)
    return loop.Rhythm(session.save_every, session.validate_every, validate, stop)


def _load_features(
    config: TrainConfig, session: Session, sitting: Sitting
) -> LoadedFeatures | None:
    if config.features is None:
        return None
    loaded = load_features(config.features, session.features_file, seed=config.seed)
    for source in loaded.sources:
        if source.note:
            sitting.say(source.note)
    return loaded


def _described(loaded: LoadedFeatures | None) -> tuple[str, ...]:
    """Say for the record what a content loss compares with."""
    return tuple(
        f"{s.network} of {Path(s.origin).name} (sha256 {s.sha256 or 'none'})"
        for s in (loaded.sources if loaded else ())
    )


def _start(
    folder: RunFolder,
    config: TrainConfig,
    session: Session,
    device: RealDevice,
    resume: bool,
) -> tuple[RunState, str | None]:
    """Return the state to go on from, and what it began with."""
    state = loop.start(config, device)
    if resume:
        checkpoint.restore(state, folder.checkpoint)
        return state, folder.read_settings()[1].init
    if session.init is not None:
        return state, export.start_from(state, session.init)
    return state, None


class _Record:
    """What a run leaves behind as it goes on; only the leader of a team has one."""

    def __init__(self, folder: RunFolder, session: Session, state: RunState) -> None:
        self._folder = folder
        self._log = RunLog(folder.log, session.log_every)
        self._log.rewind(state.step)
        writer = TensorBoardWriter if session.tensorboard else None
        self._tensorboard = writer and writer(folder.tensorboard, state.step)

    def add(self, report: Report, display: Display) -> None:
        line = self._log.add(report)
        display.show(report, line)
        if self._tensorboard is not None:
            self._tensorboard.add(line)
        if isinstance(report, ValidationReport) and report.strip is not None:
            self._folder.samples.mkdir(exist_ok=True)
            path = self._folder.samples / f"{report.step:07}.png"
            picture.write(Picture(report.strip), path, overwrite=True)

    def close(self) -> None:
        line = self._log.flush()
        if self._tensorboard is not None:
            self._tensorboard.add(line)
            self._tensorboard.close()


@contextmanager
def _recording(
    folder: RunFolder, session: Session, state: RunState
) -> Iterator[_Record]:
    record = _Record(folder, session, state)
    try:
        yield record
    finally:
        record.close()


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
    device = prepare_device(sitting.device, sitting.threads)
    with open_team(device) as team:
        if not team.leads:
            sitting = replace(sitting, quiet=True)
        return _sit(folder, settings, sitting, interrupts, team, device)


def _sit(
    folder: RunFolder,
    settings: tuple[TrainConfig, Session],
    sitting: Sitting,
    interrupts: Interrupts,
    team: Team,
    device: RealDevice,
) -> int:
    config, session = settings
    features = _load_features(config, session, sitting)
    state, init = _start(folder, config, session, device, sitting.resume)
    config = state.config  # with what "auto" became
    goal = min(sitting.stop_at or config.steps, config.steps)
    rhythm = _open_rhythm(
        config, session, device, lambda: interrupts.wished or state.step >= goal
    )
    crops = _load_crops(config, session, folder, sitting)
    photos = crops.photos - config.drawings
    pages = f" and {config.drawings} drawn pages" if config.drawings else ""
    origins = Origins(photos, init, _described(features))
    if team.leads:
        if sitting.overwrite:
            folder.clear()
        folder.begin(config, session, origins)
    sitting.say(
        f"Training on {device} with {photos} photos{pages}, "
        f"from update {state.step} to {goal}."
    )
    means = loop.Means(
        DeviceCrops(crops, device) if fits(crops, device) else crops,
        features.features.to(device) if features else None,
        team,
        sitting.compiled,
    )
    reports = loop.train(state, means, folder.checkpoint, rhythm)
    interrupts.patient = True
    if not team.leads:
        for _ in reports:
            pass
        return 0
    with (
        Display(state.step, config.steps, quiet=sitting.quiet) as display,
        _recording(folder, session, state) as record,
    ):
        for report in reports:
            record.add(report, display)
    facts = folder.facts(config, state.step, state.seconds)
    export.export(state.average, facts, folder.weights)
    interrupted = interrupts.wished and state.step < goal
    sitting.say(
        f"{'Interrupted' if interrupted else 'Done'} after update {state.step}: "
        f"averaged weights are in {folder.weights}."
    )
    if state.step < config.steps:
        command = f"srup train {config.network} --resume --output {folder.path}"
        sitting.say(f"Go on with: {command}")
    return 130 if interrupted else 0
