"""Whether the weights on this machine are still what they should be."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sr_cli import catalog
from sr_cli.errors import WeightsError
from sr_cli.models.listing import blob_sha256, cached_others, place_of
from sr_cli.weights import HEADER_ARCHITECTURE, file_sha256, read_header


@dataclass(frozen=True, slots=True)
class Check:
    """The hash of a file, and what it should be."""

    id: str
    path: Path | None
    """None for one that is missing."""
    expected: str
    found: str | None
    in_cache: bool
    """Of the Hub, not bundled."""

    @property
    def ok(self) -> bool:
        """Whether they agree."""
        return self.expected == self.found

    @property
    def remedy(self) -> str:
        """What to do if they don't; without a full stop."""
        if self.in_cache:
            return f"Run `srup models remove {self.id}`, and get it again"
        return "Install srup again"


def _may_be_ours(path: Path) -> bool:
    try:
        return HEADER_ARCHITECTURE in read_header(path)
    except WeightsError:
        return True  # it may be the header that is damaged


def checks() -> Iterator[Check]:
    """Hash the weights that are bundled or cached, one after the other.

    Those of rows should have what the catalog pins, others the sha256 under which the
    Hub's cache keeps them.

    Raises:
        WeightsError: a file can't be read.
    """
    for spec in catalog.MODELS:
        place, path = place_of(spec)
        if place != "hub":
            found = file_sha256(path) if path else None
            yield Check(spec.id, path, spec.sha256, found, place == "cached")
    for model_id, path in cached_others():
        expected = blob_sha256(path)
        if expected is not None and _may_be_ours(path):
            yield Check(model_id, path, expected, file_sha256(path), in_cache=True)
