"""An answer on the wire: whole, in pieces, slowly, or broken."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import struct
from collections.abc import AsyncIterator, Iterator

import orjson
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from fakeserver.pipeline.exchange import FAULT_HEADER, Answer
from fakeserver.problems import PROBLEM_JSON, FakeProblem
from fakeserver.serving.working import work

TRANSPORT = "fakeserver.transport"
ANSWER = "fakeserver.answer"
"""Where the scope has the connection, and an answer that is known but cannot be sent at once."""
BROKEN = "fakeserver.broken"
"""Where it has the fault that breaks an answer, which whoever observes the request never sees begin."""
CORS_HEADERS = "fakeserver.cors"
"""Where the scope of a request from a page has the headers that let the page read the answer."""
MAX_STALL_SECONDS = 600.0
MAX_KNOWN_HEADERS = 1_024
BODILESS = frozenset({204, 304})
"""Statuses whose answers end with their head."""
GARBAGE = bytes(range(128, 256)) * 2
HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\r\n"


def head_of(answer: Answer) -> list[tuple[bytes, bytes]]:
    headers = [_header(*each) for each in answer.headers.items()]
    return [_header("content-type", answer.media_type), *headers] if answer.media_type else headers


@functools.lru_cache(MAX_KNOWN_HEADERS)
def _header(name: str, text: str) -> tuple[bytes, bytes]:
    if not text.isprintable():
        # A line break would begin another header, or another answer.
        raise ValueError(f"the header {name} cannot be sent")
    return name.lower().encode(), text.encode("ascii")


def sent_of(answer: Answer, body: bytes, method: str) -> bytes:
    """What of the body stands behind the head."""
    return b"" if method == "HEAD" or answer.status in BODILESS else body


def in_one_piece(answer: Answer, body: bytes, method: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """The headers and the body of an answer that is sent in one piece."""
    headers = head_of(answer)
    if answer.status not in BODILESS:
        headers.append((b"content-length", b"%d" % len(body)))
    return headers, sent_of(answer, body, method)


@functools.lru_cache(MAX_KNOWN_HEADERS)
def _line(name: str, text: str) -> bytes:
    return b"%s: %s\r\n" % _header(name, text)


def in_lines(answer: Answer, body: bytes, method: str) -> tuple[bytes, bytes]:
    """The same with the headers as they stand on the wire."""
    lines = _line("content-type", answer.media_type) if answer.media_type else b""
    for each in answer.headers.items():
        lines += _line(*each)
    if answer.status not in BODILESS:
        lines = b"%bcontent-length: %d\r\n" % (lines, len(body))
    return lines, sent_of(answer, body, method)


async def send_answer(answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    """Send an answer as it is, or as its failure wants it, once what it waits for is done."""
    leaves = None if scope.get(TRANSPORT) is None else functools.partial(wait_for_disconnect, receive)
    answer = await work(answer, leaves)
    if answer.fault:
        scope[BROKEN] = answer.headers.get(FAULT_HEADER)
    if isinstance(answer.body, AsyncIterator) and (answer.fault or answer.dribble or answer.status in BODILESS):
        answer.body = b"".join([piece async for piece in answer.body])
    if answer.delay and await gone_within(answer.delay, scope, receive):
        return
    if answer.fault == "HTML_GATEWAY":
        answer.status, answer.media_type, answer.body = 502, "text/html", HTML
    elif answer.fault == "WRONG_CONTENT_TYPE":
        answer.media_type = "text/html"
    elif answer.fault is not None:
        return await break_connection(answer, scope, receive, send)
    body: bytes | Iterator[bytes] | AsyncIterator[bytes] = answer.text() if answer.status in BODILESS else answer.body
    if isinstance(body, bytes) and answer.dribble is None:
        headers, body = in_one_piece(answer, body, scope["method"])
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        return await send({"type": "http.response.body", "body": body})
    await send({"type": "http.response.start", "status": answer.status, "headers": head_of(answer)})
    if scope["method"] != "HEAD":
        pause = 0.0
        if answer.dribble is not None:
            pause, body = answer.dribble.seconds / answer.dribble.chunks, pieces(answer.text(), answer.dribble.chunks)
        assert not isinstance(body, bytes)
        async for piece in body if isinstance(body, AsyncIterator) else paced(body, pause):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def paced(pieces: Iterator[bytes], pause: float) -> AsyncIterator[bytes]:
    """The pieces, with a pause before each: other requests are answered in between, however long the list is."""
    for piece in pieces:
        await asyncio.sleep(pause)
        yield piece


def pieces(body: bytes, count: int) -> Iterator[bytes]:
    step = max(1, -(-len(body) // count))
    return (body[start : start + step] for start in range(0, len(body), step))


async def break_connection(answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    """Write what the fault leaves of the answer straight to the connection, and end it."""
    transport: asyncio.Transport | None = scope.get(TRANSPORT)
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
                raw_head(answer, scope, b"transfer-encoding: chunked")
                + (b"%x\r\n" % len(body) + GARBAGE if sent else b"")
            )
        case "RANDOM_DATA_THEN_CLOSE":
            transport.write(GARBAGE)
        case "TRUNCATED_BODY":
            transport.write(raw_head(answer, scope, b"content-length: %d" % len(body)) + sent)
        case "STALL":
            transport.write(raw_head(answer, scope, b"content-length: %d" % len(body)) + sent)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wait_for_disconnect(receive), MAX_STALL_SECONDS)
        case "CONNECTION_RESET_BY_PEER":
            connection = transport.get_extra_info("socket")
            if connection is not None:
                # Closing with no time to linger sends a reset instead of an orderly end.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
    transport.close()
    # The server counts the exchange as over once it has seen the connection go.
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(wait_for_disconnect(receive), MAX_STALL_SECONDS)


async def gone_within(seconds: float, scope: Scope, receive: Receive) -> bool:
    """Wait; true as soon as the client has left, since nobody would read the answer."""
    if scope.get(TRANSPORT) is None:
        await asyncio.sleep(seconds)
        return False
    try:
        await asyncio.wait_for(wait_for_disconnect(receive), seconds)
    except TimeoutError:
        return False
    return True


async def wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def raw_head(answer: Answer, scope: Scope, framing: bytes) -> bytes:
    headers = [*head_of(answer), *scope.get(CORS_HEADERS, ())]
    lines = [*(b"%s: %s" % each for each in headers), framing]
    return STATUS_LINE[answer.status] + b"\r\n".join(lines) + b"\r\n\r\n"
