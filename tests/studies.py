"""A study as small as it can be, and raters: programs, with a browser or without."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import numpy as np

from sr_cli.bench.rivals import Rival, interpolate
from sr_cli.datasets import Dataset, pictures_in
from sr_cli.mos.making import Plan, make_study
from sr_cli.mos.study import Study
from sr_cli.picture import Picture, write

MODEL = Rival("mine", partial(interpolate, scale=4, kernel="lanczos"), "ab" * 32)


def some_pictures(
    folder: Path, count: int, seed: int = 0, shape: tuple[int, int] = (36, 32)
) -> Path:
    """A folder of pictures, height × width pixels, the first one gray."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    for number in range(count):
        channels = 1 if number == 0 else 3
        pixels = random.integers(0, 256, (*shape, channels)).astype(np.uint8)
        write(Picture(pixels), folder / f"{number}.png")
    return folder


def plan_of(*folders: Path, **options: object) -> Plan:
    sets = [Dataset(folder.name, pictures_in(folder)) for folder in folders]
    return Plan(sets, [MODEL], 4, **options)  # type: ignore[arg-type]


def made_study(
    folder: Path, pictures: int = 4, **options: object
) -> tuple[Path, Study]:
    """Make a study of 4 versions of each picture, 16 items and 4 repeats."""
    photos = some_pictures(folder / "photos", pictures)
    options = {"repeats": pictures, **options}
    study = make_study(plan_of(photos, **options), folder / "study")
    return folder / "study", study


class Visitor:
    """A browser, as far as the server sees one."""

    def __init__(self, port: int) -> None:
        self.port = port

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def post(self, path: str, body: object, **headers: str) -> tuple[int, dict]:
        headers = {"Content-Type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        status, found = self.send("POST", path, json.dumps(body).encode(), headers)
        return status, json.loads(found)

    def begin(self) -> dict:
        status, found = self.post("/api/begin", {})
        assert status == 200
        return found

    def rate(self, begun: dict, position: int, score: int) -> int:
        body = {
            "token": begun["token"],
            "position": position,
            "item": begun["items"][position],
            "score": score,
        }
        return self.post("/api/rate", body)[0]


@contextmanager
def _heeding_ctrl_c() -> Iterator[None]:
    """Let a new process heed SIGINT even where a shell runs tests in the background.

    Such a shell has them ignore it, and what is ignored stays so in their children.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def serving(study: Path, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Serve a study from a process of its own, at a free port unless told one."""
    command = ("-m", "sr_cli", "mos", "serve", str(study), "--port", str(port))
    with _heeding_ctrl_c():
        process = subprocess.Popen(
            [sys.executable, *command], stdout=subprocess.PIPE, text=True
        )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        yield process, int(address.rstrip("/").rpartition(":")[2])
    finally:
        process.kill()
        process.communicate()


def until(tab, condition):
    """Wait, whether or not the page is just loading again: then nobody can be asked."""
    for _ in range(9):
        with suppress(RuntimeError):
            return tab.until(condition)
    raise TimeoutError(condition)


def shown(tab, number):
    """Wait for picture `number`, from 1, and return its name."""
    tab.until(
        f"document.querySelector('#progress')?.textContent === 'Picture {number} of 20'"
    )
    return tab.evaluate("document.querySelector('#picture').src.match(/(\\w+).png/)[1]")


def pass_examples(tab):
    until(tab, "document.querySelector('#next').textContent.startsWith('I agree')")
    assert "voluntary" in tab.evaluate("document.querySelector('#text').textContent")
    tab.key("Enter")
    for number in (1, 2):
        wanted = f"Example {number} of 2"
        tab.until(f"document.querySelector('#progress').textContent === '{wanted}'")
        said = tab.evaluate("document.querySelector('#text').textContent")
        assert ("is a 1 (bad)" in said) or ("is a 5 (excellent)" in said)
        tab.click("#next")


def rate(tab, numbers, scores):
    """Rate some pictures, by keys and by buttons in turn, and say which they were."""
    seen = []
    for number in numbers:
        seen.append(shown(tab, number))
        score = scores[number - 1]
        if number % 2:
            tab.key(str(score))
        else:
            tab.click(f"#scale button[value='{score}']")
    return seen


def finished(tab):
    tab.until("document.querySelector('#title').textContent.startsWith('That was all')")


def saved(tab):
    """Press the button, and return what the browser would put into the file."""
    tab.evaluate(
        "{ const make = URL.createObjectURL;"
        "URL.createObjectURL = blob => { window.saved = blob; return make(blob); } }"
    )
    tab.click("#save")
    return json.loads(tab.evaluate("window.saved.text()"))
