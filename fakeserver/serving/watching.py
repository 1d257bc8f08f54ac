"""`serve --watch`: the files that a server is made from are looked at again and again, and it follows them."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

import uvicorn

from fakeserver.plugins import UnusablePlugin, cause_of, printable
from fakeserver.problems import FakeProblem
from fakeserver.recipes.located import FixtureError
from fakeserver.serving.app import App
from fakeserver.serving.reloading import change_over, files_of, load_anew

WATCH_SECONDS = 0.25
"""Between two looks. What changed is read when two looks in a row saw the same: an editor may not be done."""
MAX_LINE = 400
"""Characters of a line on what happened."""

MAX_LINES = 20
"""Things that do not fit any more, and are told one by one."""

Stamp = tuple[int, int, int]
Stamps = dict[Path, Stamp]
Say = Callable[[str], None]


def say(line: str) -> None:
    """One line on stderr; who does not read it keeps nothing from being served."""
    with contextlib.suppress(OSError, ValueError):
        print(f"fakeserver: {printable(line)[:MAX_LINE]}", file=sys.stderr, flush=True)


def stamps_of(folder: Path | None) -> Stamps:
    """What tells a file from what it was before: when it changed, its size, and which one it is."""
    stamps = {}
    for path in files_of(folder):
        with contextlib.suppress(OSError):  # It was there a moment ago, and is gone.
            status = path.stat()
            stamps[path] = status.st_mtime_ns, status.st_size, status.st_ino
    return stamps


class Watcher:
    """Looks at the files of a server, and lets it follow them."""

    def __init__(self, app: App, say: Say = say) -> None:
        self._app = app
        self._say = say
        self._served = self._read = self._seen = stamps_of(app.settings.fixtures)
        self._broken = False

    async def run(self) -> None:
        """Watch until cancelled. Whatever goes wrong is one line, and the server goes on as it was."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                await self.look()
            except Exception as error:  # Nothing that is wrong with files ends a server.
                self._say(f"not reloaded: {cause_of(error)}")

    async def look(self) -> None:
        """One look: if files have changed since they were read last, and not since the last look, read them."""
        found = await asyncio.to_thread(stamps_of, self._app.settings.fixtures)
        settled, self._seen = found == self._seen, found
        if not settled or found == self._read:
            return
        # What is broken is told once, and read again when it has changed, with all that has changed beside it.
        self._read = found
        touched = {path for path in found.keys() | self._served.keys() if found.get(path) != self._served.get(path)}
        try:
            reloaded = await asyncio.to_thread(load_anew, self._app, touched)
        except (FixtureError, UnusablePlugin, FakeProblem) as error:
            self._broken = True
            self._say(f"not reloaded, the old one is served on: {error}")
            return
        # From here on nothing waits, so no request sees half of it.
        lines = change_over(self._app, reloaded)
        self._served = found
        mended, self._broken = self._broken, False
        if reloaded.changed:
            self._say(f"reloaded {', '.join(reloaded.changed)}")
        elif mended:
            self._say("mended, and as it is served")
        for line in lines[:MAX_LINES]:
            self._say(line)
        if len(lines) > MAX_LINES:
            self._say(f"and {len(lines) - MAX_LINES} things more that do not fit")


class WatchingServer(uvicorn.Server):
    """uvicorn's server, which watches while it serves."""

    def __init__(self, config: uvicorn.Config, app: App) -> None:
        super().__init__(config)
        self._watcher = Watcher(app)

    async def main_loop(self) -> None:
        watching = asyncio.create_task(self._watcher.run())
        try:
            await super().main_loop()
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
