"""The ledger of a run: which breaches are known deviations, which of those were seen, and which may go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from contract_tests.judging.judge import Breach
from contract_tests.outcome import MAX_EVIDENCE_ASKS, MAX_EVIDENCE_ROWS, Outcome, Verdict
from contract_tests.promises.deviations import Deviation
from contract_tests.sending.ask import Reply


class Status(StrEnum):
    """What a run has to say about a known deviation."""

    SEEN = "seen"
    EXPIRED = "expired"
    """Seen, and no longer accepted."""
    STALE = "stale"
    """Its law was exercised, with requests that could have shown it, and broken in no such way."""
    UNEXERCISED = "unexercised"
    UNKNOWN = "unknown"
    """No law of that name was among those of the run."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A known deviation after a run; `sentence` is what was seen of it."""

    deviation: Deviation
    status: Status
    accepted: bool
    sentence: str = ""


@dataclass(slots=True)
class Entry:
    """One known deviation, and what the run has seen of it."""

    deviation: Deviation
    accepted: bool = False
    """By the caller of the check; otherwise the package knows it."""
    breaches: list[Breach] = field(default_factory=list)
    expired: bool = False


class Ledger:
    """Known deviations. A breach that fits one is set aside, and every other breach of the same law counts."""

    def __init__(
        self,
        slug: str = "",
        known: Iterable[Deviation] = (),
        accepted: Iterable[Deviation] = (),
        today: date | None = None,
    ) -> None:
        today = today or date.today()
        given = [*((each, True) for each in accepted), *((each, False) for each in known)]
        self.entries = [Entry(each, own) for each, own in given if each.provider in ("", slug)]
        for entry in self.entries:
            entry.expired = entry.deviation.expires is not None and entry.deviation.expires < today

    def sets_aside(self, law: str, breach: Breach, replies: Sequence[Reply]) -> bool:
        """Whether this breach of a law is known; it is kept with every entry that it fits."""
        entries = [entry for entry in self.entries if entry.deviation.law == law]
        if not entries:
            return False
        ask = breach.asks[0] if breach.asks else None
        reply = next((each for each in reversed(replies) if each.ask == ask), None)
        fitting = [entry for entry in entries if entry.deviation.fits(breach, reply)]
        for entry in fitting:
            entry.breaches.append(breach)
        return any(not entry.expired for entry in fitting)

    def seen(self, law: str) -> list[Entry]:
        """The entries that breaches of a law were set aside for, the caller's own first."""
        return [entry for entry in self.entries if entry.deviation.law == law and entry.breaches and not entry.expired]

    def excused(self, law: str) -> list[Breach]:
        """The breaches of a law that were set aside."""
        return [breach for entry in self.seen(law) for breach in entry.breaches]

    def tell(self, law: str) -> Outcome | None:
        """What is said of a law whose only breaches are known, or None where there are none."""
        entries = self.seen(law)
        if not entries:
            return None
        worst = max((entry.breaches[0] for entry in entries), key=lambda breach: breach.tier.rank)
        verdict = Verdict.ACCEPTED if all(entry.accepted for entry in entries) else Verdict.KNOWN
        reasons = "; ".join(dict.fromkeys(describe(entry) for entry in entries))
        asks, rows = worst.asks[:MAX_EVIDENCE_ASKS], worst.rows[:MAX_EVIDENCE_ROWS]
        return Outcome(law, verdict, worst.tier, f"known: {reasons}", asks, rows)

    def settle(self, outcome: Outcome, replies: Sequence[Reply]) -> Outcome:
        """The outcome of a layer beside the laws, known where its one breach is."""
        breach = Breach(outcome.sentence, outcome.asks, outcome.rows, outcome.tier)
        if outcome.verdict is Verdict.BROKEN and not self.sets_aside(outcome.law, breach, replies):
            return outcome
        known = self.tell(outcome.law) if outcome.verdict in (Verdict.BROKEN, Verdict.HOLDS) else None
        if known is None:
            return outcome
        return replace(known, promise=outcome.promise, page=outcome.page, layer=outcome.layer)

    def standings(self, outcomes: Iterable[Outcome], replies: Sequence[Reply]) -> tuple[Standing, ...]:
        """What the run says about every entry, by the outcomes of all laws and all answers."""
        exercised: dict[str, bool] = {}
        for outcome in outcomes:
            exercised[outcome.law] = exercised.get(outcome.law, False) or outcome.verdict is not Verdict.INCONCLUSIVE
        return tuple(_stands(entry, exercised, replies) for entry in self.entries)


def _stands(entry: Entry, exercised: Mapping[str, bool], replies: Sequence[Reply]) -> Standing:
    known, sentence = entry.deviation, entry.breaches[0].sentence if entry.breaches else ""
    if entry.breaches:
        status = Status.EXPIRED if entry.expired else Status.SEEN
    elif known.law not in exercised:
        status = Status.UNKNOWN
    elif exercised[known.law] and any(known.concerns(reply) for reply in replies):
        status = Status.STALE
    else:
        status = Status.UNEXERCISED
    return Standing(known, status, entry.accepted, sentence)


def describe(entry: Entry) -> str:
    """Why a deviation is known, where from, and until when."""
    known = entry.deviation
    when = f"seen {known.seen}" if known.seen else ""
    until = f"accepted until {known.expires}" if known.expires else ""
    about = ", ".join(part for part in (known.source, when, until) if part)
    return f"{known.reason} ({about})" if about else known.reason
