"""One file over HTTP: resumed where it was cut, verified, whole or not there."""

import errno
import hashlib
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPException, responses
from pathlib import Path
from urllib.error import HTTPError, URLError

from sr_cli.errors import DataError
from sr_cli.fetch.one_at_a_time import one_at_a_time
from sr_cli.fetch.part import Part
from sr_cli.fetch.transfer import CutError, OnBytes, RemoteFile, number, receive

__all__ = ["Patience", "RemoteFile", "Telling", "fetch"]

_BLOCK = 1 << 18
_GAIN = 1 << 20  # bytes after which a connection that breaks again has earned new tries
_LONGEST_WAIT = 60.0
_TRANSIENT = frozenset({408, 425, 429})  # beside every 5xx


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a failing connection is tried, and how long it is waited for."""

    tries: int = 5
    """In a row with less than a mebibyte gained."""
    first_wait: float = 1.0
    """Seconds after the first failure; doubled after each further one."""
    timeout: float = 30.0
    """Seconds of silence after which a connection counts as cut."""
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class Telling:
    """Whom a download tells how it goes."""

    on_bytes: OnBytes = lambda *_: None
    """Told how many bytes are there, and of how many if that is known."""
    on_say: Callable[[str], None] = lambda _: None
    """Told what the user may want to know, in sentences."""


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        # Not in the server's words, which may hold what a terminal obeys.
        return f"{error.code} {responses.get(error.code, '')}".strip()
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(cause) or type(cause).__name__


def _may_pass(error: Exception, *, heard: bool) -> bool:
    """Say whether waiting can help; `heard` if the server has answered before."""
    if isinstance(error, HTTPError):
        return error.code >= 500 or error.code in _TRANSIENT
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return False
    offline = isinstance(cause, socket.gaierror) or (
        isinstance(cause, OSError)
        and cause.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH)
    )
    return heard or not offline


def _wait(
    error: Exception, failures: int, patience: Patience, telling: Telling
) -> None:
    seconds = patience.first_wait * 2.0 ** (failures - 1)
    if isinstance(error, HTTPError):
        wished = number(error.headers.get("Retry-After"))
        seconds = max(seconds, float(wished or 0))
    seconds = min(seconds, _LONGEST_WAIT)
    sentence = f"The download failed ({_reason(error)}); trying again in {seconds:g} s."
    telling.on_say(sentence)
    patience.sleep(seconds)


def _download(
    file: RemoteFile,
    part: Part,
    spare: int,
    telling: Telling,
    patience: Patience,
) -> None:
    """Fill `part`, trying again as long as there is hope."""
    failures, most = 0, part.done
    while part.total is None or part.done != part.total:
        if file.sha256 is None and part.tag is None:
            part.restart()  # nothing would show that the file has changed since
        try:
            receive(file, part, spare, telling.on_bytes, patience.timeout)
            return
        except (OSError, HTTPException, CutError) as error:
            if isinstance(error, HTTPError):
                error.close()
            if part.done >= most + _GAIN:
                failures, most = 0, part.done
            failures += 1
            heard = part.done > 0 or isinstance(error, HTTPError | CutError)
            hopeless = not _may_pass(error, heard=heard)
            if hopeless or failures >= patience.tries:
                raise DataError(
                    f"Cannot get {file.url} ({_reason(error)})",
                    "Check the network and try again: what has arrived is kept",
                ) from error
            _wait(error, failures, patience, telling)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _fetch_alone(
    file: RemoteFile,
    target: Path,
    spare: int,
    telling: Telling,
    patience: Patience,
) -> str:
    if target.is_file():
        found = _sha256(target)
        if file.sha256 in (None, found):
            return found
    with closing(Part(target, file.url)) as part:
        _download(file, part, spare, telling, patience)
        found = part.digest.hexdigest()
        if file.sha256 not in (None, found):
            part.discard()
            raise DataError(
                f"What {file.host} sent as {file.name} is damaged or another file: "
                f"its sha256 is {found}, and should be {file.sha256}",
                "Try again; what was sent is removed",
            )
        part.finish()
    return found


def fetch(
    file: RemoteFile,
    target: Path,
    *,
    spare: int = 0,
    telling: Telling = Telling(),
    patience: Patience = Patience(),
) -> str:
    """Download `file` to `target`, and return its sha256 (hexadecimal).

    What arrives is kept beside `target` as `NAME.part`, also after Ctrl-C, and the
    next call goes on from there if the server still has the same file.  A `target`
    that is there already is only verified, and replaced if it is not `file`.

    Args:
        file: what to get; a size or hash that is given is insisted on.
        target: its folder is made.
        spare: bytes of free disk space that are needed beside the file's own.
        telling: whom to tell how it goes.
        patience: with the network.

    Raises:
        DataError: it can't be had, is not what it should be, or the disk is full.
    """

    def wait() -> None:
        telling.on_say(f"Another process downloads {target.name}; waiting for it.")

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with one_at_a_time(target, wait):
            return _fetch_alone(file, target, spare, telling, patience)
    except OSError as error:
        raise DataError(
            f"Cannot write {target} ({error.strerror or error})",
            "Free some space there, or choose another folder",
        ) from error
