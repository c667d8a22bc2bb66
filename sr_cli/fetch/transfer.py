"""One request for the rest of a file.

The standard library's client makes it: it honours HTTP_PROXY and HTTPS_PROXY and the
system's certificates, whereas which client huggingface_hub brings along depends on
its version (requests, later httpx).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPMessage, HTTPResponse
from typing import IO
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from sr_cli import __version__
from sr_cli.errors import DataError
from sr_cli.fetch.disk_space import check_space
from sr_cli.fetch.part import Part, writing

_BLOCK = 1 << 18

OnBytes = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file on the network, and what is known of it for certain."""

    url: str
    size: int | None = None
    """In bytes."""
    sha256: str | None = None
    """Hexadecimal, small letters."""

    @property
    def name(self) -> str:
        """The file's name, by its address."""
        return unquote(urlsplit(self.url).path).rpartition("/")[2]

    @property
    def host(self) -> str:
        """Who serves it."""
        return urlsplit(self.url).netloc


class CutError(Exception):
    """An answer ended early, or didn't fit what was asked: worth another try."""


class _Redirects(HTTPRedirectHandler):
    """Follows redirects, but never from an encrypted connection to an open one."""

    def redirect_request(  # noqa: PLR0913, PLR0917 (the base class has it so)
        self,
        req: Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> Request | None:
        """Return the request for `newurl`.

        Raises:
            DataError: it leads away from HTTP(S), or from encryption.
        """
        schemes = ("https",) if req.type == "https" else ("http", "https")
        if urlsplit(newurl).scheme not in schemes:
            fp.close()
            raise DataError(
                f"{req.host} sends {req.full_url} on to {newurl}, which is not safe",
                "Try again later, or from another network",
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the headers of a response promise."""

    start: int
    """The first byte that it brings."""
    total: int | None
    """Of the whole file, in bytes."""
    tag: str | None
    """Changes when the file does: an ETag, or else the date of its last change."""


def number(text: str | None) -> int | None:
    """Read a header that should be a number."""
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _tag(headers: Mapping[str, str]) -> str | None:
    tag = headers.get("ETag")
    # A weak one promises the same meaning, not the same bytes.
    if tag and not tag.startswith("W/"):
        return tag
    return headers.get("Last-Modified")


def _read_answer(status: int, headers: Mapping[str, str]) -> _Answer:
    length = number(headers.get("Content-Length"))
    if status != 206:
        return _Answer(0, length, _tag(headers))
    extent, _, total_text = headers.get("Content-Range", "").partition("/")
    start = number(extent.removeprefix("bytes ").partition("-")[0])
    if start is None:
        raise CutError("the answer doesn't say what part of the file it is")
    total = number(total_text)  # or "*", where the server doesn't know
    if total is None and length is not None:
        total = start + length
    return _Answer(start, total, _tag(headers))


def _request(file: RemoteFile, part: Part) -> Request:
    headers = {
        "User-Agent": f"srup/{__version__}",
        "Accept-Encoding": "identity",  # sizes and ranges are of the file itself
    }
    if part.done:
        headers["Range"] = f"bytes={part.done}-"
        if part.tag:
            headers["If-Range"] = part.tag
    return Request(file.url, headers=headers)


def _check_size(file: RemoteFile, total: int | None) -> None:
    if None not in (file.size, total) and total != file.size:
        raise DataError(
            f"{file.host} offers {total} bytes as {file.name}, not {file.size}",
            "Try again later, or from another network: it is not the file that it was",
        )


def _begin(file: RemoteFile, part: Part, answer: _Answer, spare: int) -> None:
    """Make `part` what `answer` goes on with, and see that there is room for it."""
    _check_size(file, answer.total)
    if answer.start:
        # An answer to If-Range need not repeat a date.
        same = answer.tag in (None, part.tag) and part.total in (None, answer.total)
        if not same or answer.start != part.done:
            part.restart()
            raise CutError("the rest is that of another file")
    else:
        part.restart()
    if answer.total is not None:
        check_space(part.path.parent, answer.total - part.done + spare)
    tag = part.tag if answer.start and answer.tag is None else answer.tag
    part.describe(tag, answer.total)


def _copy(
    response: HTTPResponse, part: Part, limit: int | None, on_bytes: OnBytes
) -> None:
    """Append what `response` brings, until the part has `limit` bytes."""
    while limit is None or part.done < limit:
        left = _BLOCK if limit is None else min(_BLOCK, limit - part.done)
        # Not read(), which loses what it has gathered when the connection breaks.
        block = response.read1(left)
        if not block:
            return
        with writing(part):
            part.append(block)
        on_bytes(part.done, part.total)


def receive(
    file: RemoteFile, part: Part, spare: int, on_bytes: OnBytes, timeout: float
) -> None:
    """Ask for what `part` lacks, and append it.

    Raises:
        OSError, HTTPException, CutError: the network failed; a part may have come.
        DataError: more of the same won't help.
    """
    opener = build_opener(_Redirects)
    try:
        response = opener.open(_request(file, part), timeout=timeout)
    except HTTPError as error:
        if error.code != 416 or not part.done:
            raise
        with error:
            whole = number(error.headers.get("Content-Range", "").partition("/")[2])
        if whole == part.done and part.total in (None, whole):
            return  # it was all there
        with writing(part):
            part.restart()
        raise CutError("what had arrived is not the beginning of the file") from None
    with response:
        answer = _read_answer(response.status, response.headers)
        with writing(part):
            _begin(file, part, answer, spare)
        on_bytes(part.done, part.total)
        limit = answer.total
        if limit is None and file.size is not None:
            limit = file.size + 1  # enough to see that it is too long
        _copy(response, part, limit, on_bytes)
    if limit is not None and part.done < (file.size or limit):
        raise CutError(f"it ended after {part.done} of {file.size or limit} bytes")
    _check_size(file, part.done)
