"""A row of requests to the correct server, kept with its answers, to be sent to a broken one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from contract_tests.planted.replay import Replay, next_cursor, same
from contract_tests.sending.ask import Ask, Reply

Pair = tuple[str, str]
MOST_VALUES = 12


@dataclass(slots=True)
class Session:
    """Requests to the correct server, and what it answered. Asks that stand together are sent at the same time."""

    replay: Replay
    path: str
    steps: list[tuple[Ask, ...]] = field(default_factory=list)
    replies: list[tuple[Reply, ...]] = field(default_factory=list)

    def ask(self, *query: Pair, path: str = "", **more: Any) -> Reply:
        ask = Ask(path or self.path, query, **more)
        reply = self.replay.send(ask)
        self._keep((ask,), (reply,))
        return reply

    def together(self, *queries: tuple[Pair, ...]) -> None:
        asks = tuple(Ask(self.path, query) for query in queries)
        self._keep(asks, tuple(self.replay.send(ask) for ask in asks))

    def callers(self, *query: Pair) -> None:
        """The same from every caller at the same time, and each of them twice."""
        asks = tuple(Ask(self.path, query, credential=name) for name in ("token", "other", "token", "colleague") * 2)
        self._keep(asks, tuple(self.replay.send(ask) for ask in asks))

    def _keep(self, asks: tuple[Ask, ...], replies: tuple[Reply, ...]) -> None:
        self.steps.append(asks)
        self.replies.append(replies)

    def difference(self, other: Replay) -> Ask | None:
        """The first request that the other server answers otherwise."""
        return next((theirs.ask for _, theirs in self.differences(other)), None)

    def differences(self, other: Replay) -> Iterator[tuple[Reply, Reply]]:
        """Every recorded answer beside the other server's, where they are not the same."""
        for asks, replies in zip(self.steps, self.replies, strict=True):
            theirs = [other.send(asks[0], replies[0].body)] if len(asks) == 1 else other.together(asks)
            for reply, right in zip(theirs, replies, strict=True):
                if not same(reply, right):
                    yield right, reply


def common(probe: Session) -> None:
    """Credentials, channels, methods, unknown parameters, and the same request again and in parallel."""
    for credential in ("none", "garbage", "malformed", "truncated", "recased", "other", "colleague"):
        probe.ask(credential=credential)
        probe.ask(("limit", "0"), ("per_page", "0"), ("status", "bad"), ("state", "bad"), credential=credential)
    for channel in probe.replay.channels:
        probe.ask(channel=channel)
        probe.ask(channel=channel, credential="garbage")
    probe.ask(method="HEAD")
    probe.ask(("unknown_parameter", "1"))
    for credential in ("token", "other", "colleague", "token"):
        probe.ask(credential=credential)
    probe.callers()


def again(probe: Session, queries: list[tuple[Pair, ...]]) -> None:
    """One after the other, back to the first, and side by side: caches and shared state show here."""
    for query in (*queries, *queries[:1], *queries):
        probe.ask(*query)
    for credential in ("token", "other", "colleague", "token"):
        for query in queries[:2]:
            probe.ask(*query, credential=credential)
    for _ in range(3):
        probe.together(*queries)


def variants(text: str) -> Iterator[str]:
    """Other spellings of a text, none of which is the same text."""
    others = (text.upper(), text.lower(), text.title(), text[:-1], text[1:], text + " ", text.strip())
    yield from (each for each in dict.fromkeys(others) if each not in (text, ""))


def sample(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))[:MOST_VALUES]


def pages(probe: Session, size: str, number: str, rows: int, *filters: Pair) -> None:
    for each in (1, 2, 3, 7, 49, 50, 51, 99, 100, 101, rows // 2, rows - 1, rows, rows + 1, 1000):
        if 1 <= each <= 1000:
            last = -(-rows // each)
            for page in dict.fromkeys((1, 2, 3, last - 1, last, last + 1)):
                if page > 0:
                    probe.ask(*filters, (size, str(each)), (number, str(page)))


def walk(probe: Session, limit: int, *filters: Pair, most: int = 40) -> list[str]:
    """Page after page, and the cursors on the way."""
    cursors: list[str] = []
    while len(cursors) < most:
        query = [*filters, ("limit", str(limit))] + ([("cursor", cursors[-1])] if cursors else [])
        cursor = next_cursor(probe.ask(*query).body)
        if cursor is None:
            break
        cursors.append(cursor)
    return cursors
