"""A transport that answers from a recording and sends nothing."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace

from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.credentials import Credentials
from contract_tests.sending.recording import Recorded
from contract_tests.sending.transport import NotRecorded, SendingStopped, Unreachable

MAX_NAMED = 160
"""Characters of a request that a sentence repeats."""

Key = tuple[str, str, str, str, tuple[tuple[str, str], ...]]


class Redacted(Credentials):
    """The credentials of a recording: none is known, but which answers repeated one."""

    def __init__(self) -> None:
        super().__init__({})
        self.repeating: list[Reply] = []

    def is_repeated_by(self, reply: Reply) -> bool:
        return any(reply is each for each in self.repeating)


class FromRecording:
    """Answers each request as often as it was recorded, in the order of the recording; then it is not recorded."""

    def __init__(self, recorded: Iterable[Recorded]) -> None:
        self.sent = 0
        """How many requests the recorded answers had taken."""
        self._credentials = Redacted()
        self._left: dict[Key, deque[Recorded]] = {}
        self._taking = threading.Lock()
        for each in recorded:
            self._left.setdefault(key_of(each.exchange.ask), deque()).append(each)

    @property
    def credentials(self) -> Credentials:
        return self._credentials

    def send(self, ask: Ask) -> Reply:
        with self._taking:
            left = self._left.get(key_of(ask))
            found = left.popleft() if left else None
        if found is None or found.cut:
            how = "was not recorded to its end" if found else "was not recorded"
            raise NotRecorded(f"{f'{ask.method} {ask.target}'[:MAX_NAMED]} {how}")
        exchange = found.exchange
        self.sent += exchange.requests
        if exchange.reply is None:
            raise (SendingStopped if exchange.stopped else Unreachable)(exchange.error)
        reply = replace(exchange.reply, ask=ask)
        if found.repeats:
            self._credentials.repeating.append(reply)
        return reply

    def together(self, asks: Sequence[Ask]) -> list[Reply]:
        return [self.send(ask) for ask in asks]

    def close(self) -> None:
        """Nothing is open."""


def key_of(ask: Ask) -> Key:
    """What makes two requests the same."""
    return ask.method, ask.target, ask.credential, ask.channel, ask.headers
