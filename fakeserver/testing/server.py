"""The server in a thread of a test process, and a world per test on it."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import threading
from collections.abc import Iterator

import uvicorn

from fakeserver.loopback import ADDRESS
from fakeserver.serving.app import Settings, create_app
from fakeserver.serving.protocol import server_config
from fakeserver.testing.admin import Admin, AdminError
from fakeserver.testing.handles import World

START_SECONDS = 10.0


class Server:
    """The server in a thread of this process."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.app = create_app(settings)
        self._socket = socket.create_server((ADDRESS, 0))
        self.base_url = f"http://{ADDRESS}:{self._socket.getsockname()[1]}"
        self._server = uvicorn.Server(server_config(self.app, log_level="error", shutdown_seconds=1))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._numbers = itertools.count(1)

    def start(self) -> Server:
        """Begin to answer; connections are accepted from the moment the socket was made."""
        self._thread.start()
        Admin(self.base_url).call("GET", "/health")
        return self

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(START_SECONDS)
        self._socket.close()

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
