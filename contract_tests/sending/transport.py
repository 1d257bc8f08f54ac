"""Whatever answers asks, and what all of it obeys: GET and HEAD only, one host, and not too many."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from contract_tests.sending.ask import ACCEPTED, Ask, Reply
from contract_tests.sending.credentials import Credentials
from contract_tests.sending.security import NeverSent, Security

METHODS = frozenset({"GET", "HEAD"})
IN_FLIGHT = 2
"""Requests that are under way at the same time, at most."""


class BudgetExhausted(Exception):
    """The request budget is used up."""


class SendingStopped(Exception):
    """The deployment asked for a pause, or cannot answer; nothing more is sent."""


class Unreachable(Exception):
    """No answer at all; the message is one sentence without secrets."""


class NotRecorded(Exception):
    """A recording does not have this request, so its answer is not known; the message is one sentence."""


class Transport(Protocol):
    """Whatever answers asks."""

    @property
    def sent(self) -> int:
        """Requests so far."""
        ...

    @property
    def credentials(self) -> Credentials: ...

    def send(self, ask: Ask) -> Reply: ...

    def together(self, asks: Sequence[Ask]) -> list[Reply]:
        """The answers, in order, to requests that are under way at the same time."""
        ...


class Guarded(ABC):
    """What every transport obeys: the methods, the schemes and the budget."""

    def __init__(self, security: Security, credentials: Mapping[str, str], budget: int | None = None) -> None:
        self.security = security
        self.credentials = Credentials(credentials)
        self.budget = budget
        self.sent = 0
        self._counting = threading.Lock()

    @abstractmethod
    def send(self, ask: Ask) -> Reply:
        """The answer to one request, whose headers `headers` has given."""

    def together(self, asks: Sequence[Ask]) -> list[Reply]:
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            return list(pool.map(self.send, asks))

    def headers(self, ask: Ask) -> dict[str, str]:
        """Check the ask, count it, and give its headers; nothing leaves before this has passed."""
        if ask.method not in METHODS:
            raise NeverSent(f"{ask.method} is never sent; the kit only reads")
        if not ask.path.startswith("/") or ask.path.startswith("//"):
            raise NeverSent(f"{ask.path!r} is not a path on the deployment")
        headers = {name.lower(): text for name, text in (*ACCEPTED, *ask.headers)}
        carried = self.credentials.header(self.security, ask)
        if carried is not None:
            headers[carried[0].lower()] = carried[1]
        with self._counting:
            if self.budget is not None and self.sent >= self.budget:
                raise BudgetExhausted(f"the budget of {self.budget} requests is used up")
            self.sent += 1
        return headers
