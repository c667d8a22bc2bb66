"""Getting models before they are needed."""

from dataclasses import dataclass
from pathlib import Path

from sr_cli import catalog
from sr_cli.fetch import Telling
from sr_cli.hub.download import obtain_card
from sr_cli.hub.names import PREFIX, HubName, parse
from sr_cli.models.listing import place_of
from sr_cli.weights import load_model


@dataclass(frozen=True, slots=True)
class Retrieved:
    """A model that is on this machine now."""

    path: Path
    sha256: str
    bundled: bool


def retrieve(name: str, telling: Telling) -> Retrieved:
    """Get the model called `name`, an id or hf:owner/name, and its card; verify it.

    Raises:
        ModelError: there is none, or it is no model that srup can run.
        WeightsError: it can't be had, or isn't what it should be.
        DataError: the disk is full.
    """
    if name.startswith(PREFIX):
        origin, bundled = parse(name), False
    else:
        spec = catalog.find_model(name)
        origin = HubName(spec.repo, spec.revision)
        bundled = place_of(spec)[0] == "bundled"
    model = load_model(name, telling=telling)
    if not bundled:
        obtain_card(origin)
    return Retrieved(model.path, model.sha256, bundled)
