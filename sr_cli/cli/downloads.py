"""Known sets that are not on this machine, got as the terminal sees it."""

from pathlib import Path
from typing import TYPE_CHECKING

from sr_cli.cli.console import byte_bar
from sr_cli.cli.sentences import say

if TYPE_CHECKING:
    from sr_cli.datasets import KnownSet, Obtain, Part


def obtainer(*, quiet: bool, offline: bool = False) -> "Obtain | None":
    """Return what downloads a set for `find_dataset` and `find_photos`.

    Args:
        quiet: show nothing.
        offline: return None, so that sets must be on this machine.
    """
    if offline:
        return None

    def obtain_shown(row: "KnownSet", part: "Part") -> Path:
        from sr_cli.datasets.download import Progress, obtain

        on_say = (lambda _: None) if quiet else say
        with byte_bar(quiet=quiet) as on_bytes:
            return obtain(row, part, Progress(on_bytes, on_say))

    return obtain_shown
