"""Reports that can be shown to others."""

import re
from pathlib import Path
from typing import Any

_PART = r"[\w.~-]"  # of a folder's name


def without_home(value: Any) -> Any:
    """Write ~ for the user's home, whose name is often theirs, in every text.

    Args:
        value: a text, or lists, tuples and dictionaries of such.
    """
    pattern = _home()
    return value if pattern is None else _replaced(value, pattern)


def _home() -> re.Pattern[str] | None:
    try:
        home = Path.home()
        homes = {str(home), home.as_posix(), str(home.resolve())}
    except (OSError, RuntimeError):  # nobody's process, as in some containers
        return None
    if home.parent == home:  # the root of everything is nobody's name
        return None
    names = "|".join(re.escape(name) for name in sorted(homes, key=len, reverse=True))
    return re.compile(rf"(?<!{_PART})(?:{names})(?!{_PART})")


def _replaced(value: Any, pattern: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return pattern.sub("~", value)
    if isinstance(value, dict):
        return {key: _replaced(one, pattern) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(one, pattern) for one in value]
    return value
