"""Answers on the wire: whole, late, in dribbles, or broken in the ways that connections break."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterator
from typing import Any, cast

import orjson
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from fakeserver.problems import FakeProblem
from fakeserver.service import PROBLEM_JSON, Answer

TRANSPORT = "fakeserver.transport"
MAX_STALL_SECONDS = 600.0
BODILESS = frozenset({204, 304})
"""Statuses whose answers end with their head."""
GARBAGE = bytes(range(128, 256)) * 2
HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\r\n"


class Connection:
    """A transport that can hold an answer's head until its body comes, so that both leave in one system call: on
    loopback the second one costs as much as everything else that an answer needs."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._corked = False
        self._held = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def cork(self) -> None:
        """Hold the next write until the one after it, or until `flush`."""
        self._corked = True

    def write(self, piece: bytes) -> None:
        if self._corked:
            self._corked, self._held = False, piece
        elif self._held:
            held, self._held = self._held, b""
            self._transport.write(held + piece)
        else:
            self._transport.write(piece)

    def flush(self) -> None:
        """Let go of what is held."""
        self._corked = False
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)

    def close(self) -> None:
        self.flush()
        self._transport.close()


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol; it hands the connection to the application, which may have to break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, Connection(transport)))
        self.waiting: list[RequestResponseCycle] = []

    def on_headers_complete(self) -> None:
        unfinished = self.cycle
        super().on_headers_complete()
        if unfinished is not None and not unfinished.response_complete:
            self.waiting.append(unfinished)

    def connection_lost(self, exc: Exception | None) -> None:
        # uvicorn tells only the newest of several pipelined requests; the others would wait for ever.
        for cycle in self.waiting:
            if not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast(dict[str, object], self.scope)[TRANSPORT] = self.transport


def head_of(answer: Answer) -> list[tuple[bytes, bytes]]:
    headers = [(b"content-type", answer.media_type.encode())]
    if answer.headers:
        headers += [(name.lower().encode(), text.encode("latin-1")) for name, text in answer.headers.items()]
    return headers


async def send_answer(answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    """Send an answer as it is, or as its failure wants it."""
    if answer.delay and await gone_within(answer.delay, scope, receive):
        return
    if answer.fault == "HTML_GATEWAY":
        answer.status, answer.media_type, answer.body = 502, "text/html", HTML
    elif answer.fault == "WRONG_CONTENT_TYPE":
        answer.media_type = "text/html"
    elif answer.fault is not None:
        return await break_connection(answer, scope, receive, send)
    body, headers = answer.body, head_of(answer)
    if answer.status in BODILESS:
        body = b""
    if isinstance(body, bytes) and answer.dribble is None:
        if answer.status not in BODILESS:
            headers.append((b"content-length", b"%d" % len(body)))
        connection: Connection | None = scope.get(TRANSPORT)
        if connection is not None:
            connection.cork()
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
        if connection is not None:
            connection.flush()
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if scope["method"] != "HEAD":
        pause = 0.0
        if answer.dribble is not None:
            pause, body = answer.dribble.seconds / answer.dribble.chunks, pieces(answer.text(), answer.dribble.chunks)
        assert not isinstance(body, bytes)
        for piece in body:
            # Other requests get their turn between two pieces, however long the list is.
            await asyncio.sleep(pause)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def pieces(body: bytes, count: int) -> Iterator[bytes]:
    step = max(1, -(-len(body) // count))
    return (body[start : start + step] for start in range(0, len(body), step))


async def break_connection(answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    """Write what the fault leaves of the answer straight to the connection, and end it."""
    transport: Connection | None = scope.get(TRANSPORT)
    if transport is None:
        problem = FakeProblem(501, "Connection faults need a real connection, not an in-process client")
        await send(
            {
                "type": "http.response.start",
                "status": problem.status,
                "headers": [(b"content-type", PROBLEM_JSON.encode())],
            }
        )
        await send({"type": "http.response.body", "body": orjson.dumps(problem.body)})
        return
    body = answer.text()
    sent = b"" if scope["method"] == "HEAD" else body[: len(body) // 2]
    match answer.fault:
        case "MALFORMED_RESPONSE_CHUNK":
            transport.write(
                raw_head(answer, b"transfer-encoding: chunked") + (b"%x\r\n" % len(body) + GARBAGE if sent else b"")
            )
        case "RANDOM_DATA_THEN_CLOSE":
            transport.write(GARBAGE)
        case "TRUNCATED_BODY":
            transport.write(raw_head(answer, b"content-length: %d" % len(body)) + sent)
        case "STALL":
            transport.write(raw_head(answer, b"content-length: %d" % len(body)) + sent)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(disconnected(receive), MAX_STALL_SECONDS)
        case "CONNECTION_RESET_BY_PEER":
            connection = transport.get_extra_info("socket")
            if connection is not None:
                # Closing with no time to linger sends a reset instead of an orderly end.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
    transport.close()
    # The server counts the exchange as over once it has seen the connection go.
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(disconnected(receive), MAX_STALL_SECONDS)


async def gone_within(seconds: float, scope: Scope, receive: Receive) -> bool:
    """Wait; true as soon as the client has left, since nobody would read the answer."""
    if scope.get(TRANSPORT) is None:
        await asyncio.sleep(seconds)
        return False
    try:
        await asyncio.wait_for(disconnected(receive), seconds)
    except TimeoutError:
        return False
    return True


async def disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def raw_head(answer: Answer, framing: bytes) -> bytes:
    lines = [b"HTTP/1.1 %d Fault" % answer.status, *(b"%s: %s" % each for each in head_of(answer)), framing]
    return b"\r\n".join(lines) + b"\r\n\r\n"
