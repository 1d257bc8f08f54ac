"""Which probes of a law a run sends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol


class Probes(Protocol):
    """Which probes there is room for."""

    def wants(self, law: str, probe: str) -> bool: ...

    def wants_some(self, law: str) -> bool:
        """Whether there is room for any probe of this law."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """The probes that a profile has room for. A law that was not planned, such as a team's own, sends all it has."""

    laws: frozenset[str]
    """Those that were planned, whether or not there is room for any of their probes."""
    probes: frozenset[str]
    """`law:probe`, by name."""

    def wants(self, law: str, probe: str) -> bool:
        return law not in self.laws or f"{law}:{probe}" in self.probes

    def wants_some(self, law: str) -> bool:
        return law not in self.laws or any(name.startswith(f"{law}:") for name in self.probes)


@dataclass(slots=True)
class Shares:
    """The room of laws whose probes nobody has planned. Each law begins probes until its share is used up; what is left
    in the end goes to those that were held back, in another round."""

    sent: Callable[[], int]
    """Requests so far."""
    held_back: dict[str, None] = field(default_factory=dict)
    """The laws that had more probes than room in this round, in their order."""
    _until: int = 0
    _first: bool = False
    """No probe of this law was begun in this round. One always is, so that every round gets further."""
    _round: int = 0
    _begun: dict[str, int] = field(default_factory=dict)
    """By `law:probe`: the round in which it was begun."""

    def new_round(self) -> None:
        self._round += 1
        self.held_back.clear()

    def allot(self, requests: int) -> None:
        """The law that is exercised next begins no further probe when it has sent so many requests."""
        self._until, self._first = self.sent() + requests, True

    def wants(self, law: str, probe: str) -> bool:
        name = f"{law}:{probe}"
        if name not in self._begun and self.wants_some(law):
            self._begun[name], self._first = self._round, False
        return self._begun.get(name) == self._round

    def wants_some(self, law: str) -> bool:
        if self._first or self.sent() < self._until:
            return True
        self.held_back[law] = None
        return False
