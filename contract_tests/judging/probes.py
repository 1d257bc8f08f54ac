"""Which probes of a law a run sends."""

from __future__ import annotations

from dataclasses import dataclass


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
        """Whether there is room for any probe of this law."""
        return law not in self.laws or any(name.startswith(f"{law}:") for name in self.probes)
