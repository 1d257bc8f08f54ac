"""Bodies of admin calls, read as typed values; documents are held against their spec in steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import pytest

from fakeserver.admin import bodies
from fakeserver.admin.part import MAX_DEPTH, Part
from fakeserver.instants import SECOND
from fakeserver.parts import MAX_COUNT
from fakeserver.pipeline.service import Service
from fakeserver.problems import FakeProblem
from fakeserver.worlds.clock import Clock
from fakeserver.worlds.settings import Settings
from tests.support.admin import Machine
from tests.support.asgi import EPOCH, Row, app_of, main_tenant, services


@pytest.fixture(scope="module")
def superserve() -> Service:
    return services()["superserve"]


@pytest.fixture
def documents() -> list[Row]:
    """Twenty documents as the spec has them."""
    return deepcopy([*main_tenant(app_of(size=25), "superserve").documents()][:20])


def refusal(read: Callable[[], object]) -> Row:
    with pytest.raises(FakeProblem) as caught:
        read()
    assert caught.value.status == 422
    return caught.value.body


# Suggestions


@pytest.mark.parametrize(
    ("read", "field", "end"),
    [
        (lambda: fault({"provider": "prime", "cod": 503}), "cod", "did you mean 'code'?"),
        (lambda: fault({"provider": "prim", "code": 503}), "provider", "did you mean 'prime'?"),
        (lambda: fault({"provider": "prime", "fault": "EMPTY_RESPONS"}), "fault", "did you mean 'EMPTY_RESPONSE'?"),
        (
            lambda: fault({"provider": "prime", "operation": "listSandbox", "code": 503}),
            "operation",
            "did you mean 'listSandboxes'?",
        ),
        (lambda: bodies.clock_move({"action": "advanc"}), "action", "'scale' or 'reset'; did you mean 'advance'?"),
        (lambda: bodies.clock_move({"action": "nothing"}), "action", "'scale' or 'reset'"),
        (lambda: fault({"provider": "prime", "code": 503, "match": {"callr": "x"}}), "match.callr", "'caller'?"),
        (
            lambda: fault({"provider": "prime", "delayDistribution": {"type": "uniform", "lower": 1, "uper": 2}}),
            "delayDistribution.uper",
            "did you mean 'upper'?",
        ),
        (lambda: bodies.clock_move({"action": "advance", "secnds": 5}), "secnds", "did you mean 'seconds'?"),
        (lambda: bodies.clock_move({"action": "freeze", "x": 5}), "x", "; known are action, instant"),
        (lambda: switched({"jurnal": True}), "jurnal", "did you mean 'journal'?"),
        (lambda: switched({"rate_limits": {"prme": "off"}}), "rate_limits.prme", "did you mean 'prime'?"),
        (lambda: switched({"switches": {"prme": {}}}), "switches.prme", "did you mean 'prime'?"),
        (
            lambda: switched({"switches": {"dreadnode": {"admin_see": "own"}}}),
            "switches.dreadnode.admin_see",
            "did you mean 'admin_sees'?",
        ),
        (lambda: ended({"recipe": 1, "recipes": 2}, "recipe"), "recipes", "did you mean 'recipe'?"),
    ],
)
def test_what_was_probably_meant_is_said(read: Callable[[], object], field: str, end: str) -> None:
    """Of every member that a call does not know; the words in front stay those of the spec."""
    issue = next(each for each in refusal(read)["errors"] if each["field"] == field)
    assert issue["detail"].endswith(end)


def fault(body: Row) -> object:
    return bodies.fault_rule(body, services(), lambda: "fault-1")


def switched(body: Row) -> object:
    return bodies.settings(body, Settings(True, {}, {}), services())


def ended(members: Row, name: str) -> None:
    """A snapshot's object of which one member was taken, at its end."""
    part = Part(members)
    part.take(name)
    part.end()


def test_a_script_works_out_its_delay_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many operations it is about."""
    asked: list[Row] = []
    delay_of = bodies.delay_of

    def counted(body: Row) -> object:
        asked.append(body)
        return delay_of(body)

    monkeypatch.setattr(bodies, "delay_of", counted)
    rule = bodies.fault_rule({"provider": "dreadnode", "delay_ms": 5}, services(), lambda: "fault-1")
    assert len(rule.effects) > 1
    assert all(effect.delay is not None and effect.label == "fault-1: delay" for effect in rule.effects.values())
    assert len(asked) == 1


# Documents


def test_documents_that_are_sound_pass(documents: list[Row], superserve: Service) -> None:
    assert list(bodies.check_documents([], superserve)) == []
    assert list(bodies.check_documents(documents, superserve)) == [None]


def test_many_documents_are_held_in_steps(
    documents: list[Row], superserve: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs the check gets the word after each chunk, so that it can let others through."""
    monkeypatch.setattr(bodies, "CHUNK_DOCUMENTS", 6)
    assert len(list(bodies.check_documents(documents, superserve))) == 4


@pytest.mark.parametrize("value", [None, {}, "documents", 7])
def test_what_is_not_a_list_is_refused_before_the_first_step(value: object, superserve: Service) -> None:
    body = refusal(lambda: list(bodies.check_documents(value, superserve)))
    assert (body["field"], body["detail"]) == ("body", "body: must be an array of documents")


def nest(levels: int) -> Row:
    value: Row = {}
    for _ in range(levels):
        value = {"a": value}
    return value


WRONG: Mapping[str, tuple[Callable[[Row], object], str, str]] = {
    "missing": (lambda row: row.pop("name"), "name", "is missing"),
    "of another type": (lambda row: row.update(vcpu_count="2"), "vcpu_count", "must be of type integer"),
    "no id": (lambda row: row.update(id="one"), "id", "must be a uuid"),
    "an id in capitals": (lambda row: row.update(id=row["id"].upper()), "id", "must be a uuid"),
    "no date": (lambda row: row.update(created_at="soon"), "created_at", "must be a date-time"),
    "deep inside": (lambda row: row.update(metadata={"a": 7}), "metadata.a", "must be of type string"),
    "nested too deeply": (lambda row: row.update(other=nest(MAX_DEPTH)), "document", "is nested deeper than 64"),
    "a number that nothing can be added to": (
        lambda row: row.update(vcpu_count=MAX_COUNT + 1),
        "vcpu_count",
        "is too large a number",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_document_is_named(name: str, documents: list[Row], superserve: Service) -> None:
    """By its index, its field, and what the field should be."""
    change, field, detail = WRONG[name]
    change(documents[3])
    body = refusal(lambda: list(bodies.check_documents(documents, superserve)))
    assert body["errors"] == [{"document": 3, "field": field, "detail": detail}]
    assert (body["field"], body["detail"]) == (field, f"document 3: {field} {detail}")


def test_ids_are_given_once(documents: list[Row], superserve: Service) -> None:
    """The second one is at fault, and the message names the first."""
    documents[7]["id"] = documents[2]["id"]
    body = refusal(lambda: list(bodies.check_documents(documents, superserve)))
    assert body["errors"] == [{"document": 7, "field": "id", "detail": "is the same as that of document 2"}]


def test_a_date_that_the_spec_leaves_free(superserve: Service) -> None:
    """The field that orders the listing must be a date, whether the spec says so or not."""
    row = {"sandbox_id": "a", "name": "n", "metadata": {}, "started_at": "soon", "status": "active"}
    body = refusal(lambda: list(bodies.check_documents([row], services()["instavm"])))
    assert body["errors"] == [{"document": 0, "field": "started_at", "detail": "is not a date and time"}]


def test_so_many_issues_are_enough(documents: list[Row], superserve: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every issue of a document is named, up to a limit, at which the check ends."""
    monkeypatch.setattr(bodies, "MAX_ISSUES", 5)
    held = []

    def issues(document: Row, *_: object) -> list[tuple[str, str]]:
        held.append(document)
        return [("a", "x"), ("b", "x")]

    monkeypatch.setattr(bodies, "document_issues", issues)
    body = refusal(lambda: list(bodies.check_documents(documents, superserve)))
    assert [(issue["document"], issue["field"]) for issue in body["errors"]] == [
        (0, "a"),
        (0, "b"),
        (1, "a"),
        (1, "b"),
        (2, "a"),
    ]
    assert len(held) == 3


# Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr("fakeserver.worlds.clock.time", Machine())
    return Clock(EPOCH)


MOVES: list[tuple[Row, bool, int]] = [
    ({"action": "advance", "seconds": 1.5}, True, EPOCH + 3 * SECOND // 2),
    ({"action": "set", "instant": "2026-01-18T10:30:07Z"}, True, EPOCH + 7 * SECOND),
    ({"action": "freeze", "instant": "2026-01-18t12:30:09+02:00"}, True, EPOCH + 9 * SECOND),
    ({"action": "freeze"}, False, EPOCH),
    ({"action": "scale", "factor": 2}, True, EPOCH),
    ({"action": "reset"}, False, EPOCH),
]


@pytest.mark.parametrize(("body", "ages", "now"), MOVES)
def test_moves_of_the_clock(body: Row, ages: bool, now: int, clock: Clock) -> None:
    """What a move does, and whether documents may change with it."""
    move = bodies.clock_move(body)
    assert move.ages is ages
    move.apply(clock)
    assert clock.now == now


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "action"),
        ({"action": "stop"}, "action"),
        ({"action": "set"}, "instant"),
        ({"action": "set", "instant": "tomorrow"}, "instant"),
        ({"action": "set", "instant": "2026-02-30T00:00:00Z"}, "instant"),
        ({"action": "advance"}, "seconds"),
        ({"action": "advance", "seconds": -1}, "seconds"),
        ({"action": "advance", "seconds": True}, "seconds"),
        ({"action": "scale", "factor": 0}, "factor"),
        ({"action": "reset", "instant": "2026-01-18T10:30:07Z"}, "instant"),
        ([], "body"),
    ],
)
def test_moves_that_are_refused(body: object, field: str) -> None:
    assert refusal(lambda: bodies.clock_move(body))["field"] == field


# Settings


@pytest.fixture
def old() -> Settings:
    modes = dict.fromkeys(services(), "default")
    switches = {slug: dict(service.fixture.switches) for slug, service in services().items()}
    return Settings(True, modes, switches)


def test_settings_that_are_not_named_stay(old: Settings) -> None:
    """The body's changes are in a value of their own; what was there before is not touched."""
    before = deepcopy(old)
    assert bodies.settings({}, old, services()) == before
    body = {
        "journal": False,
        "rate_limits": {"prime": "off"},
        "switches": {"prime": {"validation_errors": "published"}},
    }
    new = bodies.settings(body, old, services())
    assert (new.journal, new.rate_limits) == (False, {**before.rate_limits, "prime": "off"})
    assert new.switches["prime"] == {**before.switches["prime"], "validation_errors": "published"}
    assert {**new.switches, "prime": before.switches["prime"]} == before.switches
    assert old == before
    assert bodies.settings(new.dump(), old, services()) == new


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"journal": 1}, "journal"),
        ({"limits": {}}, "limits"),
        ({"rate_limits": {"prime": "never"}}, "rate_limits.prime"),
        ({"rate_limits": {"nobody": "off"}}, "rate_limits.nobody"),
        ({"switches": {"nobody": {}}}, "switches.nobody"),
        ({"switches": {"prime": {"validation": "detail"}}}, "switches.prime.validation"),
        ({"switches": {"prime": {"validation_errors": "details"}}}, "switches.prime.validation_errors"),
    ],
)
def test_settings_that_are_refused(body: Any, field: str, old: Settings) -> None:
    assert refusal(lambda: bodies.settings(body, old, services()))["field"] == field
