"""Known deviations in a run: set aside one by one, so that nothing else hides behind them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

import pytest

from contract_tests import run
from contract_tests.conformance.layer import Conformance
from contract_tests.judging.judge import Breach
from contract_tests.judging.ledger import Ledger, Standing, Status
from contract_tests.judging.session import Layer
from contract_tests.laws.layer import Laws
from contract_tests.outcome import Options, Outcome, Tier, Verdict, broken, holds, inconclusive
from contract_tests.planted.exercise import default_options, exercise
from contract_tests.planted.false_alarms import handler
from contract_tests.planted.replay import transport
from contract_tests.promises import BY_SLUG, Deviation
from contract_tests.reporting.ledger import notes_on
from contract_tests.reporting.report import Report, decide
from contract_tests.sending.ask import Ask
from contract_tests.sending.in_process import Handler
from tests.support.deployments import Answered, planted
from tests.support.real_superserve import JSON, RealSuperserve, rows_of_a_live_team

ELSEWHERE = "https://superserve.example.test"


def judged(
    server: Handler,
    slug: str = "superserve",
    layers: Iterable[Layer] = (Laws(),),
    accepted: Iterable[Deviation] = (),
    **more: Any,
) -> Report:
    options = Options(**{"profile": "deep", **more})
    return run.check(slug, ELSEWHERE, transport(slug, server), options, layers=[*layers], accepted=[*accepted])


def marks(report: Report, verdict: Verdict) -> set[str]:
    return {outcome.law for outcome in report.outcomes if outcome.verdict is verdict}


@cache
def live() -> Report:
    return judged(RealSuperserve(rows_of_a_live_team()))


def test_the_real_server_is_known_and_fails_nothing() -> None:
    """Every deviation of Superserve's is named as known with its source, in a strict run too; nothing is a warning."""
    report = live()
    assert decide(replace(report, options=Options(strict=True)))[0] == 0
    assert not marks(report, Verdict.BROKEN)
    known = {outcome.law: outcome.sentence for outcome in report.outcomes if outcome.verdict is Verdict.KNOWN}
    assert {"repeats.head", "schema.body", "schema.media_type", "rows.order", "values.no_5xx"} <= {*known}
    assert known["repeats.head"].startswith("known: the router knows no HEAD (superserve-ai/sandbox")


def swap(rows: list[dict[str, Any]]) -> None:
    rows[20], rows[30] = rows[30], rows[20]


def invent_a_state(rows: list[dict[str, Any]]) -> None:
    rows[40]["status"] = "bogus"


def forget_a_name(rows: list[dict[str, Any]]) -> None:
    next(row for row in rows if row["status"] == "failed").pop("name")


def show_a_secret(rows: list[dict[str, Any]]) -> None:
    rows[0]["access_token"] = "x"


@pytest.mark.parametrize(
    ("change", "law"),
    [
        (swap, "rows.order"),
        (invent_a_state, "schema.body"),
        (forget_a_name, "schema.body"),
        (show_a_secret, "schema.undeclared"),
    ],
)
def test_other_rows_are_no_excuse(change: Callable[[list[dict[str, Any]]], None], law: str) -> None:
    """A row that breaks the same law in another way is told, though rows in front of it break it in a known way."""
    rows = rows_of_a_live_team()
    change(rows)
    report = judged(RealSuperserve(rows), strict=True)
    assert law in {outcome.law for outcome in report.failing}
    assert decide(report)[0] == 1


def crash(path: str, query: bytes) -> Answered | None:
    return (500, JSON, b"{}") if b"%F0%9F%9A%80" in query else None


def answer_in_text(path: str, query: bytes) -> Answered | None:
    return (200, {"content-type": "text/plain", "x-total-count": "0"}, b"[]") if b"limit=2" in query else None


def name_nothing(path: str, query: bytes) -> Answered | None:
    body = json.dumps({"error": {"code": "bad_request", "message": "no"}}).encode()
    return (400, JSON, body) if b"metadata.=" in query else None


@pytest.mark.parametrize(
    ("change", "law"),
    [(crash, "values.no_5xx"), (answer_in_text, "schema.media_type"), (name_nothing, "values.metadata")],
)
def test_other_answers_are_no_excuse(change: Callable[[str, bytes], Answered | None], law: str) -> None:
    """Another request that fails, another answer in plain text, and a refusal that names nothing at all."""
    report = judged(RealSuperserve(rows_of_a_live_team(), change), strict=True)
    assert law in {outcome.law for outcome in report.failing}


@pytest.mark.slow
def test_conformance_knows_the_states_and_no_others() -> None:
    """Schemathesis tells one misfit of an answer; the others count all the same."""
    law = "listSandboxes: response_schema_conformance"
    rows = rows_of_a_live_team()
    report = judged(RealSuperserve(rows), layers=(Conformance(),), profile="default")
    assert not report.failing
    invent_a_state(rows)
    assert law in {
        each.law for each in judged(RealSuperserve(rows), layers=(Conformance(),), profile="default").failing
    }


def test_what_is_not_there_may_go_and_is_told_elsewhere_only() -> None:
    """One note for a deployment, none for a fake on this machine; the standing of every entry is kept in any case."""
    report = judged(handler("superserve", 0, 60), profile="default")
    stale = [each for each in report.deviations if each.status is Status.STALE]
    assert stale
    (note,) = [each for each in report.notes if "may go" in each]
    assert "the states that" not in note
    assert not [*notes_on(report.deviations, aside=True)]
    # The default profile asks for no unknown path and no HEAD.
    statuses = {each.deviation.law: each.status for each in report.deviations}
    assert statuses["repeats.head"] == statuses["schema.media_type"] == Status.UNEXERCISED


FAR = date(9999, 1, 1)


def test_what_is_accepted_does_not_count() -> None:
    """A whole law, or one way to break it; what is accepted and not there may go, and a law must exist."""
    known = Deviation(law="filters.single", reason="known", expires=FAR)
    gone = Deviation(law="rows.unique", reason="fixed", expires=FAR)
    typo = Deviation(law="rows.uniq", reason="fixed", expires=FAR)
    other = Deviation(law="filters.single", reason="no", expires=FAR, provider="dreadnode")
    server = planted("prime", "status_ignored")
    report = judged(server, "prime", accepted=(known, gone, typo, other), profile="default")
    assert "filters.single" in marks(report, Verdict.ACCEPTED)
    assert report.notes[:2] == (
        "rows.unique: the accepted deviation was not seen; the entry may go",
        "rows.uniq: no law of this name was among those of the run, so nothing was accepted",
    )
    narrow = Deviation(law="filters.single", reason="known", expires=FAR, sentence="something else")
    assert "filters.single" in marks(judged(server, "prime", accepted=(narrow,), profile="default"), Verdict.BROKEN)


ASK = Ask("/x")


def settle(ledger: Ledger, outcome: Outcome) -> tuple[Outcome, tuple[Standing, ...]]:
    settled = ledger.settle(outcome, ())
    return settled, ledger.standings([settled], ())


def test_an_acceptance_expires() -> None:
    """From then on the promise is broken again, and a note says why."""
    old = Deviation(law="a", reason="old", expires=date(2020, 1, 1))
    settled, standings = settle(Ledger("prime", (), (old,), date(2025, 1, 1)), broken("a", "x"))
    assert settled.verdict is Verdict.BROKEN
    assert [*notes_on(standings, aside=False)] == ["a: the acceptance (old) expired on 2020-01-01"]
    on_its_day = Ledger("prime", (), (old,), date(2020, 1, 1))
    settled, standings = settle(on_its_day, broken("a", "x", layer="oracle", page="7"))
    assert (settled.verdict, settled.layer, settled.page) == (Verdict.ACCEPTED, "oracle", "7")
    assert settled.sentence == "known: old (accepted until 2020-01-01)"
    assert not [*notes_on(standings, aside=False)]


def test_outcomes_of_other_layers() -> None:
    """What was set aside on the way is told in the place of what holds; what got no verdict stays as it is."""
    entry = Deviation(law="a", reason="known", sentence="x")
    ledger = Ledger("prime", (entry,))
    assert ledger.settle(holds("a"), ()) == holds("a")
    assert ledger.settle(broken("a", "y"), ()).verdict is Verdict.BROKEN
    assert ledger.sets_aside("a", Breach("x", (ASK,), by=Tier.SHOULD), ())
    assert ledger.settle(holds("a"), ()).verdict is Verdict.KNOWN
    assert ledger.settle(holds("a"), ()).tier is Tier.SHOULD
    assert ledger.settle(inconclusive("a", "no"), ()).verdict is Verdict.INCONCLUSIVE
    assert not ledger.sets_aside("b", Breach("x", (ASK,)), ())


def test_every_session_knows_what_the_package_knows_but_those_that_measure() -> None:
    """A check and the tests of pytest set known deviations aside; what laws catch is measured without them."""
    server = handler("superserve", 0, 3)
    session = run.open_session("superserve", transport("superserve", server), Options())
    assert {entry.deviation for entry in session.ledger.entries} == {*BY_SLUG["superserve"].deviations}
    assert not exercise("superserve", server, default_options("superserve"), (Laws(),)).ledger.entries
