"""An output folder while a batch writes into it."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sr_cli.batch.journal import Journal, Record, read_records
from sr_cli.errors import DataError
from sr_cli.fetch.one_at_a_time import one_at_a_time
from sr_cli.whole_file import claim

HIDDEN = ".srup-batch"
"""The folder inside an output folder for all that isn't a finished result."""

_JOURNAL = "journal.jsonl"
_STAGED = "staged-"


class Folder:
    """One that this process alone has open.

    The journal, and results that don't have their name yet, are in a hidden folder.
    """

    def __init__(self, root: Path, journal: Journal) -> None:
        self.root, self.journal = root, journal

    def staged(self, suffix: str) -> Path:
        """Name a place for a result that isn't finished."""
        return self.root / HIDDEN / f"{_STAGED}{secrets.token_hex(8)}{suffix}"

    def give_name(self, staged: Path, result: str, *, replaces: bool) -> None:
        """Let a staged result appear at its place, all at once.

        What is there is replaced if it may be; of a link, the link and not its target,
        which could be an input.

        Raises:
            FileExistsError: something is there that may not be replaced.
            OSError: the system refused.
        """
        target = self.root / result
        # Never the output folder itself: if that is gone, it should be noticed.
        for folder in reversed(target.relative_to(self.root).parents[:-1]):
            (self.root / folder).mkdir(exist_ok=True)
        if replaces:
            staged.replace(target)
            return
        claim(staged, target)
        staged.unlink(missing_ok=True)


@contextmanager
def open_folder(root: Path) -> Iterator[Folder]:
    """Make `root` if need be, and keep other batches out while the block runs.

    What a killed batch left half-finished is removed.

    Raises:
        DataError: another batch has it open, or it can't be written to.
    """
    hidden = root / HIDDEN

    def refuse() -> None:
        raise DataError(
            f"Another batch is writing into {root}",
            "Wait until it has ended, or choose another --output",
        )

    with ExitStack() as stack:
        try:
            hidden.mkdir(parents=True, exist_ok=True)
            stack.enter_context(one_at_a_time(hidden / _JOURNAL, refuse))
            for pattern in (f"{_STAGED}*", ".srup-*.part"):
                for orphan in hidden.glob(pattern):
                    orphan.unlink(missing_ok=True)
            journal = Journal(hidden / _JOURNAL)
        except OSError as error:
            raise _refusal(root, error) from error
        stack.callback(journal.close)
        yield Folder(root, journal)


def read_folder(root: Path) -> dict[str, Record]:
    """Read what is recorded of an output folder, and change nothing there.

    Raises:
        DataError: the journal can't be read.
    """
    try:
        return read_records(root / HIDDEN / _JOURNAL)
    except OSError as error:
        raise _refusal(root, error) from error


def _refusal(root: Path, error: OSError) -> DataError:
    return DataError(
        f"Cannot use the output folder {root} ({error.strerror or error})",
        "Choose another --output, or change its permissions",
    )
