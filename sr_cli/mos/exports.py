"""Ratings as a file: what the page from a disk hands over."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sr_cli.errors import DataError
from sr_cli.mos.store import Record
from sr_cli.mos.study import SCORES, Study

FORMAT = "srup-mos-ratings-1"

_MAX_BYTES = 16 << 20  # over a hundred times the paper's 1128 items
_RATER = re.compile(r"[0-9a-f]{16}")


def as_export(record: Record, study: Study) -> dict[str, Any]:
    """Return the content of such a file."""
    return {
        "format": FORMAT,
        "study": study.id,
        "rater": record.rater,
        "items": list(record.items),
        "scores": list(record.scores),
    }


def read_export(path: Path, study: Study) -> Record:
    """Read one rater's file.

    Raises:
        DataError: it can't be read, or is no file of ratings of `study`.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError("it is too large")
        return _parsed(json.loads(path.read_bytes()), study)
    except OSError as error:
        raise DataError(
            f"Cannot read {path} ({error.strerror or error})",
            "Name files that raters saved from the page",
        ) from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        why = f" ({error})" if type(error) is ValueError else ""
        raise DataError(
            f"{path} holds no ratings of this study{why}",
            "Leave it out, or name the study it belongs to",
        ) from error


def _parsed(found: dict[str, Any], study: Study) -> Record:
    if found["format"] != FORMAT:
        raise ValueError("its format is unknown")
    if found["study"] != study.id:
        raise ValueError("it belongs to another study")
    items, scores = tuple(found["items"]), tuple(found["scores"])
    shown = Counter(items)
    if set(shown) != set(study.items) or max(shown.values()) > 2:
        raise ValueError("it has other items")
    if len(items) != len(study.items) + study.repeats or len(scores) != len(items):
        raise ValueError("it has too many items, or too few")
    if not all(s is None or (type(s) is int and s in SCORES) for s in scores):
        raise ValueError("a score is not 1 to 5")
    if not _RATER.fullmatch(found["rater"]):
        raise ValueError("its rater has no proper number")
    return Record(found["rater"], items, scores)


def merged(records: Iterable[Record]) -> list[Record]:
    """Put records together, one for each rater; equal ones count once.

    Of two that differ, an unfinished one gives way to the one that goes on from it.

    Raises:
        DataError: two contradict each other.
    """
    found: dict[str, Record] = {}
    for record in records:
        other = found.setdefault(record.rater, record)
        if _goes_on(other, record):
            found[record.rater] = record
        elif not _goes_on(record, other):
            raise DataError(
                f"Two records of rater {record.rater} contradict each other",
                "Leave out the wrong one",
            )
    return list(found.values())


def _goes_on(before: Record, after: Record) -> bool:
    return before.items == after.items and all(
        old is None or old == new
        for old, new in zip(before.scores, after.scores, strict=True)
    )
