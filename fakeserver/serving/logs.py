"""What the server says while it runs, on stderr: plain lines or JSON, and a line for each request if somebody wants
that. Credentials are in none of them."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from typing import Any, Protocol, TextIO, cast
from urllib.parse import quote

from starlette.types import Message, Receive, Scope, Send

from fakeserver.instants import at
from fakeserver.machine import time
from fakeserver.pipeline.exchange import FAULT_HEADER, Answer
from fakeserver.pipeline.places import PATH_CHARACTERS
from fakeserver.serving.sending import BROKEN
from fakeserver.worlds.entries import MAX_TEXT
from fakeserver.worlds.latencies import Latencies
from fakeserver.worlds.masking import mask

PLAIN, JSON = FORMATS = ("plain", "json")
SERVER = ("fakeserver", "uvicorn", "opentelemetry")
QUERY_CHARACTERS = PATH_CHARACTERS + "?%"
"""What stands for itself in a path, decoded, and in a query, as it came; nothing that could begin another line does."""

TOLD = "fakeserver.told"
"""Where the scope says that a request has had its line."""

access = logging.getLogger("fakeserver.access")


class JSONLines(logging.Formatter):
    """One object a line: time, level, logger, message, and what else the record was given as `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": at(int(record.created * 1e6)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


@contextlib.contextmanager
def logging_as(form: str, level: str, stream: TextIO | None = None) -> Iterator[None]:
    """Log in this form, from this level on, to the stream (stderr) until the block ends."""
    writer = logging.StreamHandler(stream)
    writer.setFormatter(JSONLines() if form == JSON else logging.Formatter("%(message)s"))
    before = [(each, each.level, each.propagate) for each in map(logging.getLogger, SERVER)]
    for logger, _, _ in before:
        logger.addHandler(writer)
        logger.setLevel(level.upper())
        logger.propagate = False
    # Whoever wants a line for each request gets it, however little else is wanted.
    access.setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger, old, propagate in before:
            logger.removeHandler(writer)
            logger.setLevel(old)
            logger.propagate = propagate


class AnswersAtOnce(Protocol):
    """An application as `serving.protocol` calls it."""

    latencies: Latencies

    def at_once(self, scope: Scope, body: bytes = b"") -> Answer | None: ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class Observed:
    """An application of whose every request something is told: when its answer begins, or, where none came, when it
    ends."""

    def __init__(self, app: AnswersAtOnce) -> None:
        self.app = app
        self.latencies = app.latencies

    def tell(self, scope: Scope, status: int | None, fault: str | None, nanoseconds: int) -> None:
        """How a request was answered; of a broken connection there is no status."""
        raise NotImplementedError

    def at_once(self, scope: Scope, body: bytes = b"") -> Answer | None:
        begun = time.monotonic_ns()
        answer = self.app.at_once(scope, body)
        # What takes time, or is broken on the wire, is told when that has happened.
        if answer is not None and not (answer.delay or answer.fault or answer.dribble or answer.job):
            cast(dict[str, object], scope)[TOLD] = True
            self.tell(scope, answer.status, answer.headers.get(FAULT_HEADER), time.monotonic_ns() - begun)
        return answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or TOLD in scope:
            return await self.app(scope, receive, send)
        begun, told = time.monotonic_ns(), False

        async def note(message: Message) -> None:
            nonlocal told
            if message["type"] == "http.response.start" and not told:
                told = True
                self.tell(scope, message["status"], fault_in(message), time.monotonic_ns() - begun)
            await send(message)

        try:
            await self.app(scope, receive, note)
        finally:
            if not told:
                self.tell(scope, None, scope.get(BROKEN), time.monotonic_ns() - begun)


class AccessLog(Observed):
    """A line for each request."""

    def tell(self, scope: Scope, status: int | None, fault: str | None, nanoseconds: int) -> None:
        self.latencies.add(nanoseconds / 1e9)
        tell(scope, status, fault, nanoseconds / 1e6)


def fault_in(message: Message) -> str | None:
    """The injected fault that the headers of an answer name."""
    for name, text in message.get("headers", ()):
        if name.lower() == FAULT_HEADER.lower().encode():
            found: str = text.decode("latin-1")
            return found
    return None


def tell(scope: Scope, status: int | None, fault: str | None, milliseconds: float) -> None:
    """The line of one request; of a broken connection there is no status."""
    client = scope.get("client")
    path = quote(scope["path"][:MAX_TEXT], safe=PATH_CHARACTERS)
    query = mask(scope["query_string"].decode("latin-1")[:MAX_TEXT], lambda name: False)
    target = path + ("?" + quote(query, safe=QUERY_CHARACTERS + "…") if query else "")
    address = client[0] if client else "-"
    fields = {
        "client": address,
        "method": scope["method"],
        "target": target,
        "status": status,
        "fault": fault,
        "milliseconds": round(milliseconds, 3),
    }
    access.info(
        '%s "%s %s" %s %.1f ms%s',
        address,
        scope["method"],
        target,
        "-" if status is None else status,
        milliseconds,
        "" if fault is None else f" fault {fault}",
        extra={"fields": fields},
    )
