"""The server in a thread of a test process, and a world per test on it."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator

from fakeserver.serving.app import Settings, create_app
from fakeserver.serving.threads import ThreadedServer
from fakeserver.testing.admin import Admin, AdminError
from fakeserver.testing.handles import World


class Server(ThreadedServer):
    """The server in a thread of this process, and its worlds."""

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(create_app(settings))
        self._numbers = itertools.count(1)

    @contextlib.contextmanager
    def world(self, name: str | None = None) -> Iterator[World]:
        """A fresh world; it is deleted when the block is left."""
        if name is not None:
            # A world that was left behind under this name makes room for one that comes into being now.
            with contextlib.suppress(AdminError):
                Admin(self.base_url).call("DELETE", f"/namespaces/{name}")
        name = name or f"test-{os.getpid()}-{next(self._numbers)}"
        world = World(f"{self.base_url}/ns/{name}", self.app)
        world.reset()
        try:
            yield world
        finally:
            with contextlib.suppress(AdminError):
                Admin(self.base_url).call("DELETE", f"/namespaces/{name}")


@contextlib.contextmanager
def running(settings: Settings | None = None) -> Iterator[Server]:
    """A server for the length of a `with` block, without pytest."""
    server = Server(settings).start()
    try:
        yield server
    finally:
        server.stop()
