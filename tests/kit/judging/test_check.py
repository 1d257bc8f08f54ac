"""A check keeps what was found by law, whoever met it."""

from __future__ import annotations

import httpx
import pytest

from contract_tests.judging.check import NO_5XX, Check
from contract_tests.judging.judge import Place
from contract_tests.judging.lacking import Inconclusive
from contract_tests.judging.law import Law
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


def test_requests_are_booked_on_the_probe_around_them() -> None:
    """What is sent outside a probe belongs to the law alone, never to the probe before; so does what is found."""

    def booked(check: Check) -> None:
        """Nothing is promised."""
        with check.probing("one"):
            check.send(Ask(check.path()))
            with check.probing("inside"):
                check.send(Ask(check.path()))
            check.fail("found in one")
        check.send(Ask(check.path()))
        check.fail("found behind it")

    where = target("prime")
    check = Check(where, Recorder(InProcess(handler("prime", 0, 200), where.security, {"token": CANARY})), Options())
    check.run(Law("booked", booked, Tier.MUST))
    assert check.transport.prices == {"booked:one": 1, "booked:inside": 1, "booked:": 1}
    assert [breach.probe for breach in check.breaches["booked"]] == ["booked:one", "booked:"]
    assert check.law == ""
    check.send(Ask(check.path()))
    assert check.transport.prices[":"] == 1


def test_a_question_is_varied_without_losing_what_it_means() -> None:
    """Another place, another way to send it, another method: its filters stay."""
    where = target("prime")
    check = Check(where, Recorder(InProcess(handler("prime", 0, 200), where.security, {"token": CANARY})), Options())
    filters = (("status", "RUNNING"),)
    question = check.question(filters, size=7, place=Place(3))
    assert (question.size, question.offset, question.filters[-1:]) == (7, 14, filters)
    assert dict(question.ask.query) == {"status": "RUNNING", "page": "3", "per_page": "7"}
    head = question.asked(method="HEAD").anywhere()
    assert (head.ask.method, head.whole, head.filters) == ("HEAD", True, question.filters)
    assert not question.whole
    assert question.ask.method == "GET"
