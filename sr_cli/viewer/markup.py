"""Text for HTML."""

from html import escape
from math import inf, isnan


def text(value: str) -> str:
    """Escape what HTML would read as markup, in elements and in quoted attributes.

    What no HTML file may contain becomes U+FFFD: control characters, and the lone
    surrogates of file names that are no UTF-8.
    """
    return escape(allowed(value))


def allowed(value: str) -> str:
    """Replace characters that an HTML file may not contain."""
    return "".join("\ufffd" if _forbidden(ord(letter)) else letter for letter in value)


def _forbidden(code: int) -> bool:
    return (code < 32 and code not in (9, 10)) or 127 <= code < 160 or _half(code)


def _half(code: int) -> bool:
    return 0xD800 <= code < 0xE000


def number(value: float) -> str:
    """Write a figure for people: four digits that mean something, or ∞."""
    if isnan(value):
        return "–"
    if abs(value) == inf:
        return "∞" if value > 0 else "−∞"
    digits = 4 if abs(value) < 1 else 3 if abs(value) < 10 else 2
    return f"{value:.{digits}f}".replace("-", "−")
