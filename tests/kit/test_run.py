"""A run: whatever happens, the report holds what was found until then."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count

import httpx
import orjson
import pytest

from contract_tests import run
from contract_tests.judging.check import NO_5XX
from contract_tests.judging.law import Law
from contract_tests.judging.session import budget_of
from contract_tests.judging.target import target
from contract_tests.laws.layer import Laws
from contract_tests.oracle.twin import default_credentials
from contract_tests.outcome import Options, Tier, Verdict
from contract_tests.planted import BUGS, replay
from contract_tests.planted.exercise import default_options, exercise
from contract_tests.planted.false_alarms import handler
from contract_tests.planted.layers import LAYERS
from contract_tests.reporting import exit_codes, text
from contract_tests.reporting.report import Report, decide
from contract_tests.reporting.report import failing as failing_of
from contract_tests.sending.wire import Wire
from tests.support.deployments import BASE_URL, failing, judged, planted


def has_next(body: bytes) -> bool:
    return b'"next_cursor"' in body and not re.search(rb'"next_cursor": ?null', body)


@pytest.mark.parametrize(
    ("slug", "fails"),
    [
        ("dreadnode", lambda number, query, body: has_next(body)),
        ("dreadnode", lambda number, query, body: b"cursor=" in query),
        ("dreadnode", lambda number, query, body: b"limit=7&" in query + b"&"),
        ("prime", lambda number, query, body: b"page=2" in query),
    ],
)
def test_pages_that_fail_break_a_promise(slug: str, fails: Callable[[int, bytes, bytes], bool]) -> None:
    """Whether the snapshot or a law meets it, the requests are named as curl lines."""
    report = judged(failing(slug, fails), slug, orgs=("acme",) if slug == "dreadnode" else ())
    assert decide(report)[0] == exit_codes.BROKEN
    found = next(each for each in report.failing if each.law == NO_5XX)
    assert "twice in a row" in found.sentence
    assert found.asks
    assert "curl -s" in text.render(report).partition(NO_5XX)[2]


def test_the_oracle_convicts_a_failure_as_well() -> None:
    """A failure that only a layer behind the laws meets counts alike."""
    asked: set[bytes] = set()

    def watch(number: int, query: bytes, body: bytes) -> bool:
        asked.add(query)
        return False

    options = default_options("prime")
    exercise("prime", failing("prime", watch), options, (Laws(),))
    by_laws = frozenset(asked)
    session = exercise("prime", failing("prime", lambda number, query, body: query not in by_laws), options)
    assert NO_5XX in {outcome.law for outcome in failing_of(session.outcomes, strict=False)}


def test_one_failure_is_bad_luck() -> None:
    """A 5xx that is not there when it is asked again breaks nothing."""
    report = judged(failing("prime", lambda number, query, body: number in (1, 9, 30)))
    assert decide(report)[0] == exit_codes.HOLDS


def wired(answer: Callable[[int], httpx.Response]) -> Report:
    where, numbers = target("prime"), count(1)
    client = httpx.Client(transport=httpx.MockTransport(lambda request: answer(next(numbers))))
    wire = Wire(
        BASE_URL,
        where.security,
        default_credentials("prime"),
        client=client,
        sleep=lambda seconds: None,
    )
    return run.check("prime", BASE_URL, wire, Options(), layers=LAYERS)


@pytest.mark.parametrize("headers", [{}, {"retry-after": "1"}])
def test_the_stop_after_three_failures_is_no_excuse(headers: dict[str, str]) -> None:
    """The transport leaves a failing server alone; what it has seen until then convicts, in every layer."""
    report = wired(lambda number: httpx.Response(503, json={}, headers=headers))
    assert decide(report)[0] == exit_codes.BROKEN
    assert [each.law for each in report.outcomes].count(NO_5XX) == 1
    html = wired(lambda number: httpx.Response(503, html="<html>Maintenance", headers=headers))
    assert decide(html)[0] == exit_codes.COULD_NOT_CHECK


def test_a_correct_server_holds() -> None:
    """The laws alone, one credential: exit 0."""
    report = judged(handler("prime", 0, 300))
    assert decide(report) == (0, f"{report.count(Verdict.HOLDS)} laws hold")


def test_should_is_a_warning_unless_strict() -> None:
    """What the page does not say fails a strict run only."""
    answer = planted("prime", "challenge_missing") if any(each.name == "challenge_missing" for each in BUGS) else None
    if answer is None:
        answer = without_challenge
    relaxed, strict = judged(answer), judged(answer, strict=True)
    assert (decide(relaxed)[0], decide(strict)[0]) == (0, 1)
    assert "credentials.challenge" in {each.law for each in relaxed.warnings}


def without_challenge(
    method: str, path: str, query: bytes, headers: dict[str, str]
) -> tuple[int, Mapping[str, str], bytes]:
    status, sent, body = CORRECT(method, path, query, headers)
    return status, {name: text for name, text in sent.items() if name.lower() != "www-authenticate"}, body


CORRECT = handler("prime", 0, 200)


def test_ctrl_c_gives_the_report_so_far() -> None:
    """What was found until then is reported."""
    correct, asked = handler("prime", 0, 100), [0]

    def tired(*request: object) -> tuple[int, Mapping[str, str], bytes]:
        asked[0] += 1
        if asked[0] == 30:
            raise KeyboardInterrupt
        return correct(*request)  # type: ignore[arg-type]

    report = judged(tired)
    assert "interrupted" in report.notes[0]
    assert decide(report)[0] == exit_codes.COULD_NOT_CHECK
    assert report.count(Verdict.HOLDS) > 3


def test_equal_seeds_send_equal_requests() -> None:
    """Same seed, same requests, same verdict."""

    def asked() -> list[str]:
        session = exercise("prime", handler("prime", 0, 137), default_options("prime", seed=5))
        return [reply.ask.target for each in session.record.sent for reply in each.replies]

    assert asked() == asked()


def test_a_cursor_that_leads_in_a_circle_is_left() -> None:
    """A list whose cursor never ends is read no longer than it promises rows, and reported."""
    correct = handler("dreadnode", 0, 400)

    def circling(method: str, path: str, query: bytes, headers: dict[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        status, sent, body = correct(method, path, query.split(b"&cursor=")[0], headers)
        return status, sent, body

    session = exercise("dreadnode", circling, default_options("dreadnode"), (Laws(),))
    assert "cursors.end" in {outcome.law for outcome in failing_of(session.outcomes, strict=False)}
    assert session.transport.sent <= (budget_of(session.options).shared or 0)


def test_only_passive_laws_come_last() -> None:
    """Whatever module a law is in, it says itself that it sends nothing; and those of ours that say so send nothing."""
    session = run.open_session(
        "dreadnode", replay.transport("dreadnode", handler("dreadnode", 0, 60)), default_options("dreadnode")
    )
    run.judge(session, (Laws(),))
    sent = session.transport.sent
    passive = [law for law in session.laws if law.passive]
    assert len(passive) > 15
    for law in passive:
        session.check.run(law)
    assert session.transport.sent == sent
    order: list[str] = []
    ours = partial(Law, run=lambda check: order.append(check.law), tier=Tier.MUST)
    session.laws = (ours("watches", passive=True), ours("asks"))
    run.judge(session, (Laws(),))
    assert order == ["asks", "watches"]


@pytest.mark.parametrize("slug", ["dreadnode", "instavm", "prime", "superserve"])
def test_another_envelope_is_a_breach_and_no_crash(slug: str) -> None:
    """A bare array where the page has an object, or an object where it has an array, is reported as what it is."""
    correct, items = handler(slug, 0, 40), target(slug).listing.items

    def other(method: str, path: str, query: bytes, headers: dict[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        status, sent, body = correct(method, path, query, headers)
        value = orjson.loads(body)
        if status == 200 and not path.endswith("/facets"):
            body = orjson.dumps(value[items] if items else {"items": value})
        return status, sent, body

    session = exercise(slug, other, default_options(slug), LAYERS)
    assert "schema.body" in {outcome.law for outcome in session.outcomes if outcome.verdict is Verdict.BROKEN}
