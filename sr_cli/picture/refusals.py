"""What srup says when a picture cannot be read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import UnidentifiedImageError

from sr_cli.errors import PictureError

_RESTORE = "Export it again or restore it from a backup"


class UnfitError(Exception):
    """A decoder can't take a file, for a reason other than damage.

    Args:
        reason: what is the matter, as the end of a sentence without a full stop.
        hint: what to do about it, one sentence without a full stop.
    """

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


@contextmanager
def refusing(name: str, kind: str | None = None) -> Iterator[None]:
    """Turn whatever a decoder raises into a refusal; `kind` is what it begins as."""
    try:
        yield
    except PictureError:
        raise
    except UnfitError as error:
        raise refusal(name, error.reason, error.hint) from error
    except UnidentifiedImageError as error:
        raise unidentified(name, kind) from error
    # Decoders raise whatever a damaged file makes them trip over.
    except Exception as error:
        raise undecodable(name, error) from error


def refusal(name: str | Path, reason: str, hint: str) -> PictureError:
    """Say that `name` cannot be read, why, and what to do."""
    return PictureError(f"Cannot read {name}: {reason}", hint)


def unopened(path: Path, error: OSError) -> PictureError:
    """Refuse a file that the system doesn't hand over."""
    if isinstance(error, FileNotFoundError):
        return refusal(path, "there is no such file", "Check the name and the folder")
    if isinstance(error, PermissionError):
        return refusal(path, "permission was denied", "Check the file's permissions")
    reason = error.strerror or str(error)
    return refusal(path, reason.lower(), "Check the path and the disk")


def folder(path: Path) -> PictureError:
    """Refuse a folder where a picture was expected."""
    return refusal(path, "it is a folder", "Name a picture inside it")


def empty(name: str) -> PictureError:
    """Refuse a file of no bytes."""
    return refusal(name, "the file is empty", _RESTORE)


def drawing(kind: str) -> UnfitError:
    """Refuse a vector drawing, which another program would have to render."""
    return UnfitError(f"{kind} is a drawing, not pixels", "Export it as PNG first")


def no_range(kind: str) -> UnfitError:
    """Refuse pixels whose black and white nothing states."""
    reason = f"its pixels are {kind} without a known range"
    return UnfitError(reason, "Convert it to 8 or 16 bits per channel first")


def unusual(kind: str) -> UnfitError:
    """Refuse what is rare enough that srup doesn't read it, such as "an old JPEG"."""
    return UnfitError(f"it is {kind}", "Convert it to PNG first")


def unidentified(name: str, kind: str | None) -> PictureError:
    """Refuse what no decoder recognised; `kind` is what it begins as."""
    if kind is not None:
        reason = f"the {kind} file is truncated, damaged or of an unusual kind"
        return refusal(name, reason, _RESTORE)
    hint = "Convert it to PNG or JPEG first, if it is one"
    return refusal(name, "it is not a picture in a known format", hint)


def undecodable(name: str, error: Exception) -> PictureError:
    """Refuse what a decoder started and could not finish."""
    if isinstance(error, MemoryError):
        return refusal(name, "there is not enough memory", "Close other programs")
    if isinstance(error, OSError) and error.strerror:
        return refusal(name, error.strerror.lower(), "Check the disk it is on")
    damage = "truncated" if "truncated" in str(error).lower() else "damaged"
    return refusal(name, f"the file is {damage}", _RESTORE)
