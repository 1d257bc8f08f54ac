"""The same requests to another server: where does it answer otherwise?

Cursors are opaque, so every server gets its own: the one that it handed out where the recorded server handed out the
recorded one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from contract_tests.judging.target import target
from contract_tests.oracle.twin import default_credentials
from contract_tests.planted.backend import Handler
from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.in_process import InProcess

CURSOR = "cursor"
NEXT = "next_cursor"
HEADERS = ("content-type", "www-authenticate", "x-total-count", "allow")
"""The headers that a client acts on."""
SENTENCES = frozenset({"msg", "message", "detail", "details"})

Answer = tuple[int, tuple[str | None, ...], bytes]


def transport(slug: str, handler: Handler) -> InProcess:
    """The server in process, with the fixtures' credentials."""
    return InProcess(handler, target(slug).security, default_credentials(slug))


def normal(reply: Reply) -> Answer:
    """What two answers are compared by: no cursor's text, since that is the server's own business."""
    headers = tuple(reply.headers.get(name) for name in HEADERS)
    try:
        value = orjson.loads(reply.body)
    except ValueError:
        return reply.status, headers, reply.body
    if isinstance(value, dict) and isinstance(value.get(NEXT), str):
        value = {**value, NEXT: bool(value[NEXT])}
    if reply.status >= 400:
        value = _mute(value)
    # As text, since Python takes true for 1.
    return reply.status, headers, orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _mute(value: Any) -> Any:
    """A refusal without its sentences, which are for people."""
    if isinstance(value, dict):
        return {
            name: "…" if name in SENTENCES and isinstance(inner, str) else _mute(inner) for name, inner in value.items()
        }
    return [_mute(each) for each in value] if isinstance(value, list) else value


def same(reply: Reply, recorded: Reply) -> bool:
    """Whether two answers say the same to a client."""
    if reply.status != recorded.status:
        return False
    alike = all(reply.headers.get(name) == recorded.headers.get(name) for name in HEADERS)
    return (alike and _cut(reply.body) == _cut(recorded.body)) or normal(reply) == normal(recorded)


MARK = b'"next_cursor":"'


def _cut(body: bytes) -> bytes:
    """The body without the text of its cursor, for a first look that parses nothing."""
    before, mark, after = body.rpartition(MARK)
    return before + mark + after.partition(b'"')[2] if mark else body


def next_cursor(body: bytes) -> str | None:
    if MARK not in body:
        return None
    after = body.rpartition(MARK)[2]
    if after.endswith(b'"}') and after.isascii() and b"\\" not in after:
        return after[:-2].decode()
    try:
        value = orjson.loads(body)
    except ValueError:
        return None
    found = value.get(NEXT) if isinstance(value, dict) else None
    return found if isinstance(found, str) else None


def carry(text: str, known: dict[str, str]) -> str:
    """The server's own cursor for a recorded one; one that was tampered with is tampered with in the same way."""
    if text in known or not known:
        return known.get(text, text)
    for recorded, own in known.items():
        if text.startswith(recorded):
            return own + text[len(recorded) :]
        if len(text) > 4 and recorded.startswith(text):
            return own[: len(text) - len(recorded)]
        if recorded.endswith(text) and len(text) > 4:
            return own[len(recorded) - len(text) :]
        if text == recorded[::-1]:
            return own[::-1]
        if text == recorded.swapcase():
            return own.swapcase()
        changed = [index for index, pair in enumerate(zip(text, recorded, strict=False)) if pair[0] != pair[1]]
        if len(text) == len(recorded) and len(changed) <= 2:
            letters = list(own)
            for index in changed:
                at = index if index < len(own) // 2 else index - len(recorded)
                if -len(own) <= at < len(own):
                    letters[at] = "A" if letters[at] != "A" else "B"
            return "".join(letters)
    return text


@dataclass(slots=True)
class Replay:
    """One server that gets recorded requests, in their order."""

    slug: str
    handler: Handler
    cursors: dict[str, str] = field(default_factory=dict)
    _transport: InProcess = field(init=False)

    def __post_init__(self) -> None:
        self._transport = transport(self.slug, self.handler)

    def send(self, ask: Ask, recorded: bytes | None = None) -> Reply:
        """This server's answer; `recorded` is the body that the first server sent."""
        if any(name == CURSOR for name, _ in ask.query):
            ask = replace(
                ask,
                query=tuple((name, carry(text, self.cursors) if name == CURSOR else text) for name, text in ask.query),
            )
        reply = self._transport.send(ask)
        if recorded is not None and (theirs := next_cursor(recorded)):
            self.cursors[theirs] = next_cursor(reply.body) or theirs
        return reply

    @property
    def channels(self) -> tuple[str, ...]:
        return self._transport.security.channels

    def together(self, asks: Sequence[Ask]) -> list[Reply]:
        return self._transport.together(asks)
