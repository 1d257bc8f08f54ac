"""A run that ends early: whatever happens, the report holds what was found until then, and says why it has ended."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import count

import pytest

from contract_tests.conformance import cases
from contract_tests.judging.check import NO_5XX, StopEarly
from contract_tests.judging.session import BUDGETS, SHARED_ACCOUNT, Budget, Findings, Progress, Session
from contract_tests.laws.layer import Laws
from contract_tests.outcome import ListUnreadable, Verdict, broken, holds
from contract_tests.planted.exercise import default_options, exercise
from contract_tests.planted.false_alarms import handler
from contract_tests.planted.layers import JUDGES, LAYERS
from contract_tests.planted.power import Weighing
from contract_tests.reporting import exit_codes
from contract_tests.reporting.report import decide
from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.in_process import Handler
from contract_tests.sending.transport import BudgetExhausted, SendingStopped, Unreachable
from tests.support.deployments import Answered, judged

NOTHING = Findings()


@cache
def requests_of_laws() -> int:
    """What the laws send to a correct server of this size."""
    return judged(handler("prime", 0, 60)).requests[SHARED_ACCOUNT]


@dataclass(frozen=True)
class Layered:
    """A layer that finds something, or ends as it is told."""

    name: str
    account: str
    end: BaseException | None = None
    findings: Findings = NOTHING

    def run(self, session: Session) -> Findings:
        session.transport.send(Ask("/api/v1/sandbox"))
        if self.end is not None:
            raise self.end
        return self.findings


SEEN = Findings((holds("seen", "something", layer="last"),))
LAST = Layered("last", "last", findings=SEEN)
SPENT = BudgetExhausted("the budget is spent")
STOPPED = SendingStopped("nothing more was sent")
GONE = Unreachable("nobody is there")
UNREAD = ListUnreadable(Reply(Ask("/x"), 404, {}, b"", 0.0))


@pytest.mark.parametrize(
    ("account", "end", "note", "cut", "goes_on"),
    [
        (SHARED_ACCOUNT, KeyboardInterrupt(), "interrupted; the rest was not exercised", True, False),
        (SHARED_ACCOUNT, SPENT, "the budget is spent", False, True),
        (SHARED_ACCOUNT, STOPPED, "nothing more was sent", True, True),
        (SHARED_ACCOUNT, GONE, "nobody is there; the rest was not exercised", True, True),
        (SHARED_ACCOUNT, UNREAD, "the unfiltered list could not be read", False, True),
        (SHARED_ACCOUNT, StopEarly(), "", False, True),
        ("middle", KeyboardInterrupt(), "interrupted during middle", True, False),
        ("middle", SPENT, "middle: the budget is spent", True, True),
        ("middle", STOPPED, "middle: nothing more was sent", True, True),
        ("middle", GONE, "middle: nobody is there", True, True),
        ("middle", UNREAD, "middle: the unfiltered list was answered with 404", True, True),
        ("middle", StopEarly(), "", False, True),
    ],
)
def test_a_layer_that_ends_early_is_noted(
    account: str, end: BaseException, note: str, cut: bool, goes_on: bool
) -> None:
    """Whatever was found until then is reported; the next layer has its turn, unless somebody has interrupted."""
    report = judged(handler("prime", 0, 60), layers=(Laws(), Layered("middle", account, end), LAST))
    assert report.notes == ((note,) if note else ())
    assert report.cut_short == (note if cut else "")
    assert ("seen" in {outcome.law for outcome in report.outcomes}) is goes_on
    assert report.count(Verdict.HOLDS) > 20
    code = exit_codes.UNDER_POWERED if cut else exit_codes.HOLDS
    assert decide(report)[0] == (exit_codes.COULD_NOT_CHECK if isinstance(end, KeyboardInterrupt) else code)
    requests = {SHARED_ACCOUNT: requests_of_laws()}
    requests[account] = requests.get(account, 0) + 1
    assert report.requests == requests | ({"last": 1} if goes_on else {})


def at(stage: str, number: int, error: BaseException) -> tuple[Handler, Progress]:
    """A correct server that ends with this error at a request of one layer, and what tells it the layer."""
    correct, now, left = handler("prime", 0, 100), [""], [number]

    def answer(method: str, path: str, query: bytes, headers: dict[str, str]) -> Answered:
        if now[0] == stage:
            left[0] -= 1
            if left[0] <= 0:
                raise error
        return correct(method, path, query, headers)

    def progress(layer: str, sent: int, law: str) -> None:
        now[0] = layer

    return answer, progress


REST = "the rest was not exercised"


@pytest.mark.parametrize(
    ("stage", "number", "error", "note", "layers"),
    [
        ("laws", 1, KeyboardInterrupt(), f"interrupted; {REST}", {"laws"}),
        ("laws", 20, KeyboardInterrupt(), f"interrupted; {REST}", {"laws"}),
        ("laws", 20, Unreachable("gone"), f"gone; {REST}", {"laws", "conformance"}),
        ("laws", 20, SendingStopped("stopped"), "stopped", {"laws", "conformance"}),
        ("oracle", 3, KeyboardInterrupt(), f"interrupted; {REST}", {"laws"}),
        ("conformance", 3, KeyboardInterrupt(), "interrupted during conformance", {"laws", "oracle"}),
    ],
)
def test_the_layers_of_a_check_end_early(
    stage: str, number: int, error: BaseException, note: str, layers: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours do as well: what the ones before have found is there, and a run that was cut short proves too little."""
    monkeypatch.setitem(cases.EXAMPLES, "default", 2)
    answer, progress = at(stage, number, error)
    report = judged(answer, layers=LAYERS, progress=progress)
    assert report.notes[-1] == report.cut_short == note
    assert {outcome.layer for outcome in report.outcomes} == layers
    interrupted = isinstance(error, KeyboardInterrupt)
    assert decide(report)[0] == (exit_codes.COULD_NOT_CHECK if interrupted else exit_codes.UNDER_POWERED)
    # What could not be sent is weighed all the same, unless somebody has interrupted.
    assert (report.power is None) is isinstance(error, KeyboardInterrupt)


def test_an_interruption_while_the_power_is_weighed() -> None:
    """All that was found is reported, without the figure."""

    def progress(layer: str, sent: int, law: str) -> None:
        if layer == "power":
            raise KeyboardInterrupt

    report = judged(handler("prime", 0, 100), layers=(*JUDGES, Weighing()), progress=progress)
    assert (report.power, report.cut_short) == (None, "interrupted during power")
    assert {outcome.layer for outcome in report.outcomes} == {"laws", "oracle"}


@pytest.mark.parametrize(
    "error", [SendingStopped("3 answers in a row were 429"), Unreachable("prime cannot be reached")]
)
def test_a_deployment_that_never_answered_is_not_judged(error: Exception) -> None:
    """One sentence, the requests, and nothing that anybody could take for a result."""
    answer, progress = at("laws", 1, error)
    report = judged(answer, layers=LAYERS, progress=progress)
    assert report.could_not_check.endswith(str(error))
    assert (report.outcomes, report.notes, report.power, report.requests) == ((), (), None, {"laws": 1})


def test_a_deployment_that_limits_requests_is_left_alone() -> None:
    """The first 429 ends the laws; what they have seen until then is reported."""
    correct, numbers = handler("prime", 0, 100), count(1)

    def answer(method: str, path: str, query: bytes, headers: dict[str, str]) -> Answered:
        if next(numbers) > 15:
            return 429, {"content-type": "application/json"}, b'{"detail": "slow down"}'
        return correct(method, path, query, headers)

    report = judged(answer)
    assert report.cut_short == "the deployment limits requests; ask more slowly (--rate)"
    assert report.requests == {SHARED_ACCOUNT: 16}
    assert decide(report)[0] == exit_codes.UNDER_POWERED


def test_a_budget_that_is_spent_ends_the_laws_and_not_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The laws leave room for the last snapshot, the oracle has what is left, and no request more is sent."""
    monkeypatch.setitem(BUDGETS, "default", Budget(20, 30))
    report = judged(handler("prime", 0, 100), layers=JUDGES)
    assert report.notes == ("the budget of 19 requests is used up; the laws behind it were not exercised",)
    assert report.cut_short == ""
    assert 19 < report.requests[SHARED_ACCOUNT] <= 30
    code, sentence = decide(report)
    assert code == exit_codes.UNDER_POWERED
    assert "got no verdict" in sentence
    assert "--profile deep" in sentence
    assert "oracle" in {outcome.layer for outcome in report.outcomes}


def test_the_oracle_is_not_asked_about_a_list_that_moves() -> None:
    """Both sides would not hold the same rows, and nobody is accused."""
    moving = handler("prime", 1, 40, churn=1.0)
    session = exercise("prime", moving, default_options("prime"))
    assert session.check.moved
    assert {outcome.layer for outcome in session.outcomes} == {"laws"}


def test_laws_that_were_not_asked_for_are_exercised_and_not_reported() -> None:
    """The layers behind them need their snapshots."""
    report = judged(handler("prime", 0, 60), layers=(LAST,))
    assert [outcome.law for outcome in report.outcomes] == ["seen"]
    assert report.requests[SHARED_ACCOUNT] > 20


def test_a_failure_beside_the_laws_is_told_once() -> None:
    """A layer that met it twice, and has no outcome that says so, breaks the law about failures in our place."""

    class Failing(Layered):
        def run(self, session: Session) -> Findings:
            session.check_beside().failing("500, twice in a row", (Ask("/api/v1/sandbox"),))
            return self.findings

    told = broken("op: not_a_server_error", "it failed", layer="last")
    for findings, verdicts in ((SEEN, [Verdict.BROKEN]), (Findings((told,)), [Verdict.HOLDS])):
        report = judged(handler("prime", 0, 60), layers=(Laws(), Failing("last", "last", None, findings)))
        assert [outcome.verdict for outcome in report.outcomes if outcome.law == NO_5XX] == verdicts
        assert decide(report)[0] == exit_codes.BROKEN
    report = judged(handler("prime", 0, 60), layers=(Failing("last", "last", None, SEEN),))
    assert [outcome.law for outcome in report.outcomes] == ["seen", NO_5XX]
