"""Ratings in a database: what `add` returned from is on the disk.

Raters are kept by a hash of the secret that their browser holds, and nothing else is
known of them.
"""

import hashlib
import json
import random
import secrets
import sqlite3
import threading
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path

from sr_cli.errors import DataError
from sr_cli.mos.presentation import presentation
from sr_cli.mos.study import Study

MAX_RATERS = 10_000
"""More would be somebody who fills the disk."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS study (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS raters (rater TEXT PRIMARY KEY, items TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS ratings (
    rater TEXT NOT NULL REFERENCES raters,
    position INTEGER NOT NULL CHECK (position >= 0),
    score INTEGER NOT NULL CHECK (score BETWEEN 1 AND 5),
    PRIMARY KEY (rater, position)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Record:
    """What one rater was shown and said."""

    rater: str
    items: tuple[str, ...]
    """In the order of showing; repeated ones twice."""
    scores: tuple[int | None, ...]
    """As many as items; None for those that are not rated yet."""

    @property
    def finished(self) -> bool:
        """Whether everything is rated."""
        return None not in self.scores


class UnknownError(Exception):
    """No such rater, or nothing to rate at that place."""


class FullError(Exception):
    """There are `MAX_RATERS` already."""


class Store:
    """The ratings of `study` in the file `path`, made if missing; for any thread.

    Raises:
        DataError: it can't be opened, or belongs to another study.
    """

    def __init__(self, path: Path, study: Study) -> None:
        self._study = study
        self._lock = threading.Lock()
        with ExitStack() as on_failure:
            try:
                self._base = _open(path)
                on_failure.callback(self._base.close)
                with self._base:
                    self._base.executescript(_SCHEMA)
                    self._base.execute(
                        "INSERT INTO study SELECT ? "
                        "WHERE NOT EXISTS (SELECT * FROM study)",
                        [study.id],
                    )
                rows = self._base.execute("SELECT id FROM study").fetchall()
            except sqlite3.Error as error:
                raise _unusable(path, error) from error
            if rows != [(study.id,)]:
                raise _unusable(path, "it belongs to another study")
            on_failure.pop_all()

    def close(self) -> None:
        """Let go of the file, which is whole by itself then."""
        with self._lock:
            # A log beside it could get lost when the file is copied.
            with suppress(sqlite3.OperationalError):  # another process has it open
                self._base.execute("PRAGMA journal_mode = DELETE")
            self._base.close()

    def begin(self) -> str:
        """Take in a new rater, with an order of their own, and return their secret.

        Raises:
            FullError: there are too many.
        """
        token = secrets.token_hex(16)
        items = presentation(self._study, random.SystemRandom())
        with self._lock, self._base:
            (count,) = self._base.execute("SELECT count(*) FROM raters").fetchone()
            if count >= MAX_RATERS:
                raise FullError(f"there are {count} raters")
            row = [rater_of(token), json.dumps(items)]
            self._base.execute("INSERT INTO raters VALUES (?, ?)", row)
        return token

    def record(self, token: str) -> Record:
        """Return what the rater was shown and said so far.

        Raises:
            UnknownError: nobody has that secret.
        """
        with self._lock:
            return _record(self._base, rater_of(token))

    def add(self, token: str, position: int, item: str, score: int) -> None:
        """Keep a score of 1 to 5, in the place of an earlier one.

        Raises:
            UnknownError: nobody has that secret, or `item` is not what is shown to
                them at `position`, from 0.
        """
        rater = rater_of(token)
        with self._lock, self._base:
            items = _items(self._base, rater)
            if not 0 <= position < len(items) or items[position] != item:
                raise UnknownError
            self._base.execute(
                "INSERT INTO ratings VALUES (?, ?, ?) "
                "ON CONFLICT (rater, position) DO UPDATE SET score = excluded.score",
                [rater, position, score],
            )


def rater_of(token: str) -> str:
    """Return the name under which the ratings of a secret's holder are kept."""
    # A browser may send what is no text; nobody has that secret.
    known = token.encode(errors="replace")
    return hashlib.sha256(known).hexdigest()[:16]


def read_records(path: Path, study: Study) -> list[Record]:
    """Read all raters' records from the database of `study`; none where it is missing.

    Raises:
        DataError: it is damaged, or belongs to another study.
    """
    if not path.exists():
        return []
    try:
        # Scoring changes nothing, not even a journal's mode.
        address = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, timeout=30.0, uri=True)) as base:
            if base.execute("SELECT id FROM study").fetchall() != [(study.id,)]:
                raise _unusable(path, "it belongs to another study")
            raters = base.execute("SELECT rater FROM raters ORDER BY rater").fetchall()
            return [_record(base, rater) for (rater,) in raters]
    except (sqlite3.Error, ValueError) as error:
        raise _unusable(path, error) from error


def _open(path: Path) -> sqlite3.Connection:
    base = sqlite3.connect(path, timeout=30.0, check_same_thread=False)
    base.execute("PRAGMA journal_mode = WAL")
    # A commit waits for the disk: power may fail right after the answer.
    base.execute("PRAGMA synchronous = FULL")
    return base


def _items(base: sqlite3.Connection, rater: str) -> tuple[str, ...]:
    query = "SELECT items FROM raters WHERE rater = ?"
    row = base.execute(query, [rater]).fetchone()
    if row is None:
        raise UnknownError
    return tuple(json.loads(row[0]))


def _record(base: sqlite3.Connection, rater: str) -> Record:
    items = _items(base, rater)
    query = "SELECT position, score FROM ratings WHERE rater = ?"
    scores = dict(base.execute(query, [rater]).fetchall())
    return Record(rater, items, tuple(map(scores.get, range(len(items)))))


def _unusable(path: Path, why: object) -> DataError:
    return DataError(
        f"Cannot use {path} ({why})",
        "Let its folder be written to, move it away, or name the study it belongs to",
    )
