"""A real Chromium without a window, driven over its DevTools protocol."""

import json
import os
import re
import shutil
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_PATIENCE = 30  # seconds, for a busy machine


def find_chromium() -> str:
    """Its path; a test that finds none is skipped."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("No Chromium is installed here: apt install chromium")
    pytest.importorskip("websocket", reason="pip install websocket-client")
    return found


@contextmanager
def chromium(profile: Path) -> "Iterator[Browser]":
    """Run one that keeps what it stores in the new folder `profile`."""
    program = find_chromium()
    arguments = [
        *("--headless=new", "--remote-debugging-port=0", f"--user-data-dir={profile}"),
        *("--disable-gpu", "--no-first-run", "--disable-extensions", "--mute-audio"),
        *("--disable-background-networking", "--disable-component-update"),
        *("--disable-dev-shm-usage", "--disable-sync", "--hide-scrollbars"),
        # The sandbox refuses root, whom containers run tests as.
        *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    ]
    profile.mkdir(parents=True, exist_ok=True)
    log = profile / "stderr"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [program, *arguments, "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    try:
        browser = Browser(_address(log, process))
        try:
            yield browser
        finally:
            browser.close()
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(log: Path, process: "subprocess.Popen[bytes]") -> str:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process.poll() is None:
        if found := re.search(r"DevTools listening on (ws://\S+)", log.read_text()):
            return found[1]
        time.sleep(0.05)
    raise RuntimeError(f"Chromium did not start:\n{log.read_text()}")


class _Wire:
    """Commands and events over one socket."""

    def __init__(self, address: str) -> None:
        import websocket

        self._socket = websocket.create_connection(
            address, timeout=_PATIENCE, suppress_origin=True
        )
        self._count = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def close(self) -> None:
        self._socket.close()


class Browser:
    """The running program."""

    def __init__(self, address: str) -> None:
        self._wire = _Wire(address)
        self._host = address.partition("/devtools/")[0]

    def context(self) -> str:
        """Make what shares no cookies and no storage with others: another person."""
        return self._wire.call("Target.createBrowserContext")["browserContextId"]

    def open(
        self,
        url: str,
        *,
        context: str | None = None,
        size: tuple[int, int] = (1200, 900),
        phone: bool = False,
        dark: bool = False,
    ) -> "Tab":
        """Open a page, width × height CSS pixels, and wait until it is loaded."""
        place = {"browserContextId": context} if context else {}
        target = self._wire.call("Target.createTarget", url="about:blank", **place)
        identity = target["targetId"]
        tab = Tab(_Wire(f"{self._host}/devtools/page/{identity}"))
        tab.dress(size, phone=phone, dark=dark)
        tab.go(url)
        return tab

    def close(self) -> None:
        self._wire.close()


class Tab:
    """One page."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire
        for domain in ("Page", "Runtime", "Log", "Network"):
            wire.call(f"{domain}.enable")

    def dress(self, size: tuple[int, int], *, phone: bool, dark: bool) -> None:
        """Set the window's size, whether it is a phone's, and the colours wanted."""
        self._wire.call(
            "Emulation.setDeviceMetricsOverride",
            width=size[0],
            height=size[1],
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        self._wire.call("Emulation.setTouchEmulationEnabled", enabled=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._wire.call("Emulation.setEmulatedMedia", features=[scheme])

    def go(self, url: str) -> None:
        """Load another page."""
        self._wire.call("Page.navigate", url=url)
        self.until(
            "document.readyState === 'complete' && location.href !== 'about:blank'"
        )

    def evaluate(self, expression: str) -> Any:
        """Return what JavaScript gives, a promise's value included."""
        answer = self._wire.call(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"], indent=1))
        return answer["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until JavaScript's `condition` is true."""
        end = time.monotonic() + _PATIENCE
        while not self.evaluate(f"Boolean({condition})"):
            if time.monotonic() > end:
                shown = self.evaluate("document.body.innerText")
                raise TimeoutError(f"{condition}; the page shows {shown!r}")
            time.sleep(0.02)

    def centre(self, selector: str) -> tuple[float, float]:
        """Scroll to the first element that matches; where its middle is, then."""
        x, y = self.evaluate(
            f"(async () => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center', behavior: 'instant'});"
            # Input meets what was painted, not what was scrolled to since.
            "for (let n = 0; n < 2; n++) await new Promise(requestAnimationFrame);"
            "const b = e.getBoundingClientRect();"
            "return [b.left + b.width / 2, b.top + b.height / 2]; })()"
        )
        return x, y

    def click(self, selector: str) -> None:
        """Press and release the mouse on the first element that matches."""
        self.drag(selector, 0, 0)

    def drag(self, selector: str, across: float, down: float) -> None:
        """Press on an element's middle, move by so many pixels, release."""
        x, y = self.centre(selector)
        self._mouse("mousePressed", x, y)
        if across or down:
            for share in (0.25, 0.5, 1.0):
                self._mouse("mouseMoved", x + share * across, y + share * down)
        self._mouse("mouseReleased", x + across, y + down)

    def _mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        press = {"button": "left", "buttons": 1, "clickCount": 1}
        event = {"type": kind, "x": x, "y": y, **press, **more}
        self._wire.call("Input.dispatchMouseEvent", **event)

    def wheel(self, selector: str, down: float) -> None:
        """Turn the wheel over an element's middle."""
        x, y = self.centre(selector)
        more = {"deltaX": 0, "deltaY": down, "button": "none", "buttons": 0}
        self._mouse("mouseWheel", x, y, **more)

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        """touchStart, touchMove or touchEnd with fingers at `points`."""
        fingers = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(points)]
        self._wire.call("Input.dispatchTouchEvent", type=kind, touchPoints=fingers)

    def key(self, name: str) -> None:
        """Press and release a key, by its DOM name, such as ArrowLeft or +."""
        text = {"text": name} if len(name) == 1 else {}
        text = {"text": "\r"} if name == "Enter" else text
        codes = {"Enter": 13, "Tab": 9, " ": 32}
        code = {"windowsVirtualKeyCode": codes[name]} if name in codes else {}
        for kind in ("keyDown", "keyUp"):
            event = {"type": kind, "key": name, **code}
            event |= text if kind == "keyDown" else {}
            self._wire.call("Input.dispatchKeyEvent", **event)

    def screenshot(self, path: Path) -> None:
        """Write what is to be seen as PNG."""
        data = self._wire.call("Page.captureScreenshot")["data"]
        path.write_bytes(b64decode(data))

    def complaints(self) -> list[str]:
        """Errors, warnings and uncaught exceptions so far."""
        self.evaluate("0")  # collects what has happened
        found = []
        for event in self._wire.events:
            facts = event["params"]
            match event["method"]:
                case "Runtime.exceptionThrown":
                    found.append(json.dumps(facts["exceptionDetails"]))
                case "Runtime.consoleAPICalled":
                    if facts["type"] in ("error", "warning", "assert"):
                        found.append(json.dumps(facts["args"]))
                case "Log.entryAdded":
                    if facts["entry"]["level"] in ("error", "warning"):
                        found.append(json.dumps(facts["entry"]))
        return found

    def requests(self) -> list[str]:
        """The addresses that were asked for so far, without data: ones."""
        self.evaluate("0")
        urls = [
            event["params"]["request"]["url"]
            for event in self._wire.events
            if event["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in urls if not url.startswith(("data:", "blob:"))]

    def close(self) -> None:
        """Close the page as a person does."""
        self._wire.call("Page.close")
        self._wire.close()
