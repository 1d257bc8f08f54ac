"""The server in a thread: it ends when it is told, whatever it is doing."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import uvicorn

from fakeserver.serving.threads import PromptServer


async def nothing(scope: object, receive: object, send: object) -> None:
    raise AssertionError


def config() -> uvicorn.Config:
    return uvicorn.Config(nothing, port=0, log_level="error", lifespan="off")


def test_one_that_is_told_before_it_serves_ends() -> None:
    server = PromptServer(config())
    server.end()
    asyncio.run(asyncio.wait_for(server.serve(), 10))


def test_one_that_serves_ends_without_looking_for_it() -> None:
    """Not at uvicorn's next look: here it never looks."""

    class Blind(PromptServer):
        async def on_tick(self, counter: int) -> bool:
            await asyncio.Event().wait()
            return False

    server = Blind(config())
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while server._serving is None:
        time.sleep(0.001)
    server.end()
    thread.join(10)
    assert not thread.is_alive()
    server.end()  # A second word is no error.


def test_clients_that_are_there_are_waited_for() -> None:
    """They see the end of their connection, and no answer is cut off."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = PromptServer(config())
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        with socket.create_connection(listener.getsockname()) as client:
            while not server.server_state.connections:
                time.sleep(0.001)
            server.end()
            assert client.recv(1) == b""
    thread.join(10)
    assert not thread.is_alive()
