"""Which models can be removed: those that srup can get again."""

from sr_cli import catalog
from sr_cli.errors import ModelError
from sr_cli.hub.names import PREFIX, HubName, parse


def removable(name: str) -> HubName:
    """Return what of the Hub's cache the model called `name` is.

    Raises:
        ModelError: it comes with srup, or is no model.
    """
    if name.startswith(PREFIX):
        return parse(name)
    spec = catalog.find_model(name)
    if not spec.repo:
        raise ModelError(
            f"{name} comes with srup, and stays", "Remove downloaded models alone"
        )
    return HubName(spec.repo, spec.revision, spec.file_name)
