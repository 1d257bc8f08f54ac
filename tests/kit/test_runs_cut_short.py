"""A run that is cut short, at any point and in any way: a report of what was found until then, never a traceback."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import httpx
import pytest

from contract_tests import run
from contract_tests.conformance.layer import Conformance
from contract_tests.judging.session import Layer
from contract_tests.judging.target import target
from contract_tests.laws.layer import Laws
from contract_tests.oracle.twin import default_credentials
from contract_tests.outcome import Options, Verdict
from contract_tests.planted.false_alarms import handler
from contract_tests.planted.layers import JUDGES
from contract_tests.reporting import exit_codes
from contract_tests.reporting.report import Report, decide
from contract_tests.sending.in_process import Handler
from contract_tests.sending.wire import Wire
from tests.support.deployments import BASE_URL, planted

CREDENTIALS = default_credentials("prime")
EARLY, IN_LAWS = 5, 40
IN_CONFORMANCE = 110
"""Behind the 102 requests that the laws have."""
CONFORMANCE: tuple[Layer, ...] = (Laws(), Conformance())

Event = Callable[[], httpx.Response]


def refused() -> httpx.Response:
    raise httpx.ConnectError("connection refused")


def closed() -> httpx.Response:
    raise httpx.RemoteProtocolError("Server disconnected without sending a response.")


def slow() -> httpx.Response:
    raise httpx.ReadTimeout("timed out")


def interrupted() -> httpx.Response:
    raise KeyboardInterrupt


def limited() -> httpx.Response:
    return httpx.Response(429, json={"detail": "slow down"})


EVENTS = {each.__name__: each for each in (refused, closed, slow, interrupted, limited)}


def checked(
    answer: Handler, event: Event, number: int, until: float = float("inf"), layers: Sequence[Layer] = JUDGES
) -> Report:
    """The report on a deployment to which something happens from one request on, until another."""
    asked = 0

    def answered(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        if number <= asked < until:
            return event()
        parts = urlsplit(str(request.url))
        headers = {name.lower(): text for name, text in request.headers.items()}
        status, sent, body = answer(request.method, parts.path, parts.query.encode(), headers)
        return httpx.Response(status, headers=dict(sent), content=body)

    client = httpx.Client(transport=httpx.MockTransport(answered))
    wire = Wire(BASE_URL, target("prime").security, CREDENTIALS, client=client, sleep=lambda seconds: None)
    return run.check("prime", BASE_URL, wire, Options(), layers=layers)


def correct() -> Handler:
    return handler("prime", 0, 137)


@pytest.mark.parametrize("number", [1, EARLY, IN_LAWS])
@pytest.mark.parametrize("name", EVENTS)
def test_what_was_found_until_then_is_reported(name: str, number: int) -> None:
    """A correct deployment breaks no promise by going away; the later it does, the more laws hold."""
    report = checked(correct(), EVENTS[name], number)
    code, sentence = decide(report)
    assert list(report.failing) == []
    assert report.count(Verdict.HOLDS) >= {1: 0, EARLY: 1, IN_LAWS: 8}[number]
    if name == "interrupted":
        assert code == exit_codes.COULD_NOT_CHECK
        assert "interrupted" in sentence
    elif report.count(Verdict.HOLDS):
        assert code == exit_codes.UNDER_POWERED
        assert "the run was cut short" in sentence
    else:
        assert code == exit_codes.COULD_NOT_CHECK


def held(report: Report) -> set[str]:
    """The layers of which something holds."""
    return {outcome.layer for outcome in report.outcomes if outcome.verdict is Verdict.HOLDS}


def test_conformance_of_a_deployment_that_stays() -> None:
    """Undisturbed, both layers have something to say; without this the next test would mean nothing."""
    assert held(checked(correct(), limited, 10_000, layers=CONFORMANCE)) == {"laws", "conformance"}


@pytest.mark.parametrize("name", ["refused", "interrupted", "limited"])
def test_what_conformance_could_not_ask_is_inconclusive(name: str) -> None:
    """Its checks say why where not all cases were sent; the laws before it hold all the same."""
    report = checked(correct(), EVENTS[name], IN_CONFORMANCE, layers=CONFORMANCE)
    assert list(report.failing) == []
    assert held(report) == {"laws"}
    reasons = {outcome.sentence for outcome in report.outcomes if outcome.layer == "conformance"}
    assert all("not all cases were sent" in reason for reason in reasons)
    assert bool(reasons) or report.cut_short == "interrupted during conformance"


@pytest.mark.parametrize("name", EVENTS)
def test_a_promise_that_was_broken_stays_broken(name: str) -> None:
    """What contradicts itself before the deployment goes away is told, and is what the exit code says."""
    report = checked(planted("prime", "status_ignored"), EVENTS[name], IN_LAWS)
    assert decide(report)[0] == exit_codes.BROKEN
    assert all(each.asks for each in report.failing)
    assert report.cut_short


def test_an_interruption_ends_the_whole_run() -> None:
    """Whoever presses Ctrl-C waits for no other layer; a deployment that is slow is given up by one layer only."""
    report = checked(correct(), interrupted, IN_LAWS, layers=CONFORMANCE)
    assert "interrupted" in report.cut_short
    assert set(report.requests) == {"laws and oracle"}
    report = checked(correct(), slow, IN_LAWS, until=IN_LAWS + 1, layers=CONFORMANCE)
    assert set(report.requests) == {"laws and oracle", "conformance"}


def test_limits_are_named_with_the_way_out() -> None:
    """A deployment that limits requests is no broken promise, whenever it begins to."""
    for number in (1, IN_LAWS):
        assert "ask more slowly" in decide(checked(correct(), limited, number))[1]


def test_a_deployment_that_limits_for_a_moment_is_waited_for() -> None:
    """One 429 and its retry cost nothing: the run is whole."""
    waited = checked(correct(), lambda: httpx.Response(429, json={}, headers={"retry-after": "1"}), 20, until=21)
    assert decide(waited)[0] == exit_codes.HOLDS
    assert waited.cut_short == ""


def test_the_token_is_in_no_reason() -> None:
    """However a request ends, what is said about it has no credential in it."""
    for event in EVENTS.values():
        for number in (1, IN_LAWS):
            report = checked(correct(), event, number)
            assert CREDENTIALS["token"] not in decide(report)[1] + report.cut_short + "".join(report.notes)
