"""Settings: how a world behaves."""

from __future__ import annotations

from dataclasses import dataclass, field

from fakeserver.parts import Part
from fakeserver.problems import Document, Json
from fakeserver.worlds.state import Served

LIMIT_MODES = ("default", "enforced", "off")
"""`default` enforces the limits on the reference pages and only reports the observed ones."""


@dataclass(slots=True)
class Settings:
    """How a world behaves: whether it keeps a journal, what its rate limits do, and the providers' switches."""

    journal: bool
    rate_limits: dict[str, str]
    switches: dict[str, dict[str, Json]]
    initial: Settings | None = field(default=None, compare=False, repr=False)
    """Those that the server was started with; None in those themselves."""

    @property
    def changed(self) -> bool:
        """Whether they are other ones than the server was started with."""
        return self.initial is not None and self != self.initial

    def dump(self) -> Document:
        return {"journal": self.journal, "rate_limits": self.rate_limits, "switches": self.switches}

    def load(self, part: Part, served: Served) -> None:
        """Become what `dump` wrote, all of it: what a call leaves as it was would be another's here."""
        self.journal = part.boolean("journal")
        modes, switches = part.part("rate_limits"), part.part("switches")
        part.end()
        self.rate_limits = {slug: modes.choice(slug, LIMIT_MODES) for slug in self.rate_limits}
        modes.end()
        read = {}
        for slug, chosen in self.switches.items():
            row, known = switches.part(slug), served.providers[slug].switches
            read[slug] = {name: row.choice(name, known[name]) for name in chosen}
            row.end()
        switches.end()
        self.switches = read
