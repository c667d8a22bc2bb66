"""How much a disk still takes, and sizes as people read them."""

import shutil
from pathlib import Path

from sr_cli.errors import DataError


def readable(size: int) -> str:
    """Write a number of bytes with three digits: `3.53 GB`, powers of 1000."""
    amount = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 999.5:
            return f"{amount:.3g} {unit}"
        amount /= 1000.0
    return f"{amount:.3g} TB"


def check_space(folder: Path, needed: int) -> None:
    """Refuse what can't end well; other programs may still fill the disk.

    Args:
        folder: exists, on the disk in question.
        needed: bytes.

    Raises:
        DataError: less is free.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{readable(needed)} are needed in {folder}, but {readable(free)} are free",
            "Free some space there, or choose a folder on a larger disk",
        )
