"""A real Chromium, driven by its DevTools protocol over a pipe: no port of its own, and no library between."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MISSING = "Chromium is not installed (Debian's package is called chromium)"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--hide-scrollbars",
    # A browser ignores, in silence, the 201st change of the address within ten seconds; the suite is faster than that.
    "--disable-ipc-flooding-protection",
    # Every name is this machine, so that nothing can leave it, and a foreign origin can be played.
    "--host-resolver-rules=MAP * 127.0.0.1",
)
SECONDS = 20
"""After so long a browser that was asked has given up; how long an answer takes is not what is tested."""
WIDE, NARROW = (1280, 900), (390, 844)
LAUNCH = """import os, sys
read, write = (os.dup(int(each)) for each in sys.argv[1:3])
high = os.dup2(read, 100), os.dup2(write, 101)
os.dup2(100, 3), os.dup2(101, 4)
os.execv(sys.argv[3], sys.argv[3:])"""
"""A program takes its pipe at the descriptors 3 and 4; the parent has other things there."""


class ScriptError(Exception):
    """What a script threw in the page."""


class Browser:
    """One Chromium. Pages are tabs of it; each has cookies and storage of its own."""

    def __init__(self, folder: Path) -> None:
        assert CHROMIUM is not None
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        command = [sys.executable, "-c", LAUNCH, str(theirs_in), str(theirs_out), CHROMIUM, *FLAGS]
        self.process = subprocess.Popen(
            [*command, f"--user-data-dir={folder}", "--remote-debugging-pipe", "about:blank"],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._number = 0
        self._rest = b""
        self.told: list[dict[str, Any]] = []

    def call(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """A command of the protocol and its result; what else is told meanwhile is kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        whole = json.dumps(message).encode() + b"\0"
        while whole:
            whole = whole[os.write(self._out, whole) :]
        deadline = time.monotonic() + SECONDS
        while True:
            if time.monotonic() > deadline:
                raise TimeoutError(f"Chromium does not answer {method}")
            answer = self.read()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise ScriptError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result

    def read(self) -> dict[str, Any]:
        """The next message."""
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], SECONDS)
            piece = os.read(self._in, 1 << 20) if ready else b""
            if not piece:
                raise TimeoutError("Chromium does not answer")
            self._rest += piece
        whole, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(whole)
        if "method" in message:
            self.told.append(message)
        return message

    def new_page(self, size: tuple[int, int] = WIDE, *, dark: bool = False) -> Page:
        """A tab that stays."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session, context, target)
        page.start(size, dark)
        return page

    @contextmanager
    def page(self, size: tuple[int, int] = WIDE, *, dark: bool = False) -> Iterator[Page]:
        """A tab of its own, with nothing loaded, closed at the end."""
        page = self.new_page(size, dark=dark)
        try:
            yield page
        finally:
            self.call("Target.closeTarget", targetId=page.target)
            self.call("Target.disposeBrowserContext", browserContextId=page.context)
            self.told.clear()

    def close(self) -> None:
        self.process.kill()
        self.process.wait(SECONDS)
        os.close(self._in)
        os.close(self._out)


class Page:
    """One tab."""

    def __init__(self, browser: Browser, session: str, context: str, target: str) -> None:
        self.browser = browser
        self.session = session
        self.context = context
        self.target = target

    def start(self, size: tuple[int, int], dark: bool) -> None:
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.resize(size)
        self.shade(dark=dark)

    def shade(self, *, dark: bool) -> None:
        """What the browser prefers."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def resize(self, size: tuple[int, int]) -> None:
        width, height = size
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.browser.call(method, self.session, **parameters)

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def clear(self) -> None:
        """Show nothing, and forget what was heard; what the page had stored for a while is gone."""
        self.run("if (location.protocol === 'http:') sessionStorage.clear()")
        self.open("about:blank")
        self.wait("location.href === 'about:blank'")
        self.browser.told.clear()

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        told = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        if "exceptionDetails" in told:
            details = told["exceptionDetails"]
            raise ScriptError(details.get("exception", {}).get("description") or details["text"])
        return told["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until an expression is true of the page."""
        self.until(f"Boolean({condition})")

    def until(self, expression: str) -> Any:
        """The value of an expression, once it has one that counts as true; elements have none."""
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                value = self.run(expression)
            except ScriptError:
                value = None  # The page is being left, or what is asked about is not there yet.
            if value:
                return value
            if time.monotonic() > deadline:
                raise TimeoutError(f"{expression}: never so; the page shows {self.text()[:2_000]!r}")
            time.sleep(0.02)

    def text(self) -> str:
        text: str = self.run("document.body?.innerText ?? ''")
        return text

    def click(self, selector: str) -> None:
        """Click what a selector names, or, behind `text=`, the first link or button with this text."""
        if selector.startswith("text="):
            wanted = json.dumps(selector.removeprefix("text="))
            found = (
                f"[...document.querySelectorAll('a, button, summary')].find((one) => one.innerText.trim() === {wanted})"
            )
        else:
            found = f"document.querySelector({json.dumps(selector)})"
        self.wait(f"Boolean({found})")
        self.run(f"{found}.click()")

    def fill(self, selector: str, text: str) -> None:
        """Type into a field and leave it."""
        self.wait(f"Boolean(document.querySelector({json.dumps(selector)}))")
        self.run(
            f"(() => {{ const field = document.querySelector({json.dumps(selector)}); field.value = {json.dumps(text)};"
            " for (const name of ['input', 'change']) field.dispatchEvent(new Event(name, {bubbles: true})); })()"
        )

    def type(self, selector: str, text: str) -> None:
        """Type into a field as a keyboard does, for pages that listen to keys."""
        self.wait(f"Boolean(document.querySelector({json.dumps(selector)}))")
        self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        self.call("Input.insertText", text=text)
        self.run("document.activeElement.blur()")

    def choose(self, selector: str, file: Path) -> None:
        """Give a file to a field that takes one."""
        self.wait(f"Boolean(document.querySelector({json.dumps(selector)}))")
        found = self.call("Runtime.evaluate", expression=f"document.querySelector({json.dumps(selector)})")
        self.call("DOM.setFileInputFiles", files=[str(file)], objectId=found["result"]["objectId"])

    def press(self, key: str, code: int) -> None:
        """Press a key as a keyboard does."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """What is seen, as a PNG."""
        told = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(told["data"]))

    def heard(self, method: str) -> list[Mapping[str, Any]]:
        """What the browser told of this page so far, by the name of the event."""
        self.run("0")
        return [
            each["params"]
            for each in self.browser.told
            if each["method"] == method and each.get("sessionId") == self.session
        ]

    def complaints(self) -> list[str]:
        """Exceptions, and errors of the console such as breaches of the page's policy."""
        found = [str(each["exceptionDetails"]) for each in self.heard("Runtime.exceptionThrown")]
        for each in self.heard("Log.entryAdded"):
            entry = each["entry"]
            if entry["level"] == "error" and entry["source"] != "network":
                found.append(entry["text"])
        return found


@contextmanager
def browsing() -> Iterator[Browser]:
    """A Chromium with a fresh profile."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(Path(folder))
        try:
            yield browser
        finally:
            browser.close()
