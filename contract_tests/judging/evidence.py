"""What a law's breaches come to: one piece of evidence for each kind of them, the worst first.

Two breaches are of one kind where their sentences read alike but for the values that were asked or answered. A law has
many probes, and a server that breaks one of them in one way mostly breaks others in the same way."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from contract_tests.judging.judge import Breach, two_orders
from contract_tests.outcome import MAX_EVIDENCE_ASKS, MAX_EVIDENCE_ROWS, MAX_OTHERS, Evidence, Outcome, Row, Verdict
from contract_tests.promises.form import Listing
from contract_tests.sending.ask import Ask, Reply

MAX_BREACHES_PER_KIND = 8
MAX_KINDS_PER_LAW = 40
"""Of one law that are kept; a message of the deployment's own may read otherwise each time."""
MAX_ALIKE = 3
"""Further requests that are told of one kind of breach."""
SHORTEST_VALUE = 3
"""Shorter texts of a row occur in any sentence."""
VALUE = re.compile(r"'[^']*'|\"[^\"]*\"|\([^()]*\)|[^\s,;:]*[\d=][^\s,;:]*")
"""What a sentence quotes, puts in brackets or counts, and what looks like a query or an id."""
BLANK = "…"


@dataclass(slots=True)
class Kinds:
    """How many breaches of each kind are kept, by law."""

    _kept: dict[str, Counter[str]] = field(default_factory=dict)

    def admit(self, law: str, breach: Breach) -> bool:
        """Count a breach; whether there is room for it."""
        kept, kind = self._kept.setdefault(law, Counter()), kind_of(breach)
        room = kept[kind] < MAX_BREACHES_PER_KIND if kind in kept else len(kept) < MAX_KINDS_PER_LAW
        kept[kind] += room
        return room


def tell(law: str, breaches: Sequence[Breach], **more: Any) -> Outcome:
    """The outcome of a law that these breaches break: the worst in full, and every other kind of them."""
    worst, *others = sort_into_kinds(breaches)
    return Outcome(
        law,
        Verdict.BROKEN,
        worst.tier,
        worst.sentence,
        worst.asks,
        worst.rows,
        fields=worst.fields,
        alike=worst.alike,
        times=worst.times,
        others=tuple(others[:MAX_OTHERS]),
        untold=len(others[MAX_OTHERS:]),
        **more,
    )


def kind_of(breach: Breach) -> str:
    """The breach's sentence without the values in it."""
    text = breach.sentence
    asked = {f"{name}={value}" for ask in breach.asks for name, value in ask.query}
    shown = {value for row in breach.rows for value in row.values() if isinstance(value, str)}
    for value in sorted((*asked, *shown), key=len, reverse=True):
        if len(value) >= SHORTEST_VALUE:
            text = text.replace(value, BLANK)
    return re.sub(f"{BLANK}(?:&{BLANK})+", BLANK, VALUE.sub(BLANK, text))


def sort_into_kinds(breaches: Iterable[Breach]) -> list[Evidence]:
    """One piece of evidence for each kind of breach, those of the highest tier first, else in the order of finding."""
    kinds: dict[str, list[Breach]] = {}
    for breach in breaches:
        kinds.setdefault(kind_of(breach), []).append(breach)
    return sorted(map(_join, kinds.values()), key=lambda each: -each.tier.rank)


def _join(alike: Sequence[Breach]) -> Evidence:
    """The worst of these breaches in full, and the requests of the others."""
    worst = max(alike, key=lambda breach: breach.tier.rank)
    asks = worst.asks[:MAX_EVIDENCE_ASKS]
    further = dict.fromkeys(ask for breach in alike for ask in breach.asks[:1] if ask not in asks)
    rows = worst.rows[:MAX_EVIDENCE_ROWS]
    fields = worst.fields or named_in(worst.sentence, rows)
    return Evidence(worst.sentence, worst.tier, asks, rows, fields, tuple(further)[:MAX_ALIKE], len(alike))


def named_in(sentence: str, rows: Sequence[Row]) -> tuple[str, ...]:
    """The fields of the rows that a sentence names."""
    words = set(re.findall(r"[\w-]+", sentence))
    return tuple(dict.fromkeys(name for row in rows for name in row if name in words))


def find_two_orders(
    listing: Listing, breaches: Sequence[Breach], replies: Sequence[Reply], excused: Sequence[Breach] = ()
) -> list[Breach]:
    """The breaches; one about the order of an answer whose request was answered in another order as well says so, and
    is then not excused. The same rows in two orders are no list that has moved."""
    found: list[Breach] = []
    known: dict[Ask | None, Breach | None] = {}
    for breach in (*breaches, *excused):
        ask = breach.asks[0] if breach.asks else None
        if ask not in known:
            bodies = [listing.body_of(reply) for reply in replies if reply.ask == ask and reply.status == 200]
            pairs = pairwise(body.rows for body in bodies if body is not None)
            known[ask] = next(
                (turn for one, two in pairs if ask and (turn := two_orders(listing, ask, one, two))), None
            )
        turn = known[ask]
        if turn is not None or len(found) < len(breaches):
            found.append(breach if turn is None else turn)
    return found
