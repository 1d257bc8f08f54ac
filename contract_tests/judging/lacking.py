"""Why laws got no verdict, and which options of a run were given in vain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from contract_tests.judging.probes import Probes
from contract_tests.outcome import Lack, Options, Tier
from contract_tests.promises.form import Promises
from contract_tests.sending.ask import Ask

MAX_REASON = 300
WEIGHT = (
    Lack.UNUSED,
    Lack.STOPPED,
    Lack.BUDGET,
    Lack.RECORDING,
    Lack.OPTION,
    Lack.NATURE,
    Lack.MOVED,
    Lack.ROWS,
    Lack.PLAN,
)
"""Of several things that a law lacked, the first of these is told."""
UNPLANNED = "this profile sends none of its probes"
NO_PROBE_FITS = "the rows of this account lead to none of its probes"


class Inconclusive(Exception):
    """A law could not be exercised; the reason is one sentence."""

    def __init__(self, reason: str, lack: Lack = Lack.ROWS) -> None:
        super().__init__(reason)
        self.lack = lack


def lack_of(reason: Exception) -> Lack:
    """What a law lacked that ended with this exception: it says so itself, or the recording has no such request."""
    return reason.lack if isinstance(reason, Inconclusive) else Lack.RECORDING


class Subject(Protocol):
    """A law, as far as it matters here."""

    @property
    def name(self) -> str: ...

    @property
    def passive(self) -> bool: ...


@dataclass(slots=True)
class Reasons:
    """What laws lacked, by their names."""

    ended: tuple[Lack, str] | None = None
    """Why no further law had its turn, if one had none."""
    exercised: set[str] = field(default_factory=set)
    """The laws that came to their own end."""
    judged: set[str] = field(default_factory=set)
    """The probes that came to their own end, as `law:probe`."""
    _said: dict[str, dict[tuple[Lack, str], None]] = field(default_factory=dict)
    _open: dict[str, list[tuple[Tier, Lack, str]]] = field(default_factory=dict)

    def say(self, law: str, lack: Lack, reason: str) -> None:
        """Note why a law could not be exercised in full."""
        self._said.setdefault(law, {})[lack, reason] = None

    def leave_open(self, law: str, tier: Tier, lack: Lack, reason: str) -> None:
        """Note a suspicion that could be neither confirmed nor dispelled; the law no longer holds."""
        self._open.setdefault(law, []).append((tier, lack, reason))

    @property
    def open_laws(self) -> frozenset[str]:
        """The laws with a suspicion that nothing came of."""
        return frozenset(self._open)

    def find(self, law: Subject, tier: Tier, plan: Probes | None, *, witnessed: bool) -> tuple[Lack, str] | None:
        """What a law of this tier lacked that broke nothing, and the reasons in one line; None for one that holds."""
        opened = [(lack, reason) for found, lack, reason in self._open.get(law.name, ()) if found.rank >= tier.rank]
        if opened:
            return _weightiest(opened)
        if witnessed:
            return None
        planned = law.passive or plan is None or plan.wants_some(law.name)
        said = list(self._said.get(law.name, ()))
        if law.name not in self.exercised and self.ended is not None and planned:
            said.append(self.ended)
        if not said and law.passive:
            said.append((Lack.ROWS, "nothing exercised it"))
        return _weightiest(said or [(Lack.ROWS, NO_PROBE_FITS) if planned else (Lack.PLAN, UNPLANNED)])


def _weightiest(said: Sequence[tuple[Lack, str]]) -> tuple[Lack, str]:
    """The kind that counts most, and the reasons of that kind."""
    first = min((lack for lack, _ in said), key=WEIGHT.index)
    return first, "; ".join(dict.fromkeys(reason for lack, reason in said if lack is first))[:MAX_REASON]


def find_unused(promises: Promises, options: Options, scopes: Sequence[str], asks: Iterable[Ask]) -> Iterator[str]:
    """The options that were given and led to no request, each in one sentence."""
    asked = list(asks)
    for credential, given in (("other", options.has_other), ("colleague", options.has_colleague)):
        if given and not any(ask.credential == credential for ask in asked):
            yield f"--{credential}-token was given and never used"
    named = promises.scopes
    for scope in scopes:
        path, query = promises.path(scope), named.query(scope)
        if scope and not any(ask.path.startswith(path) and set(query) <= set(ask.query) for ask in asked):
            yield f"--org {scope} was given and never asked for"
