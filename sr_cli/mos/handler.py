"""Requests and their answers, none of them trusted.

A page elsewhere may send requests with a rater's browser, and anybody on the network
may send anything.  No path from a request ever reaches the disk: pictures are looked up
among the study's names.
"""

import ipaddress
import json
import sqlite3
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, ClassVar

from sr_cli.mos.exports import as_export
from sr_cli.mos.store import FullError, UnknownError
from sr_cli.mos.study import SCORES

if TYPE_CHECKING:
    from sr_cli.mos.server import StudyServer

_MAX_BODY = 1024  # bytes; a rating has about 110
_PATIENCE = 20.0  # seconds for a browser that sends nothing
_POLICY = (
    "default-src 'none'; img-src 'self' data:; connect-src 'self'; "
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

Answer = dict[str, Any]


class _RefusedError(Exception):
    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class Handler(BaseHTTPRequestHandler):
    """Answers one connection, with what its server has."""

    server: "StudyServer"
    protocol_version = "HTTP/1.1"
    server_version = "srup"
    sys_version = ""
    timeout = _PATIENCE
    # Else each picture's last packet waits 40 ms for word of the one before.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer with the page or a picture."""
        self._guarded(self._get)

    def do_POST(self) -> None:
        """Take in a rater, or a rating."""
        self._guarded(self._post)

    def parse_request(self) -> bool:
        """Read the rest of a request's head, against a clock of its own."""
        self.server.asked(self.connection)
        return super().parse_request()

    def handle_one_request(self) -> None:
        """Wait for a request, and answer it."""
        # A first line may drip as well.
        self.server.asked(self.connection)
        super().handle_one_request()
        self.server.answered(self.connection)

    def log_message(self, *_: object) -> None:
        """Keep nothing: an address is personal."""

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            self._check_host()
            act()
        except _RefusedError as refusal:
            # What is left of the request must not be taken for the next one.
            self.close_connection = True
            self._answer_json({"error": str(refusal)}, refusal.status)

    def _check_host(self) -> None:
        """Refuse names that are not ours.

        Else a page elsewhere could let its own name point here, and be taken for ours.
        An address can't be pointed elsewhere.
        """
        host = self.headers.get("Host", "")
        name = host.rpartition(":")[0] if not host.endswith("]") else host
        name = (name or host).lower()
        if name in self.server.own_names:
            return
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            raise _RefusedError(
                HTTPStatus.MISDIRECTED_REQUEST,
                "this machine has another name: use the address that it was shown with",
            ) from None

    def _get(self) -> None:
        if self.path == "/":
            self._answer(self.server.page, "text/html; charset=utf-8")
            return
        path = self.server.pictures.get(self.path)
        if path is None:
            raise _RefusedError(HTTPStatus.NOT_FOUND, "there is no such page")
        try:
            content = path.read_bytes()
        except OSError as error:
            self.server.on_fault(f"A rater did not get a picture ({error}).")
            raise _RefusedError(
                HTTPStatus.NOT_FOUND, "this picture is missing"
            ) from None
        self._answer(content, "image/png", "private, max-age=86400")

    def _post(self) -> None:
        self._check_origin()
        body = self._body()
        act = self.routes.get(self.path)
        if act is None:
            raise _RefusedError(HTTPStatus.NOT_FOUND, "there is no such page")
        try:
            answer = act(self, body)
        except UnknownError:
            raise _RefusedError(
                HTTPStatus.NOT_FOUND, "no such rater, or no such item"
            ) from None
        except (FullError, sqlite3.Error) as error:
            self.server.on_fault(f"A rater was turned away ({error}).")
            raise _RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE, "nothing can be saved"
            ) from None
        self._answer_json(answer, HTTPStatus.OK)

    def _check_origin(self) -> None:
        origin = self.headers.get("Origin")
        if origin not in (None, f"http://{self.headers['Host']}"):
            raise _RefusedError(HTTPStatus.FORBIDDEN, "another page sent this")
        if self.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            raise _RefusedError(HTTPStatus.FORBIDDEN, "another page sent this")
        if self.headers.get_content_type() != "application/json":
            raise _RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send JSON")

    def _body(self) -> Answer:
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not length:
            raise _RefusedError(HTTPStatus.LENGTH_REQUIRED, "say how much you send")
        if not (length.isascii() and length.isdigit()):
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "that is no length")
        if len(length) > 9 or int(length) > _MAX_BODY:
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "that is too much")
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "that is no JSON") from None
        if not isinstance(body, dict):
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "send an object")
        return body

    def _begin(self, body: Answer) -> Answer:
        _take(body)
        token = self.server.store.begin()
        return {"token": token, **self._record(token)}

    def _resume(self, body: Answer) -> Answer:
        (token,) = _take(body, token=str)
        return self._record(token)

    def _rate(self, body: Answer) -> Answer:
        token, position, item, score = _take(
            body, token=str, position=int, item=str, score=int
        )
        if score not in SCORES:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "a score is 1 to 5")
        self.server.store.add(token, position, item, score)
        return {"saved": True}

    def _record(self, token: str) -> Answer:
        return as_export(self.server.store.record(token), self.server.study)

    def _answer_json(self, answer: Answer, status: HTTPStatus) -> None:
        self._answer(json.dumps(answer).encode(), "application/json", status=status)

    def _answer(
        self,
        content: bytes,
        kind: str,
        cache: str = "no-store",
        status: HTTPStatus = HTTPStatus.OK,
    ) -> None:
        self.send_response_only(status)
        headers = {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Cache-Control": cache,
            "Content-Security-Policy": _POLICY,
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        if self.close_connection:
            headers["Connection"] = "close"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    routes: ClassVar[dict[str, Callable[["Handler", Answer], Answer]]] = {
        "/api/begin": _begin,
        "/api/resume": _resume,
        "/api/rate": _rate,
    }


def _take(body: Answer, **kinds: type) -> tuple[Any, ...]:
    """Return the values of a body that has these keys alone, of these types."""
    # `type`, since a bool is an int as well.
    if body.keys() != kinds.keys() or any(
        type(body[name]) is not kind for name, kind in kinds.items()
    ):
        raise _RefusedError(
            HTTPStatus.BAD_REQUEST, "the values don't have the right names or types"
        )
    return tuple(body[name] for name in kinds)
