"""Photos to train on, known by name, and where they lie on this machine."""

from dataclasses import dataclass
from pathlib import Path

from sr_cli.bench.datasets import cache_folder
from sr_cli.errors import DataError


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """A published set of photos; srup doesn't fetch it."""

    id: str
    part: str
    """What of it to train on."""
    url: str


TRAINING_SETS = (
    TrainingSet("div2k", "DIV2K_train_HR", "https://data.vision.ee.ethz.ch/cvl/DIV2K/"),
)


def find_photos(name: str) -> Path:
    """Return the folder `name`, or that of the known set `name`.

    A known set is looked for in the user's cache, then in the working folder.

    Raises:
        DataError: there is none.
    """
    folder = Path(name)
    for row in TRAINING_SETS:
        if row.id == name.casefold():
            cached = cache_folder() / row.id
            if not cached.is_dir() and not folder.is_dir():
                raise DataError(
                    f"The set {row.id} is not on this machine: "
                    f"there is no folder {cached}",
                    f"Get {row.part} from {row.url} and put its photos there",
                )
            return cached if cached.is_dir() else folder
    if not folder.is_dir():
        known = ", ".join(row.id for row in TRAINING_SETS)
        what = "is a file, not a folder" if folder.exists() else "is no folder"
        raise DataError(f"{name} {what}", f"Name a folder of photos, or one of {known}")
    return folder
