"""What a model's card says, which `sr_cli.train.card` wrote."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sr_cli.errors import ModelError

_FACT = re.compile(r"^- (\w+): `?([^`\n]+)`?$", re.MULTILINE)
_ROW = re.compile(
    r"^\| (\w+) \| \d+ \| \**([\d.]+)\** \| \**([\d.]+)\** \|", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Figures:
    """How near the results on a set come to the originals, on luma."""

    psnr: float
    """In dB."""
    ssim: float


@dataclass(frozen=True, slots=True)
class Card:
    """A model's card."""

    text: str
    """Markdown."""
    sha256: str | None
    """Of the weights that it is about."""
    licence: str | None
    speed: str | None
    """As measured, in words, if it was."""
    figures: Mapping[str, Figures]
    """By set, such as `set14`."""


def read_card(text: str) -> Card:
    """Find the facts in a card's text; what it doesn't say stays open."""
    facts = dict(reversed(_FACT.findall(text)))  # the first of a name counts
    figures = {
        name: Figures(float(psnr), float(ssim))
        for name, psnr, ssim in _ROW.findall(text)
    }
    return Card(
        text=text,
        sha256=facts.get("sha256"),
        licence=facts.get("licence"),
        speed=facts.get("speed"),
        figures=figures,
    )


def find_card(weights: Path, sha256: str) -> Card | None:
    """Return the card beside `weights`, if there is one and it is about them.

    Args:
        weights: `NAME.safetensors`, with `NAME.md` or, as on the Hub, `README.md`.
        sha256: of the weights.

    Raises:
        ModelError: there is one, but it can't be read.
    """
    for path in (weights.with_suffix(".md"), weights.with_name("README.md")):
        try:
            card = read_card(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise ModelError(
                f"Cannot read the card {path} ({error})", "Get it again, or remove it"
            ) from error
        if card.sha256 == sha256:
            return card
    return None
