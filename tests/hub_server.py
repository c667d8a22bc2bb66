"""A server on loopback that speaks the Hub's API, for the Hub's own client.

Large files (weights) are stored apart, as the Hub does: `/resolve/` gives their size
and sha256 and sends the client on to another address, which wants no token.
"""

import base64
import hashlib
import importlib
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

LARGE = (".safetensors", ".onnx", ".pth", ".pt")

Files = dict[str, bytes]
Fault = Callable[["Handler", bytes], None]


@dataclass
class Repo:
    """A repository and its history."""

    private: bool = False
    gated: bool = False
    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Files] = field(default_factory=dict)

    def commit(self, files: Files, branch: str = "main") -> str:
        """Add a commit with what the branch had and `files`; return its id."""
        before = self.commits.get(self.branches.get(branch, ""), {})
        number = str(len(self.commits)).encode()
        commit = hashlib.sha1(number + b"".join(files.values())).hexdigest()
        self.commits[commit] = before | files
        self.branches[branch] = commit
        return commit


@dataclass
class Request:
    """What was asked for."""

    method: str
    path: str
    headers: Message


class Hub:
    """What the server has, and what it was asked.

    Attributes:
        direct: serve large files itself, as some mirrors do.
        tokens: that may read what is private, and write.
        accepted: repositories whose conditions were accepted.
        stored: large files by their sha256.
    """

    def __init__(self) -> None:
        self.url = self.storage_url = ""
        self.lock = threading.Lock()
        self.direct = False
        self.repos: dict[str, Repo] = {}
        self.stored: Files = {}
        self.tokens = {"hf_good"}
        self.accepted: set[str] = set()
        self.requests: list[Request] = []
        self.faults: list[tuple[str, deque[Fault]]] = []

    def put(self, repo: str, files: Files, branch: str = "main") -> str:
        """Commit `files`; return the commit's id."""
        for name, content in files.items():
            if name.endswith(LARGE):
                self.stored[hashlib.sha256(content).hexdigest()] = content
        return self.repos.setdefault(repo, Repo()).commit(files, branch)

    def fail(self, pattern: str, *faults: Fault) -> None:
        """Let `faults` answer the next requests whose `METHOD PATH` matches."""
        self.faults.append((pattern, deque(faults)))

    def fault(self, what: str) -> Fault | None:
        for pattern, faults in self.faults:
            if faults and re.search(pattern, what):
                return faults.popleft()
        return None

    def asked(self, pattern: str) -> list[Request]:
        """The requests so far whose `METHOD PATH` matches."""
        return [r for r in self.requests if re.search(pattern, f"{r.method} {r.path}")]


class Handler(BaseHTTPRequestHandler):
    """Both addresses, with what they share."""

    protocol_version = "HTTP/1.1"
    timeout = 5
    hub: Hub

    def answer(self, status, body=b"", headers=None, length=None):
        """Send `body`; `length` is what Content-Length says, None for the truth."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", len(body) if length is None else length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        if length not in (None, len(body)):
            self.close_connection = True

    def tell(self, facts, status=200):
        body = json.dumps(facts).encode()
        self.answer(status, body, {"Content-Type": "application/json"})

    def refuse(self, status, code="", message="no"):
        headers = {"X-Error-Message": message} | (
            {"X-Error-Code": code} if code else {}
        )
        self.answer(status, b"", headers)

    def serve(self, content: bytes, headers: dict[str, str] | None = None) -> None:
        """Answer as a good server does, ranges and all."""
        wanted = self.headers.get("Range")
        if wanted is None:
            self.answer(200, content, headers)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        extent = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self.answer(206, content[start:], (headers or {}) | {"Content-Range": extent})

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def take(self):
        with suppress(ConnectionError):  # it is the client's right to hang up
            path = urlsplit(self.path).path
            with self.hub.lock:
                request = Request(self.command, path, self.headers)
                self.hub.requests.append(request)
                fault = self.hub.fault(f"{self.command} {path}")
            content = self.body()
            if fault is not None:
                fault(self, self.content(path))
            else:
                self.respond(path, content)

    def do_GET(self):
        self.take()

    def do_HEAD(self):
        self.take()

    def do_POST(self):
        self.take()

    def do_PUT(self):
        self.take()

    def content(self, path: str) -> bytes:
        return self.hub.stored.get(path.rpartition("/")[2], b"")

    def log_message(self, *_):
        pass


class Storage(Handler):
    """Where large files lie, by their sha256."""

    def respond(self, path: str, body: bytes) -> None:
        if "Authorization" in self.headers:
            self.refuse(400)  # as signed addresses do
        elif self.command == "PUT":
            self.hub.stored[path.rpartition("/")[2]] = body
            self.answer(200)
        else:
            self.serve(self.content(path))


class Endpoint(Handler):
    """The Hub itself."""

    def respond(self, path: str, body: bytes) -> None:
        path = unquote(path)
        for pattern, answer in self.ROUTES:
            match = re.fullmatch(pattern, f"{self.command} {path}")
            if match:
                answer(self, body, *match.groups())
                return
        self.refuse(404)

    @property
    def token(self) -> str | None:
        return self.headers.get("Authorization", "").removeprefix("Bearer ") or None

    def may_write(self) -> bool:
        if self.token in self.hub.tokens:
            return True
        self.refuse(401, message="Invalid username or password.")
        return False

    def open(self, name: str, revision: str | None) -> tuple[Repo, str] | None:
        """Return a repository and a commit's id, or refuse as the Hub does."""
        repo = self.hub.repos.get(name)
        known = self.token in self.hub.tokens
        if self.token is not None and not known:
            self.refuse(401, message="Invalid credentials in Authorization header")
        elif repo is None or (repo.private and not known):
            self.refuse(404 if known else 401, "RepoNotFound", "Repository not found")
        elif repo.gated and name not in self.hub.accepted:
            self.refuse(403 if known else 401, "GatedRepo", "Access is restricted.")
        else:
            commit = repo.branches.get(revision or "main", revision or "")
            if commit in repo.commits or not repo.commits:
                return repo, commit
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return None

    def info(self, _: bytes, name: str, revision: str | None = None) -> None:
        if opened := self.open(name, revision):
            repo, commit = opened
            files = [{"rfilename": file} for file in repo.commits.get(commit, {})]
            facts = {"id": name, "sha": commit or None, "private": repo.private}
            self.tell(facts | {"siblings": files})

    def resolve(self, _: bytes, name: str, revision: str, file: str) -> None:
        opened = self.open(name, revision)
        if not opened:
            return
        repo, commit = opened
        content = repo.commits[commit].get(file)
        headers = {"X-Repo-Commit": commit}
        if content is None:
            self.refuse(404, "EntryNotFound", "Entry not found")
        elif file.endswith(LARGE):
            digest = hashlib.sha256(content).hexdigest()
            headers |= {
                "X-Linked-Etag": f'"{digest}"',
                "X-Linked-Size": str(len(content)),
            }
            if self.hub.direct:
                self.serve(content, headers)
                return
            headers["Location"] = f"{self.hub.storage_url}/{digest}"
            self.answer(302, b"", headers)
        else:
            head = f"blob {len(content)}\0".encode()
            digest = hashlib.sha1(head + content).hexdigest()
            self.answer(200, content, headers | {"ETag": f'"{digest}"'})

    def create(self, body: bytes) -> None:
        if not self.may_write():
            return
        wish = json.loads(body)
        name = f"{wish['organization']}/{wish['name']}"
        if name in self.hub.repos:
            self.tell({"url": f"{self.hub.url}/{name}", "error": "exists"}, 409)
            return
        private = wish.get("private") or wish.get("visibility") == "private"
        self.hub.repos[name] = Repo(private=bool(private))
        self.tell({"url": f"{self.hub.url}/{name}"})

    def check_card(self, body: bytes) -> None:
        assert json.loads(body)["content"].startswith("---\n")
        self.tell({"errors": [], "warnings": []})

    def preupload(self, body: bytes, *_: str) -> None:
        if self.may_write():
            modes = [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                    "shouldIgnore": False,
                }
                for file in json.loads(body)["files"]
            ]
            self.tell({"files": modes})

    def batch(self, body: bytes, *_: str) -> None:
        if self.may_write():
            objects = json.loads(body)["objects"]
            for wanted in objects:
                if wanted["oid"] not in self.hub.stored:
                    href = f"{self.hub.storage_url}/{wanted['oid']}"
                    wanted["actions"] = {"upload": {"href": href}}
            self.tell({"transfer": "basic", "objects": objects})

    def take_commit(self, body: bytes, name: str, branch: str) -> None:
        if not self.may_write():
            return
        files = {}
        for line in body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                files[value["path"]] = self.hub.stored[value["oid"]]
        commit = self.hub.repos[name].commit(files, branch)
        url = f"{self.hub.url}/{name}/commit/{commit}"
        self.tell({"success": True, "commitOid": commit, "commitUrl": url})

    ROUTES = (
        (r"GET /api/models/([^/]+/[^/]+)", info),
        (r"GET /api/models/([^/]+/[^/]+)/revision/(.+)", info),
        (r"(?:GET|HEAD) /([^/]+/[^/]+)/resolve/([^/]+|refs/pr/\d+)/(.+)", resolve),
        (r"POST /api/repos/create", create),
        (r"POST /api/validate-yaml", check_card),
        (r"POST /api/models/([^/]+/[^/]+)/preupload/(.+)", preupload),
        (r"POST /([^/]+/[^/]+)\.git/info/lfs/objects/batch", batch),
        (r"POST /api/models/([^/]+/[^/]+)/commit/(.+)", take_commit),
    )


@contextmanager
def _served(kind: type[Handler], hub: Hub) -> Iterator[str]:
    handler = type("OwnHandler", (kind,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True  # a client may keep its connection open
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def serving() -> Iterator[Hub]:
    """Run a Hub for the block."""
    hub = Hub()
    with ExitStack() as stack:
        hub.url = stack.enter_context(_served(Endpoint, hub))
        hub.storage_url = stack.enter_context(_served(Storage, hub))
        yield hub


def environment(hub: Hub, home: Path) -> dict[str, str]:
    """The client's settings for this server, and a cache of its own."""
    return {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",  # which would upload elsewhere
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }


@contextmanager
def settings(**variables: str) -> Iterator[None]:
    """Let the client in this process find `variables` in the environment."""
    from huggingface_hub import constants

    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        # It reads them when it is imported.
        importlib.reload(constants)
        yield
    importlib.reload(constants)


def status(code: int, headers: dict[str, str] | None = None) -> Fault:
    """Answer `code` and nothing else."""
    return lambda handler, _: handler.answer(code, b"", headers)


def cut_after(count: int) -> Fault:
    """Promise the rest, send `count` bytes of it, and hang up."""

    def fault(handler: Handler, content: bytes) -> None:
        wanted = handler.headers.get("Range")
        start = int(wanted[6:-1]) if wanted else 0
        extent = f"bytes {start}-{len(content) - 1}/{len(content)}"
        headers = {"Content-Range": extent} if start else {}
        body = content[start : start + count]
        handler.answer(206 if start else 200, body, headers, len(content) - start)

    return fault


def sends(content: bytes) -> Fault:
    """Answer with something else, whatever was asked for."""
    return lambda handler, _: handler.answer(200, content)


def drips(pieces: int) -> Fault:
    """Send everything, piece by piece."""
    pause = threading.Event()

    def fault(handler: Handler, content: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        step = -(-len(content) // pieces)
        for start in range(0, len(content), step):
            handler.wfile.write(content[start : start + step])
            pause.wait(0.005)

    return fault


def stalls_after(count: int) -> Fault:
    """Send `count` bytes, and then nothing for longer than a client waits."""

    def fault(handler: Handler, content: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[:count])
        handler.wfile.flush()
        threading.Event().wait(3)
        handler.close_connection = True

    return fault


def hangs_up(handler: Handler, _: bytes) -> None:
    """Answer nothing at all."""
    handler.close_connection = True
