"""Downloads of models, as the terminal sees them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sr_cli.cli.console import byte_bar
from sr_cli.cli.sentences import say

if TYPE_CHECKING:
    from sr_cli.fetch import Telling


@contextmanager
def shown(*, quiet: bool) -> Iterator["Telling"]:
    """Give `load_model` whom to tell how a download goes."""
    from sr_cli.fetch import Telling

    with byte_bar(quiet=quiet) as on_bytes:
        yield Telling(
            lambda done, total: on_bytes("Downloading", done, total),
            (lambda _: None) if quiet else say,
        )
