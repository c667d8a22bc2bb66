"""What made a picture larger, as its file says."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Provenance:
    """The facts that make a result reproducible, and tell it from a photograph."""

    model: str
    """The model's id."""

    sha256: str
    """Of the model's weights, in hexadecimal."""

    version: str
    """Of srup."""

    strength: float | None = None
    """How far from srresnet (0) to the model (1), where that was chosen."""

    settings: str = ""
    """What else changed the pixels, as it stands on the command line."""
