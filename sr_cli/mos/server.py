"""The page and its ratings over HTTP, for one machine or a local network."""

import ipaddress
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any

from sr_cli.errors import DataError
from sr_cli.mos.handler import Handler
from sr_cli.mos.page import served_page
from sr_cli.mos.store import Store
from sr_cli.mos.study import PICTURES, PUBLIC, Study

MAX_REQUEST = 60.0
"""Seconds for one request and its answer, however slowly they drip: a picture of 1 MB
at 17 kB/s.  As many for the wait before, with the request's first line."""
MAX_CONNECTIONS = 512
"""A thread each; a browser opens up to six."""


class StudyServer(ThreadingHTTPServer):
    """Serves the study in `folder` at `(host, port)`; port 0 is any free one.

    `on_fault` is told, in sentences, when ratings can't be saved or a picture read.

    Raises:
        DataError: the address can't be had, or a picture is missing.
    """

    daemon_threads = True
    # A handful of browsers that begin at once.
    request_queue_size = 128
    # Windows would let two servers share a port, and each get some of the ratings.
    allow_reuse_address = os.name == "posix"

    def __init__(
        self,
        folder: Path,
        study: Study,
        store: Store,
        address: tuple[str, int],
        on_fault: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.store, self.study, self.on_fault = store, study, on_fault
        host, port = address
        self.page = served_page(study).encode()
        self.pictures = {
            f"/{PICTURES}/{name}.png": folder / PUBLIC / PICTURES / f"{name}.png"
            for name in study.names
        }
        self._check_pictures()
        self.own_names = {"localhost", *_names_of_this_machine()}
        if host:
            self.own_names.add(host.lower())
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._asked: dict[socket.socket, float] = {}
        if ":" in host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__(address, Handler)
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise DataError(
                f"Cannot serve at {host}, port {port} ({reason or error})",
                "Choose another with --host or --port",
            ) from error

    def _check_pictures(self) -> None:
        for path in self.pictures.values():
            if not path.is_file():
                raise DataError(
                    f"{path} is missing",
                    "Take it from a backup, or make the study again",
                )

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """Where raters find the page: an address of this machine, not 0.0.0.0."""
        host = str(self.server_address[0])
        if ipaddress.ip_address(host).is_unspecified:
            host = _own_address(self.address_family)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def server_bind(self) -> None:
        """Take the address, without asking a name service who this machine is."""
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a connection a thread of its own, if there are not too many."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread could be had
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer a connection until it ends."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._asked.pop(request, None)
            self._free.release()

    def asked(self, connection: socket.socket) -> None:
        """Note that a request began, or the wait for one, on a connection."""
        self._asked[connection] = time.monotonic()

    def answered(self, connection: socket.socket) -> None:
        """Note that it has its answer."""
        self._asked.pop(connection, None)

    def service_actions(self) -> None:
        """End connections whose request takes too long, so that others get theirs."""
        oldest = time.monotonic() - MAX_REQUEST
        for connection, since in list(self._asked.items()):
            if since < oldest:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_: object) -> None:
        """Forget a browser that went away: the rest go on."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            self.on_fault(f"A request failed ({error!r}).")


def _own_address(family: int) -> str:
    """Return this machine's address in its network, or its name where it has none."""
    # No packet is sent: the system says by which of its addresses one would go.
    nobody = "2001:db8::1" if family == socket.AF_INET6 else "192.0.2.1"
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((nobody, 9))
        return str(probe.getsockname()[0])
    return socket.gethostname()


def _names_of_this_machine() -> set[str]:
    name = socket.gethostname().lower()
    return {name, f"{name.partition('.')[0]}.local"}
