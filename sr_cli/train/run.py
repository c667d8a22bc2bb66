"""A run's folder: what lies in it, and the settings that it is carried on with."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from sr_cli import __version__
from sr_cli.errors import ConfigError, DataError
from sr_cli.train import checkpoint
from sr_cli.train.config import TrainConfig
from sr_cli.train.datasets import TRAINING_SETS
from sr_cli.train.export import TrainingFacts
from sr_cli.whole_file import whole_file


@dataclass(frozen=True, slots=True)
class Session:
    """What a run reads, and how often it does what: saved beside its config."""

    data: str
    """Folder of photos, or a known set's name."""
    validate: str | None = None
    """Folder of pictures to measure the averaged weights on."""
    validate_every: int = 2000
    save_every: int = 500
    log_every: int = 50

    @property
    def data_name(self) -> str:
        """What can be told of the data to others: no path."""
        return Path(self.data).name


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of a run."""

    path: Path

    @property
    def checkpoint(self) -> Path:
        """All that is needed to go on."""
        return self.path / "checkpoint.safetensors"

    @property
    def weights(self) -> Path:
        """The averaged weights, ready for `srup upscale -m`."""
        return self.path / "weights.safetensors"

    @property
    def log(self) -> Path:
        """The run's diary: see `sr_cli.train.log`."""
        return self.path / "log.jsonl"

    @property
    def settings(self) -> Path:
        """Config, session and number of photos, as JSON."""
        return self.path / "config.json"

    def read_settings(self) -> tuple[Session | None, int | None]:
        """Return the session and the number of photos, as far as they are known.

        Raises:
            DataError: the file is damaged.
        """
        if not self.settings.exists():
            return None, None
        try:
            saved = json.loads(self.settings.read_text())
            return Session(**saved["session"]), saved["photos"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"Cannot read {self.settings} ({error})",
                "Remove it, and name --data again",
            ) from error

    def facts(self, config: TrainConfig, steps: int, seconds: float) -> TrainingFacts:
        """Say how the weights came about after `steps` updates.

        Raises:
            DataError: as `read_settings`.
        """
        session, photos = self.read_settings()
        data = session.data_name if session else None
        return TrainingFacts(config, steps, round(seconds / 3600.0, 2), data, photos)

    def begin(self, config: TrainConfig, session: Session, photos: int) -> None:
        """Write the settings; a run that is not resumed starts from nothing.

        Raises:
            DataError: the folder can't be made or written.
        """
        settings = {
            "srup": __version__,
            "config": asdict(config),
            "session": asdict(session),
            "photos": photos,
        }
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for stale in self.path.glob(".srup-*.part"):  # left by a kill
                stale.unlink()
            with whole_file(self.settings, overwrite=True) as stream:
                stream.write((json.dumps(settings, indent=2) + "\n").encode())
        except OSError as error:
            raise DataError(
                f"Cannot write to {self.path} ({error.strerror or error})",
                "Choose another folder with --output",
            ) from error

    def clear(self) -> None:
        """Remove an earlier run."""
        for path in (self.checkpoint, self.weights, self.log, self.settings):
            path.unlink(missing_ok=True)


def _absolute(name: str) -> str:
    """Make a folder's name good from any working folder; keep a known set's."""
    known = any(row.id == name.casefold() for row in TRAINING_SETS)
    return name if known else str(Path(name).resolve())


def settle(
    folder: RunFolder, wanted: Mapping[str, Any], *, resume: bool, overwrite: bool
) -> tuple[TrainConfig, Session]:
    """Return the settings: `wanted` over those saved in `folder`, or over defaults.

    Raises:
        ConfigError: the folder holds a run that is neither resumed nor given up,
            none to resume, or settings that can't work.
        DataError: what is saved there can't be read.
    """
    exists = folder.checkpoint.exists()
    if exists and not resume and not overwrite:
        raise ConfigError(
            f"{folder.path} holds a run already",
            "Go on with it: --resume; replace it: --overwrite; or choose another "
            "--output",
        )
    if resume and not exists:
        raise ConfigError(
            f"{folder.path} holds no run to resume",
            "Name its folder with --output, or leave --resume out",
        )
    config, session = TrainConfig(), None
    if resume:
        config = checkpoint.read_config(folder.checkpoint)
        session, _ = folder.read_settings()
    of_config = {f.name for f in fields(TrainConfig)} & wanted.keys()
    of_session = {f.name for f in fields(Session)} & wanted.keys()
    if session is None and "data" not in of_session:
        raise ConfigError("No photos are named to train on", "Name them with --data")
    changes = {k: wanted[k] for k in of_session}
    changes |= {k: _absolute(changes[k]) for k in ("data", "validate") if k in changes}
    session = replace(session or Session(""), **changes)
    return replace(config, **{k: wanted[k] for k in of_config}), session
