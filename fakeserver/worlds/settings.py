"""Settings: how a world behaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fakeserver.documents.states import MODES
from fakeserver.faults.scenarios import SCENARIOS
from fakeserver.parts import Part
from fakeserver.problems import Document, Json
from fakeserver.provider import Provider
from fakeserver.worlds.state import Served

LIMIT_MODES = ("default", "enforced", "off")
"""`default` enforces the limits on the reference pages and only reports the observed ones."""
KNOWN, ANY = CREDENTIALS = ("known", "any")
"""`any` takes a credential that is nobody's for that of the provider's admin."""


@dataclass(slots=True)
class Settings:
    """How a world behaves: whether it keeps a journal, what its rate limits do, the providers' switches, when the
    passing states of sandboxes end, and which credentials count."""

    journal: bool
    rate_limits: dict[str, str]
    switches: dict[str, dict[str, Json]]
    transitions: str = MODES[0]
    credentials: str = KNOWN
    scenarios: dict[str, str] = field(default_factory=dict)
    """By slug, what lists show instead of the world's documents."""
    initial: Settings | None = field(default=None, compare=False, repr=False)
    """Those that the server was started with; None in those themselves."""

    @property
    def changed(self) -> bool:
        """Whether they are other ones than the server was started with."""
        return self.initial is not None and self != self.initial

    def renewed(self, initial: Settings, changed: Mapping[str, Provider]) -> tuple[Settings, list[str]]:
        """These settings where the server is started with other ones: what somebody chose stays, if it can still be
        chosen; and a line on each that cannot."""
        began, switches, lines = self.initial or self, dict[str, dict[str, Json]](), []
        for slug, chosen in initial.switches.items():
            known = changed[slug].switches if slug in changed else None
            switches[slug] = dict(chosen)
            for name, choice in self.switches.get(slug, {}).items():
                if choice == began.switches[slug][name]:
                    continue
                if known is None or choice in known.get(name, ()):
                    switches[slug][name] = choice
                else:
                    lines.append(f"the switch {name} of {slug} can no longer be {choice!r}")
        modes = {slug: self.rate_limits.get(slug, mode) for slug, mode in initial.rate_limits.items()}
        kept = replace(initial, journal=self.journal, transitions=self.transitions, credentials=self.credentials)
        scenarios = {slug: name for slug, name in self.scenarios.items() if slug in modes}
        return replace(kept, scenarios=scenarios, rate_limits=modes, switches=switches), lines

    def dump(self) -> Document:
        return {
            "journal": self.journal,
            "rate_limits": self.rate_limits,
            "switches": self.switches,
            "transitions": self.transitions,
            "credentials": self.credentials,
            "scenarios": self.scenarios,
        }

    def load(self, part: Part, served: Served) -> None:
        """Become what `dump` wrote, all of it: what a call leaves as it was would be another's here."""
        self.journal = part.boolean("journal")
        self.transitions = part.choice("transitions", MODES)
        self.credentials = part.choice("credentials", CREDENTIALS)
        modes, switches, scenarios = part.part("rate_limits"), part.part("switches"), part.part("scenarios")
        part.end()
        self.rate_limits = {slug: modes.choice(slug, LIMIT_MODES) for slug in self.rate_limits}
        modes.end()
        read = {}
        for slug, chosen in self.switches.items():
            row, known = switches.part(slug), served.providers[slug].switches
            read[slug] = {name: row.choice(name, known[name]) for name in chosen}
            row.end()
        switches.end()
        self.scenarios = {
            slug: scenarios.choice(slug, (*SCENARIOS,)) for slug in self.switches if slug in scenarios.names()
        }
        scenarios.end()
        self.switches = read
