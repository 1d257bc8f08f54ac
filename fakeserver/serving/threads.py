"""The server in a thread of this process, for whoever has something else to do."""

from __future__ import annotations

import socket
import threading
from typing import Self

import uvicorn

from fakeserver import calls
from fakeserver.loopback import ADDRESS
from fakeserver.serving.app import App
from fakeserver.serving.protocol import server_config

START_SECONDS = 10.0


class ThreadedServer:
    """Serves an application on a free port of loopback; connections are accepted from the moment it is made."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._socket = socket.create_server((ADDRESS, 0))
        self.base_url = f"http://{ADDRESS}:{self._socket.getsockname()[1]}"
        self._server = uvicorn.Server(server_config(app, log_level="error", shutdown_seconds=1))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def start(self) -> Self:
        """Begin to answer, and return once it does."""
        self._thread.start()
        calls.send(f"{self.base_url}/__admin/health", seconds=START_SECONDS)
        return self

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(START_SECONDS)
        self._socket.close()
