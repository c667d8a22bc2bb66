"""Files that hold more than one picture."""

from sr_cli.picture.refusals import UnfitError


def index_of(page: int | None, count: int) -> int:
    """Return the index of the page asked for, which counts from 1; None is the first.

    Raises:
        UnfitError: there is no such page.
    """
    if page is None or 1 <= page <= count:
        return (page or 1) - 1
    if count == 1:
        raise UnfitError(f"it has no page {page}, only one", "Leave the page out")
    reason = f"it has no page {page}, only {count} pages"
    raise UnfitError(reason, f"Choose one from 1 to {count}")


def first_note(page: int | None, count: int, kind: str = "frames") -> tuple[str, ...]:
    """Say that there is more than the first, unless a page was asked for."""
    if page is None and count > 1:
        return (f"Only the first of {count} {kind} was read",)
    return ()
