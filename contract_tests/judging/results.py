"""What a law has to say in the end: the worst of what was found under its name, and who promised the contrary."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from contract_tests.judging.evidence import find_two_orders, sort_into_kinds, tell
from contract_tests.outcome import Outcome, Verdict
from contract_tests.promises.statements import Statement

if TYPE_CHECKING:
    from contract_tests.judging.check import Check
    from contract_tests.judging.law import Law

MAX_SAID = 300
ORDER = "rows.order"


def outcome_of(check: Check, law: Law) -> Outcome:
    """Broken by the most binding of its breaches, else held by what made it bite, else without a verdict."""
    promises, page = check.promises, law.page(check.promises)
    breaches, tier = check.breaches.get(law.name, []), law.tier_for(promises)
    if law.name == ORDER:
        breaches = find_two_orders(check.listing, breaches, check.transport.replies, check.ledger.excused(ORDER))
    witness = "; ".join(dict.fromkeys(check.witnesses.get(law.name, ())))[:MAX_SAID]
    common: dict[str, Any] = {"page": page, "seconds": check.transport.seconds_of(law.name)}
    if breaches:
        worst = sort_into_kinds(breaches)[0]
        said = [sentence for ask in worst.asks[:1] for sentence in promises.sentences(ask)]
        by = next((each.by for each in breaches if each.sentence == worst.sentence), None)
        if isinstance(by, Statement):
            said = list(dict.fromkeys([by.sentence, *said]))
            common |= {"page": page if by.quote else "", "source": by.origin("")}
        outcome = tell(law.name, breaches, witness=witness, **common)
        return replace(outcome, promise=" ".join([law.promise, *said]))
    common["promise"] = law.promise
    if (known := check.ledger.tell(law.name)) is not None:
        return replace(known, witness=witness, **common)
    lacking = check.reasons.find(law, tier, check.plan, witnessed=bool(witness))
    if lacking is None:
        return Outcome(law.name, Verdict.HOLDS, tier, witness=witness, **common)
    return Outcome(law.name, lacking[0].verdict, tier, lacking[1], lack=lacking[0], **common)
