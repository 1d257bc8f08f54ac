"""The server in a thread of this process, for whoever has something else to do."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import Self

import uvicorn

from fakeserver import calls
from fakeserver.loopback import ADDRESS
from fakeserver.serving.app import App
from fakeserver.serving.configuration import server_config

START_SECONDS = 10.0


class PromptServer(uvicorn.Server):
    """uvicorn's server, which looks every tenth of a second whether it has been told to end, and then gives its clients
    as long to go. This one hears it at once, and waits for nobody where nobody is."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._serving: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def end(self) -> None:
        """From any thread."""
        self.should_exit = True
        if self._serving is not None:
            loop, told = self._serving
            with contextlib.suppress(RuntimeError):  # The loop is over: it has ended by itself.
                loop.call_soon_threadsafe(told.set)

    async def main_loop(self) -> None:
        told = asyncio.Event()
        self._serving = asyncio.get_running_loop(), told
        looking, hearing = asyncio.create_task(super().main_loop()), asyncio.create_task(told.wait())
        try:
            await asyncio.wait((looking, hearing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            looking.cancel()
            hearing.cancel()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
            return
        for each in (*self.servers, *(sockets or ())):
            each.close()
        await self.lifespan.shutdown()


class ThreadedServer:
    """Serves an application on a free port of loopback; connections are accepted from the moment it is made."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._socket = socket.create_server((ADDRESS, 0))
        self.base_url = f"http://{ADDRESS}:{self._socket.getsockname()[1]}"
        self._server = PromptServer(server_config(app, log_level="error", shutdown_seconds=1))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def start(self) -> Self:
        """Begin to answer, and return once it does."""
        self._thread.start()
        calls.send(f"{self.base_url}/__admin/health", seconds=START_SECONDS)
        return self

    def stop(self) -> None:
        self._server.end()
        self._thread.join(START_SECONDS)
        self._socket.close()
