"""Provenance as the names and values that files hold."""

import json

from sr_cli.picture.provenance import Provenance

KEYWORD = "srup"
"""Under which a PNG file's texts have it."""


def fields(provenance: Provenance) -> dict[str, str]:
    """Return what there is to say."""
    said = {
        "Model": provenance.model,
        "Weights": provenance.sha256,
        "Version": provenance.version,
        "Strength": "" if provenance.strength is None else str(provenance.strength),
        "Settings": provenance.settings,
    }
    return {name: value for name, value in said.items() if value}


def provenance(said: dict[str, str]) -> Provenance | None:
    """Make sense of what `fields` returned; None if no model is named."""
    if not said.get("Model"):
        return None
    try:
        strength = float(said["Strength"])
    except (KeyError, ValueError):
        strength = None
    return Provenance(
        model=said["Model"],
        sha256=said.get("Weights", ""),
        version=said.get("Version", ""),
        strength=strength,
        settings=said.get("Settings", ""),
    )


def text(provenance: Provenance) -> str:
    """Put it into one text."""
    return json.dumps(fields(provenance))


def from_text(text: str) -> Provenance | None:
    """Make sense of what `text` returned."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    strings = {name: value for name, value in said.items() if isinstance(value, str)}
    return provenance(strings)
