"""What, beside the input, decides every byte of a result."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from sr_cli.jobs import Output

Settings = Callable[[str], str]
"""Names, for a format, what makes its results: equal names, equal bytes."""

_APART = frozenset(("format", "overwrite", "provenance"))


def settings(weights: str, output: Output, running: Mapping[str, object]) -> Settings:
    """Return what names the way from an input to a result in some format.

    Args:
        weights: the sha256 of the model's file.
        output: how results are written; its format doesn't count, and of what it
            notes in them no more than whether it does: that names srup's version.
        running: what was asked of the computation that changes numbers.
    """
    asked = {
        "weights": weights,
        "tagged": getattr(output, "provenance", None) is not None,
        "output": _asked(output),
        "running": {
            k: v for k, v in running.items() if v is not None and v is not False
        },
    }

    @cache
    def of(format: str) -> str:
        text = json.dumps({**asked, "format": format}, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    return of


def _asked(value: Any) -> Any:
    """Return what differs from the defaults.

    So an option that a later version adds changes nothing.
    """
    if not is_dataclass(value) or isinstance(value, type):
        return value
    found = {
        field.name: _asked(getattr(value, field.name))
        for field in fields(value)
        if field.name not in _APART and getattr(value, field.name) != field.default
    }
    return {name: asked for name, asked in found.items() if asked not in ({}, None)}
