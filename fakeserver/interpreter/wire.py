"""What the server and a worker say to each other: messages over two pipes, each a line of JSON and bytes behind it."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from struct import Struct
from typing import IO, Any

from fakeserver.interpreter.orders import Finished, Order

HEAD = Struct(">I")
"""How long the JSON is, which tells how long the pieces behind it are."""

OPEN, CLOSE, RUN, END, ANSWER = "open", "close", "run", "end", "answer"
FILES, FREEZE, KEEP = "files", "freeze", "keep"
"""What a server says: here is a sandbox; it is not wanted any longer; run an order; end that; here is what you have
asked for; do something to the files; freeze them; tell how they are, as soon as nothing is going on."""
DONE, FAILED, SPOILED = "done", "failed", "spoiled"
HEAR, ASK, FROZEN = "hear", "ask", "frozen"
"""What a worker says: it is done; it has failed; these files cannot be read; an order has written this; it wants this
from the world; these are the files now."""


@dataclass(frozen=True, slots=True)
class Message:
    """One of a talk, which the server gives a number; 0 is no talk's. Values are JSON."""

    talk: int
    kind: str
    values: list[Any] = field(default_factory=list)
    pieces: Sequence[bytes] = ()


class Closed(Exception):
    """The other side is gone."""


class Sink:
    """Where messages are written, by several threads."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._guard = threading.Lock()

    def send(self, message: Message, *, wait: bool = True) -> bool:
        """Whether there was no need to `wait` for others that write; `Closed` if nobody reads any longer."""
        sizes = [len(piece) for piece in message.pieces]
        text = json.dumps([message.talk, message.kind, message.values, sizes]).encode()
        whole = b"".join((HEAD.pack(len(text)), text, *message.pieces))
        if not self._guard.acquire(wait):
            return False
        try:
            self._file.write(whole)
            self._file.flush()
        except (OSError, ValueError):
            raise Closed from None
        finally:
            self._guard.release()
        return True

    def close(self) -> None:
        """Nothing more is said. One thread at a time: two that close a buffered file at once break it."""
        with self._guard, suppress(OSError, ValueError):
            self._file.close()


def receive(file: IO[bytes]) -> Message:
    """The next message; `Closed` when there is none."""
    try:
        (length,) = HEAD.unpack(exactly(file, HEAD.size))
        talk, kind, values, sizes = json.loads(exactly(file, length))
        return Message(talk, kind, values, [exactly(file, size) for size in sizes])
    except (OSError, ValueError):
        raise Closed from None


def exactly(file: IO[bytes], size: int) -> bytes:
    found = file.read(size)
    if len(found) < size:
        raise Closed
    return found


def order_values(order: Order) -> tuple[dict[str, Any], bytes]:
    """An order as JSON, and its input."""
    values = {name: getattr(order, name) for name in Order.__slots__ if name != "stdin"}
    return {**values, "variables": dict(order.variables), "defaults": dict(order.defaults)}, order.stdin


def order_of(values: dict[str, Any], stdin: bytes) -> Order:
    return Order(**values, stdin=stdin)


def finished_values(finished: Finished) -> tuple[dict[str, Any], list[bytes]]:
    """What came of an order as JSON, and its streams."""
    values = asdict(finished)
    return values, [values.pop("stdout"), values.pop("stderr")]


def finished_of(values: dict[str, Any], pieces: Sequence[bytes]) -> Finished:
    return Finished(**values, stdout=pieces[0], stderr=pieces[1])
