"""What srup says when a picture cannot be read."""

from pathlib import Path

from sr_cli.errors import PictureError
from sr_cli.picture.limits import MAX_PIXELS

_RESTORE = "Export it again or restore it from a backup"

_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG", "PNG"),
    (b"RIFF", "WebP"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"GIF8", "GIF"),
)


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


def drawing(name: str, kind: str) -> PictureError:
    """Refuse a vector drawing, which another program would have to render."""
    return refusal(name, f"{kind} is a drawing, not pixels", "Export it as PNG first")


def too_large(name: str) -> PictureError:
    """Refuse more than `MAX_PIXELS`, which is a mistake or an attack."""
    reason = f"it has more than {MAX_PIXELS // 10**6} million pixels"
    return refusal(name, reason, "Cut it into smaller pictures first")


def not_8_bit(name: str, kind: str) -> PictureError:
    """Refuse pixels whose black and white nothing states."""
    reason = f"its pixels are {kind} without a known range"
    return refusal(name, reason, "Convert it to 8 or 16 bits per channel first")


def unidentified(name: str, head: bytes) -> PictureError:
    """Refuse what no decoder recognised; `head` is how the file starts."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
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
