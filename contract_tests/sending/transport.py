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
    """No answer, or none of the API; the message is one sentence without secrets that names the request."""


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


class Added(dict[str, str]):
    """Headers that every request carries, by their names in lower case. A repr names them and shows no value."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__({name.lower(): text for name, text in headers.items()})

    def __repr__(self) -> str:
        return f"Added({', '.join(self)})"


class Guarded(ABC):
    """What every transport obeys: the methods, the schemes and the budget."""

    def __init__(
        self,
        security: Security,
        credentials: Mapping[str, str],
        budget: int | None = None,
        added: Mapping[str, str] | None = None,
    ) -> None:
        """`added` are headers that every request carries. What they hold is as secret as a credential."""
        self.security = security
        self.added = Added(added or {})
        self.credentials = Credentials(credentials, [*self.added.values()])
        self.budget = budget
        self.sent = 0
        self._counting = threading.Lock()

    @abstractmethod
    def send(self, ask: Ask) -> Reply:
        """The answer to one request, whose headers `headers` has given."""

    def together(self, asks: Sequence[Ask]) -> list[Reply]:
        pool, waits = ThreadPoolExecutor(IN_FLIGHT), True
        try:
            return list(pool.map(self.send, asks))
        except KeyboardInterrupt:
            waits = False  # Whoever interrupts does not wait for what is under way.
            raise
        finally:
            pool.shutdown(wait=waits, cancel_futures=True)

    def headers(self, ask: Ask) -> dict[str, str]:
        """Check the ask, count it, and give its headers; nothing leaves before this has passed."""
        if ask.method not in METHODS:
            raise NeverSent(f"{ask.method} is never sent; the kit only reads")
        if not ask.path.startswith("/") or ask.path.startswith("//"):
            raise NeverSent(f"{ask.path!r} is not a path on the deployment")
        given = (*ACCEPTED, *self.added.items(), *ask.headers)
        headers = {name.lower(): text for name, text in given}
        carried = self.credentials.header(self.security, ask)
        if carried is not None:
            headers[carried[0].lower()] = carried[1]
        with self._counting:
            if self.budget is not None and self.sent >= self.budget:
                raise BudgetExhausted(f"the budget of {self.budget} requests is used up")
            self.sent += 1
        return headers
