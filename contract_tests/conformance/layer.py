"""Layer 1 as the run takes it. Schemathesis is imported when it is first needed: it takes as long as all the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from contract_tests.judging.session import Findings, Session


@dataclass(frozen=True, slots=True)
class Conformance:
    """Schemathesis over every documented operation."""

    name: ClassVar[str] = "conformance"
    account: ClassVar[str] = "conformance"

    def run(self, session: Session) -> Findings:
        from contract_tests.conformance import cases

        return Findings(tuple(cases.run(session.check_beside(), session.ledger)))
