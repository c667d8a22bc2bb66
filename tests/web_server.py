"""A web server on loopback that can be told to misbehave."""

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Fault = Callable[["Handler", bytes], None]


class Handler(BaseHTTPRequestHandler):
    """Serves `site.files`; the next of `site.faults`, if any, answers instead."""

    site: "Site"
    timeout = 5

    def do_GET(self):
        with suppress(ConnectionError):  # it is the client's right to hang up
            self.respond()

    def respond(self):
        site = self.site
        with site.lock:
            site.requests.append((self.path, dict(self.headers)))
            fault = site.faults.popleft() if site.faults else None
        content = site.files.get(self.path)
        if fault is not None:
            fault(self, content or b"")
        elif content is None:
            self.send_error(404)
        else:
            self.serve(content)

    def serve(self, content: bytes):
        """Answer as a good server does, ranges and all."""
        tag = self.site.tag(content)
        wanted = self.headers.get("Range")
        same = self.headers.get("If-Range") in (None, tag)
        if not (wanted and same and self.site.ranges):
            self.answer(200, content, {"ETag": tag} if tag else {})
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(content):
            self.answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return
        extent = f"bytes {start}-{len(content) - 1}/{len(content)}"
        headers = {"Content-Range": extent} | ({"ETag": tag} if tag else {})
        self.answer(206, content[start:], headers)

    def answer(self, status, body=b"", headers=None, length=None):
        """Send `body`; `length` is what Content-Length says, None for the truth."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", len(body) if length is None else length)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Site:
    """What a server serves, and what it was asked."""

    def __init__(self, url: str):
        self.url = url
        self.lock = threading.Lock()
        self.files: dict[str, bytes] = {}
        self.faults: deque[Fault] = deque()
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.ranges = True
        self.tagged = True

    def tag(self, content: bytes) -> str | None:
        return f'"{hashlib.md5(content).hexdigest()}"' if self.tagged else None

    def put(self, path: str, content: bytes) -> str:
        """Serve `content`, and return its address."""
        self.files[path] = content
        return self.url + path

    @property
    def ranges_asked(self) -> list[str | None]:
        return [headers.get("Range") for _, headers in self.requests]


@contextmanager
def serving() -> Iterator[Site]:
    """Run a server for the block."""
    handler = type("OwnHandler", (Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = False  # closing waits for them
    handler.site = Site(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield handler.site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def cut_after(count: int) -> Fault:
    """Promise everything, send `count` bytes of what was asked for, and hang up."""

    def fault(handler: Handler, content: bytes):
        wanted = handler.headers.get("Range")
        start = int(wanted[6:-1]) if wanted else 0
        headers = {"ETag": handler.site.tag(content)} if handler.site.tagged else {}
        if start:
            headers["Content-Range"] = (
                f"bytes {start}-{len(content) - 1}/{len(content)}"
            )
        body = content[start : start + count]
        handler.answer(206 if start else 200, body, headers, len(content) - start)

    return fault


def status(code: int, headers: dict[str, str] | None = None) -> Fault:
    """Answer `code` and nothing else."""
    return lambda handler, _: handler.answer(code, b"", headers)


def claims(length: int) -> Fault:
    """Send everything, but claim that it is `length` bytes."""
    return lambda handler, content: handler.answer(200, content, None, length)
