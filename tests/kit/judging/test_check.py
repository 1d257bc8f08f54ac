"""A check keeps what was found by law, whoever met it."""

from __future__ import annotations

import httpx
import pytest

from contract_tests.judging.check import NO_5XX, Check, Inconclusive, Law
from contract_tests.judging.target import target
from contract_tests.outcome import Options, Tier, Verdict
from contract_tests.planted.false_alarms import handler
from contract_tests.sending.ask import Ask
from contract_tests.sending.in_process import InProcess
from contract_tests.sending.recorder import Recorder
from contract_tests.sending.transport import SendingStopped
from contract_tests.sending.wire import Wire

CANARY = "prime-admin-key"


def test_different_requests_that_fail_in_a_row_are_a_failure_that_repeats() -> None:
    """The transport stops before any of them could be asked again."""
    where = target("prime")
    client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(500, json={})))
    wire = Wire("http://127.0.0.1:1", where.security, {"token": CANARY}, client=client)
    check = Check(where, Recorder(wire), Options())
    asks = [Ask("/sandbox", (("page", str(page)),)) for page in (1, 2, 3)]
    with pytest.raises(SendingStopped):
        check.together(asks)
    assert check.breaches[NO_5XX][0].asks == tuple(asks)


def test_a_law_may_be_inconclusive() -> None:
    """A law that cannot be exercised says why; it neither holds nor is broken."""

    def tired(check: Check) -> None:
        """Nothing is promised."""
        raise Inconclusive("no rows")

    where = target("prime")
    check = Check(where, Recorder(InProcess(handler("prime", 0, 200), where.security, {"token": CANARY})), Options())
    law = Law("tired", tired, Tier.MUST)
    check.run(law)
    assert (check.outcome(law).verdict, check.outcome(law).sentence) == (Verdict.INCONCLUSIVE, "no rows")
