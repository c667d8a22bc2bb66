"""What results are called."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter

from sr_cli.errors import ConfigError
from sr_cli.picture import FORMATS

SAME = "same"
"""The format of the input, where srup writes it; else PNG."""

_LONGEST = 255  # bytes, in all file systems of note
_DIGITS = 8
_NOT_IN_NAMES = frozenset('/\\:*?"<>|\0')
_OF_THE_SOURCE = ("stem", "name", "suffix", "parent")


@dataclass(frozen=True, slots=True)
class Naming:
    """How names are made from those of the inputs.

    Raises:
        ConfigError: the template or the ending can't be used in a file's name.
    """

    template: str = "{stem}"
    """{stem}, {name} (with its suffix), {suffix} (without the dot) and {parent} are
    those of the input; the result's suffix is added."""
    ending: str = ""
    """Added before the result's suffix."""
    format: str = "png"
    """A format's name or suffix, or `same`."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """More fields and their values, the same for every picture."""

    def __post_init__(self) -> None:
        known = (*_OF_THE_SOURCE, *self.facts)
        for _, name, spec, conversion in _parsed(self.template):
            # Nothing of `str.format` that reaches into objects.
            if name is not None and (name not in known or spec or conversion):
                raise ConfigError(
                    f"The name template {self.template!r} has a field that isn't known",
                    f"Known fields: {', '.join(f'{{{field}}}' for field in known)}",
                )
        literal = self.template + self.ending
        if any(character in literal for character in "/\\\0"):
            raise ConfigError(
                f"Results can't be called {literal!r}: names hold no path separators",
                "Choose their folder with --output; subfolders are kept anyway",
            )

    def suffix(self, source: Path) -> str:
        """Return the suffix of the result, with the dot."""
        if self.format != SAME:
            return f".{self.format.lower().lstrip('.')}"
        known = {suffix for row in FORMATS for suffix in row.suffixes}
        return source.suffix if source.suffix.lower() in known else ".png"

    def name(self, source: Path, *, with_suffix: bool = False) -> str:
        """Name the result of `source`, at most 255 bytes long.

        `with_suffix` adds the suffix of the source, to tell results apart.

        Raises:
            ConfigError: there would be nothing but the suffix.
        """
        stem = "".join(
            text + ("" if field is None else self._value(field, source))
            for text, field, _, _ in _parsed(self.template)
        )
        tail = self.ending + (source.suffix if with_suffix else "")
        if not stem + tail:
            raise ConfigError(
                f"Nothing is left of the name of {source}",
                "Let the --name template hold {stem} or {name}",
            )
        return _fitting(stem, tail + self.suffix(source))

    def _value(self, field: str, source: Path) -> str:
        match field:
            case "stem":
                return source.stem
            case "name":
                return source.name
            case "suffix":
                return source.suffix[1:]
            case "parent":
                return source.absolute().parent.name
            case _:
                return _as_name(self.facts[field])


def _parsed(template: str) -> list[tuple[str, str | None, str | None, str | None]]:
    try:
        return list(Formatter().parse(template))
    except ValueError as error:
        raise ConfigError(
            f"The name template {template!r} can't be read ({error})",
            "Write fields as in {stem}_4x",
        ) from error


def _as_name(value: str) -> str:
    return "".join("-" if letter in _NOT_IN_NAMES else letter for letter in value)


def _fitting(stem: str, tail: str) -> str:
    if len(os.fsencode(stem + tail)) <= _LONGEST:
        return stem + tail
    whole = os.fsencode(stem)
    tail = f"~{hashlib.sha256(whole).hexdigest()[:_DIGITS]}{tail}"
    room = max(_LONGEST - len(os.fsencode(tail)), 0)
    # Half a character at the cut is left out.
    return f"{whole[:room].decode('utf-8', 'ignore')}{tail}"
