"""A run's folder: what lies in it, and the settings that it is carried on with."""

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from sr_cli import __version__
from sr_cli.datasets import is_known_set
from sr_cli.errors import ConfigError, DataError
from sr_cli.train import checkpoint
from sr_cli.train.config import TrainConfig
from sr_cli.train.export import TrainingFacts
from sr_cli.train.presets import preset
from sr_cli.weights import RUN_WEIGHTS
from sr_cli.whole_file import whole_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True, slots=True)
class Session:
    """What a run reads, and how often it does what: saved beside its config."""

    data: str = ""
    """Folder of photos, or a known set's name."""
    validate: str | None = None
    """Folder of pictures to measure the averaged weights on."""
    init: str | None = None
    """Model to begin with; None for first weights by chance."""
    features_file: str | None = None
    """Where the feature networks come from; None for their usual source."""
    cache_gib: float | None = None
    """Memory for decoded photos; None for no bound."""
    validate_every: int = 2000
    save_every: int = 500
    log_every: int = 50
    tensorboard: bool = False

    @property
    def data_name(self) -> str:
        """What can be told of the data to others: no path."""
        return Path(self.data).name


@dataclass(frozen=True, slots=True)
class Origins:
    """What a run was found to be made of, as it began."""

    photos: int | None = None
    init: str | None = None
    """Name and sha256 of the weights that it began with."""
    features: tuple[str, ...] = ()
    """Source and sha256 of each feature network."""


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
        return self.path / RUN_WEIGHTS

    @property
    def log(self) -> Path:
        """The run's diary: see `sr_cli.train.log`."""
        return self.path / "metrics.csv"

    @property
    def settings(self) -> Path:
        """Config, session and origins; `--config` reads it, too."""
        return self.path / "config.toml"

    @property
    def samples(self) -> Path:
        """Strips of sample crops: see `sr_cli.train.strip`."""
        return self.path / "samples"

    @property
    def tensorboard(self) -> Path:
        """What TensorBoard reads, where it was asked for."""
        return self.path / "tensorboard"

    def read_settings(self) -> tuple[Session | None, Origins]:
        """Return the session and the origins, as far as they are known.

        Raises:
            DataError: the file is damaged.
        """
        if not self.settings.exists():
            return None, Origins()
        try:
            saved = tomllib.loads(self.settings.read_text(encoding="utf-8"))
            origins = saved["origins"]
            origins["features"] = tuple(origins["features"])
            return Session(**saved["session"]), Origins(**origins)
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
        session, origins = self.read_settings()
        data = session.data_name if session else None
        hours = round(seconds / 3600.0, 2)
        return TrainingFacts(config, steps, hours, data, **asdict(origins))

    def begin(self, config: TrainConfig, session: Session, origins: Origins) -> None:
        """Write the settings; a run that is not resumed starts from nothing.

        Raises:
            DataError: the folder can't be made or written.
        """
        tables = {
            "config": asdict(config),
            "session": asdict(session),
            "origins": asdict(origins),
        }
        lines = [f"# What srup {__version__} trains here, and with what."]
        for name, table in tables.items():
            lines += ["", f"[{name}]"]
            lines += [
                # Numbers, strings and lists read alike in JSON and TOML.
                f"{key} = {json.dumps(value, ensure_ascii=False)}"
                for key, value in table.items()
                if value is not None
            ]
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with whole_file(self.settings, overwrite=True) as stream:
                stream.write(("\n".join(lines) + "\n").encode())
        except OSError as error:
            raise DataError(
                f"Cannot write to {self.path} ({error.strerror or error})",
                "Choose another folder with --output",
            ) from error

    def clear(self) -> None:
        """Remove an earlier run."""
        for path in (self.checkpoint, self.weights, self.log, self.settings):
            path.unlink(missing_ok=True)
        for folder in (self.samples, self.tensorboard):
            shutil.rmtree(folder, ignore_errors=True)


_OF_CONFIG = {field.name for field in fields(TrainConfig)}
_OF_SESSION = {field.name for field in fields(Session)}


def read_wishes(path: Path) -> dict[str, Any]:
    """Read settings from a TOML file: flags without dashes, or a run's config.toml.

    Raises:
        ConfigError: the file can't be read, or names a setting that doesn't exist.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"Cannot read the settings {path} ({error})", "Correct the TOML file"
        ) from error
    flat = {k: v for k, v in found.items() if not isinstance(v, dict)}
    if "config" in found:  # of a run, whole: what it lacks is None
        flat |= {
            field.name: None for field in fields(TrainConfig) if field.default is None
        }
    for table in ("config", "session"):
        flat |= found.get(table, {})
    wishes = {key.replace("-", "_"): value for key, value in flat.items()}
    unknown = sorted(wishes.keys() - _OF_CONFIG - _OF_SESSION)
    if unknown:
        raise ConfigError(
            f"{path} sets what doesn't exist: {', '.join(unknown)}",
            "Use the names of the flags in `srup train srresnet --help`",
        )
    return wishes


def _resolved(name: str) -> str:
    """Return the whole path of what exists; other names as they are."""
    return str(Path(name).resolve()) if Path(name).exists() else name


def _absolute(wishes: Mapping[str, Any]) -> dict[str, Any]:
    """Make paths good from any working folder; keep the names of sets and models."""
    found = dict(wishes)
    for name in ("data", "validate"):
        if found.get(name) and not is_known_set(found[name]):
            found[name] = str(Path(found[name]).resolve())
    if found.get("init"):
        found["init"] = _resolved(found["init"])
    if found.get("features_file"):
        parts = found["features_file"].split(",")
        found["features_file"] = ",".join(map(_resolved, parts))
    return found


def _configure(before: TrainConfig | None, wanted: Mapping[str, Any]) -> TrainConfig:
    """Put `wanted` over the settings `before`, or over a preset's."""
    values = {k: v for k, v in wanted.items() if k in _OF_CONFIG}
    try:
        if before is None:
            before = preset(
                values.get("network", "srresnet"),
                values.pop("preset", "srup"),
                values.get("content"),
            )
        return replace(before, **values)
    except TypeError as error:  # such as a word where a number belongs
        raise ConfigError(
            f"A setting has a value of the wrong kind ({error})",
            "Write numbers without quotes, and words with them",
        ) from error


def _initial(config: TrainConfig, name: str | None) -> str | None:
    """Return the model to begin with: SRGAN goes on from SRResNet (section 3.2)."""
    if name is None and config.adversarial:
        if config.preset == "srup":
            return "srresnet"
        raise ConfigError(
            "SRGAN begins with a trained SRResNet, and none is named",
            "Name its run or weights with --init, or try without: --init none",
        )
    return None if name == "none" else name


def settle(
    folder: RunFolder, wanted: Mapping[str, Any], *, resume: bool, overwrite: bool
) -> tuple[TrainConfig, Session]:
    """Return the settings: `wanted` over those saved in `folder`, or over a preset.

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
    before, session = None, None
    if resume:
        before = checkpoint.read_config(folder.checkpoint)
        session, _ = folder.read_settings()
    config = _configure(before, wanted)
    changes = {k: wanted[k] for k in _OF_SESSION & wanted.keys()}
    if session is None and not changes.get("data"):
        raise ConfigError("No photos are named to train on", "Name them with --data")
    session = replace(session or Session(), **_absolute(changes))
    if not resume:
        session = replace(session, init=_initial(config, session.init))
    return config, session
