"""Snapshots that somebody spoiled: each is refused by the name of its field, or makes a world that still answers."""

from __future__ import annotations

import copy
import functools
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pyroaring import BitMap

from fakeserver.admin import reading, snapshots
from fakeserver.documents.seeded import FIRST
from fakeserver.serving.app import App
from fakeserver.spec.strict_json import read_strictly
from tests.support.admin import FREEZE, admin, done, listing, refused, small_app
from tests.support.asgi import EPOCH, SLUGS, main_tenant

SIZE = 20
FAULT = {"provider": "prime", "operation": "listSandboxes", "code": 503}
NASTY: tuple[Any, ...] = (None, "", "inf", -1, 2**70, 1e308, [], {}, True)
SHARE = 2
"""One in so many spoiled snapshots is sent; which, follows from its number."""
Place = tuple[str | int, ...]


@functools.cache
def whole() -> bytes:
    """A snapshot with something in each of its parts."""
    app = small_app(size=SIZE, rate_limits=True)
    collection = main_tenant(app, "dreadnode")
    newest = collection.document(FIRST)
    collection.add({**newest, "id": newest["id"][:-4] + "ffff", "created_at": "2026-01-18T11:00:00Z"}, "somebody")
    collection.change({FIRST + 3: {**collection.document(FIRST + 3), "build_ref": "other"}})
    collection.remove(BitMap([FIRST + 5]))
    between = collection.document(FIRST + 14)
    collection.add({**between, "id": "00000000-0000-4000-8000-00000000000b"}, "somebody")
    rows = done(admin(app, "GET", "/documents/superserve/main"))
    done(admin(app, "PUT", "/documents/superserve/main", rows[:2]))
    done(admin(app, "PUT", "/clock", FREEZE))
    done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": 60}))
    done(admin(app, "POST", "/faults", {**FAULT, "times": 2, "match": {"caller": "member", "query": {"page": "9"}}}))
    done(admin(app, "POST", "/faults", {**FAULT, "provider": "instavm", "headers": {"Retry-After": "30"}, "times": 2}))
    for _ in range(2):
        for slug in SLUGS:
            listing(app, slug, "limit=3&more=1")
        listing(app, "superserve", suffix="+code=503,times=3")
    return admin(app, "GET", "/snapshot").body


def snapshot() -> Any:
    return json.loads(whole())


@functools.cache
def server() -> App:
    return small_app(size=SIZE, rate_limits=True)


def at(value: Any, place: Place) -> Any:
    for part in place:
        value = value[part]
    return value


def changed(place: Place, value: Any) -> Any:
    spoiled = snapshot()
    at(spoiled, place[:-1])[place[-1]] = value
    return spoiled


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """Every place in a value, containers included."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield (*place, name)
        yield from places(each, (*place, name))


def answers(app: App) -> None:
    """The world at the root still answers everything that it restored."""
    # The snapshot may bring scripts that fail on purpose; they are no business of this test.
    done(admin(app, "GET", "/snapshot"))
    done(admin(app, "DELETE", "/faults"))
    for slug in SLUGS:
        assert listing(app, slug).status in (200, 429), slug
    done(admin(app, "GET", "/snapshot"))
    assert done(admin(app, "GET", "/health"))["status"] == "ok"
    for path in ("/clock", "/requests", "/settings", "/documents/dreadnode/acme", "/documents/superserve/main"):
        done(admin(app, "GET", path))


def test_the_snapshot_that_is_spoiled_is_sound() -> None:
    """It can be put back, and says then what it said."""
    app = server()
    done(admin(app, "PUT", "/snapshot", whole()))
    assert admin(app, "GET", "/snapshot").body == whole()
    taken = snapshot()
    for place in (("faults", "scripts"), ("faults", "wishes"), ("limits", "counters"), ("documents",)):
        assert at(taken, place), place
    assert taken["journal"]["entries"]
    assert taken["journal"]["retry_at"]
    assert taken["documents"]["dreadnode"]["acme"]["hidden"]
    answers(app)


def test_no_spoiled_value_breaks_the_server() -> None:
    """Each place of a snapshot in turn, with values that no reader likes: taken or refused, and never half."""
    app = server()
    everywhere = [each for each in places(snapshot()) if each[:2] != ("journal", "entries") or each[2:3] in ((), (0,))]
    cases = [(place, value) for place in everywhere for value in NASTY]
    done(admin(app, "PUT", "/snapshot", whole()))
    for place, value in cases[::SHARE]:
        reply = admin(app, "PUT", "/snapshot", changed(place, value))
        assert reply.status in (204, 409, 422), (place, value, reply.body)
        if reply.status == 204:
            answers(app)
            done(admin(app, "PUT", "/snapshot", whole()))
        else:
            assert reply.value["field"] != "body", (place, value, reply.body)
            assert len(reply.body) < 5_000
    assert admin(app, "GET", "/snapshot").body == whole()


ENTRY = ("journal", "entries", 0)
ACME = ("documents", "dreadnode", "acme")
STORED = (*ACME, "stored", 0)
"""The document that was added at the front; behind it stands one that was changed."""
WRONG: tuple[tuple[Place, Any, str], ...] = (
    (("version",), True, "version"),
    (("recipe",), [], "recipe"),
    (("recipe", "seed"), "0", "recipe.seed"),
    (("recipe", "size"), 10_000_001, "recipe.size"),
    (("recipe", "epoch"), -(2**55), "recipe.epoch"),
    (("recipe", "epoch"), 2**57, "recipe.epoch"),
    (("clock",), None, "clock"),
    (("clock", "now"), 253_402_300_800_000_000, "clock.now"),
    (("clock", "now"), EPOCH - 1, "clock.now"),
    (("clock", "added"), 2**60, "clock.added"),
    (("clock", "factor"), "inf", "clock.factor"),
    (("clock", "factor"), 1e7, "clock.factor"),
    (("settings", "rate_limits"), None, "settings.rate_limits"),
    (("settings", "rate_limits", "prime"), None, "settings.rate_limits.prime"),
    (("settings", "rate_limits", "nobody"), "off", "settings.rate_limits.nobody"),
    (("settings", "switches", "prime"), None, "settings.switches.prime"),
    (("settings", "switches", "prime"), {}, "settings.switches.prime.validation_errors"),
    (("settings", "switches", "prime", "validation_errors"), "loud", "settings.switches.prime.validation_errors"),
    (("faults", "scripts"), [{}] * 1_001, "faults.scripts"),
    (("faults", "scripts", 0), None, "faults.scripts.0"),
    (("faults", "scripts", 0), {}, "faults.scripts.0.id"),
    (("faults", "scripts", 0, "id"), "fault-1\r\nX-Evil: 1", "faults.scripts.0.id"),
    (("faults", "scripts", 0, "id"), "fault-3", "faults.scripts.0.id"),
    (("faults", "scripts", 1, "id"), "fault-1", "faults.scripts.1.id"),
    (("faults", "scripts", 0, "seen"), -1, "faults.scripts.0.seen"),
    (("faults", "scripts", 0, "hits"), 100, "faults.scripts.0.hits"),
    (("faults", "scripts", 0, "completed"), "no", "faults.scripts.0.completed"),
    (("faults", "scripts", 0, "provider"), "nobody", "faults.scripts.0.provider"),
    (("faults", "scripts", 0, "code"), 418, "faults.scripts.0.code"),
    (("faults", "scripts", 0, "match", "caller"), 1, "faults.scripts.0.match.caller"),
    (("faults", "made"), 1, "faults.made"),
    (("faults", "failed"), 1.5, "faults.failed"),
    (("faults", "wishes"), [], "faults.wishes"),
    (("faults", "wishes"), {f"{number:032x}": 1 for number in range(10_001)}, "faults.wishes"),
    (("faults", "wishes", "a secret"), 1, "faults.wishes.a secret"),
    (("faults", "wishes", "0" * 32), "inf", "faults.wishes." + "0" * 32),
    (("limits", "counters", 0), [["prime"], 1], "limits.counters.0"),
    (("limits", "counters", 0, 0), ["prime", "requests", "127.0.0.1"], "limits.counters.0.key"),
    (("limits", "counters", 0, 0), ["prime", "requests", None, "admin"], "limits.counters.0.key.2"),
    (("limits", "counters", 0, 0), ["nobody", "requests", "127.0.0.1", "admin"], "limits.counters.0.key"),
    (("limits", "counters", 0, 1), "inf", "limits.counters.0.used"),
    (("limits", "counters", 0, 1), -1, "limits.counters.0.used"),
    (("limits", "counters", 0, 2), "inf", "limits.counters.0.instant"),
    (("limits", "counters", 0, 2), 2**63, "limits.counters.0.instant"),
    (("documents", "prime"), [], "documents.prime"),
    (("documents", "dreadnode", "acme"), None, "documents.dreadnode.acme"),
    ((*ACME, "seeded"), 1, "documents.dreadnode.acme.seeded"),
    ((*ACME, "seeded"), False, "documents.dreadnode.acme.gaps.0.ordinal"),
    ((*ACME, "gaps"), {}, "documents.dreadnode.acme.gaps"),
    ((*ACME, "gaps", 0), [7], "documents.dreadnode.acme.gaps.0"),
    ((*ACME, "gaps", 0, 0), -1, "documents.dreadnode.acme.gaps.0.ordinal"),
    ((*ACME, "gaps", 0, 0), SIZE, "documents.dreadnode.acme.gaps.0.ordinal"),
    ((*ACME, "gaps", 0, 1), 1, "documents.dreadnode.acme.gaps.0.width"),
    ((*ACME, "gaps", 0, 1), 2**31, "documents.dreadnode.acme.gaps.0.width"),
    ((*ACME, "gaps"), [[7, 4096], [7, 4096]], "documents.dreadnode.acme.gaps.1.ordinal"),
    ((*ACME, "gaps"), [], "documents.dreadnode.acme.stored.2.document"),
    ((*ACME, "last"), -1, "documents.dreadnode.acme.last"),
    ((*ACME, "hidden", 0), 1.5, "documents.dreadnode.acme.hidden.0"),
    ((*ACME, "hidden", 0), SIZE, "documents.dreadnode.acme.hidden.0"),
    ((*ACME, "hidden"), [3, 5, 3], "documents.dreadnode.acme.hidden.2"),
    (STORED, [1, 2], "documents.dreadnode.acme.stored.0"),
    ((*STORED, 0), 1.5, "documents.dreadnode.acme.stored.0.rank"),
    ((*STORED, 0), True, "documents.dreadnode.acme.stored.0.rank"),
    ((*STORED, 0), 2**32 - 1, "documents.dreadnode.acme.stored.0.rank"),
    ((*STORED, 0), FIRST + 14 + 4_096, "documents.dreadnode.acme.stored.0.rank"),
    ((*STORED, 0), FIRST + 3, "documents.dreadnode.acme.stored.1.rank"),
    ((*STORED, 0), FIRST + 2, "documents.dreadnode.acme.stored.0.rank"),
    ((*STORED, 0), FIRST + 5, "documents.dreadnode.acme.stored.0.document"),
    ((*STORED, 0), FIRST + SIZE + 4_096, "documents.dreadnode.acme.stored.0.document"),
    ((*STORED, 1), None, "documents.dreadnode.acme.stored.0.owner"),
    ((*STORED, 2), 2**60, "documents.dreadnode.acme.stored.0.stored_at"),
    ((*STORED, 3), [], "documents.dreadnode.acme.stored.0.document"),
    ((*STORED, 3, "created_at"), "2020-01-01T00:00:00Z", "documents.dreadnode.acme.stored.0.document"),
    (
        (*STORED, 3, "total_runtime_seconds"),
        2**63,
        "documents.dreadnode.acme.stored.0.document.total_runtime_seconds",
    ),
    (("journal",), [], "journal"),
    (("journal", "entries"), {}, "journal.entries"),
    (ENTRY, None, "journal.entries.0"),
    ((*ENTRY, "id"), "1", "journal.entries.0.id"),
    ((*ENTRY, "id"), 2, "journal.entries.1.id"),
    ((*ENTRY, "time"), 1, "journal.entries.0.time"),
    ((*ENTRY, "instant"), 253_402_300_800_000_000, "journal.entries.0.instant"),
    ((*ENTRY, "method"), None, "journal.entries.0.method"),
    ((*ENTRY, "path"), ["/"], "journal.entries.0.path"),
    ((*ENTRY, "query"), "x" * 5_000, "journal.entries.0.query"),
    ((*ENTRY, "status"), 99, "journal.entries.0.status"),
    ((*ENTRY, "provider"), 1, "journal.entries.0.provider"),
    ((*ENTRY, "caller"), {}, "journal.entries.0.caller"),
    ((*ENTRY, "warnings"), "none", "journal.entries.0.warnings"),
    ((*ENTRY, "warnings"), [1], "journal.entries.0.warnings.0"),
    ((*ENTRY, "more"), 1, "journal.entries.0.more"),
    (("journal", "total"), 3, "journal.total"),
    (("journal", "repeated"), True, "journal.repeated"),
    (("journal", "retry_at"), [["prime", "admin", "soon"]], "journal.retry_at.0.instant"),
    (("journal", "retry_at"), [[1, "admin", 1]], "journal.retry_at.0.provider"),
    (("journal", "retry_at"), [["prime", "admin"]], "journal.retry_at.0"),
)


@pytest.mark.parametrize(("place", "value", "field"), WRONG, ids=lambda each: str(each)[:60])
def test_what_is_wrong_is_named(place: Place, value: Any, field: str) -> None:
    """A value of the wrong type, or out of its range, is refused by the name of its place."""
    refused(admin(server(), "PUT", "/snapshot", changed(place, value)), 422, field)


def test_documents_nested_too_deeply_are_refused() -> None:
    """The next snapshot would have to write them."""
    deep: Any = "deepest"
    for _ in range(300):
        deep = [deep]
    spoiled = snapshot()
    spoiled["documents"]["dreadnode"]["acme"]["stored"][1][3] = {"deep": deep}
    reply = admin(server(), "PUT", "/snapshot", spoiled)
    refused(reply, 422, "documents.dreadnode.acme.stored.1.document.document")


def test_the_snapshots_of_before_are_refused_by_their_version() -> None:
    """Version 1 kept an empty document for each that was removed; what was written then is not guessed at."""
    reply = admin(server(), "PUT", "/snapshot", {**snapshot(), "version": 1})
    refused(reply, 422, "version")
    assert "is 1; this fakeserver reads snapshots of version 9 only" in reply.value["detail"]


def test_nothing_is_half_restored() -> None:
    """A snapshot whose last part is wrong leaves a world that it would have changed as it was."""
    app = small_app(size=SIZE)
    before = admin(app, "GET", "/snapshot").body
    for spoiled in (changed(("journal", "total"), -1), {**snapshot(), "more": 1}):
        assert admin(app, "PUT", "/snapshot", spoiled).status == 422
        after = json.loads(admin(app, "GET", "/snapshot").body)
        # The clock of this world runs.
        assert {**after, "clock": {}} == {**json.loads(before), "clock": {}}


# What would make a snapshot that cannot be taken, or an answer that cannot be sent


def test_an_example_that_no_header_can_carry_is_refused() -> None:
    """The header that marks a failed answer repeats the name of the example."""
    app = server()
    body = {**FAULT, "code": 418, "handling": "lenient", "example": "é☃\n"}
    refused(admin(app, "POST", "/faults", body, ns="headers"), 422, "example")


def test_a_wait_that_never_ends_is_refused() -> None:
    """The journal remembers until when a client was asked to wait."""
    app = server()
    body = {**FAULT, "headers": {"Retry-After": "9" * 30}}
    refused(admin(app, "POST", "/faults", body, ns="waits"), 422, "headers.Retry-After")
    done(admin(app, "POST", "/faults", {**FAULT, "headers": {"retry-after": "9" * 10}}, ns="waits"))
    assert listing(app, "prime", ns="waits").status == 503
    taken = admin(app, "GET", "/snapshot", ns="waits")
    done(admin(app, "PUT", "/snapshot", taken.body, ns="waits"))


@pytest.mark.parametrize("number", [2**53 + 1, -(2**63), 2**64 - 1, 1e308])
def test_a_document_with_a_number_that_time_would_break_is_refused(number: float) -> None:
    """What a running sandbox earns is added to the number of its document."""
    app = server()
    rows = copy.deepcopy(done(admin(app, "GET", "/documents/dreadnode/acme", ns="numbers")))
    rows[0]["total_runtime_seconds"] = number
    reply = admin(app, "PUT", "/documents/dreadnode/acme", rows, ns="numbers")
    refused(reply, 422, "total_runtime_seconds")
    rows[0]["total_runtime_seconds"] = 2**53
    done(admin(app, "PUT", "/documents/dreadnode/acme", rows, ns="numbers"))
    done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": 3600}, ns="numbers"))
    assert listing(app, "dreadnode", ns="numbers").status == 200


def test_a_long_snapshot_is_read_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its text as well as its parts, so that others are answered meanwhile; a short text is not worth one."""
    threads: list[str] = []

    def told(read: Callable[..., Any]) -> Callable[..., Any]:
        def tell(*given: Any, **more: Any) -> Any:
            threads.append("loop" if threading.current_thread() is threading.main_thread() else "thread")
            return read(*given, **more)

        return tell

    monkeypatch.setattr("fakeserver.admin.reading.read_strictly", told(read_strictly))
    monkeypatch.setattr(snapshots, "read", told(snapshots.read))
    app = small_app()
    done(admin(app, "PUT", "/clock", FREEZE))
    snapshot = done(admin(app, "GET", "/snapshot"))
    for most, expected in ((0, ["thread", "thread"]), (reading.MAX_BODY_BYTES, ["loop", "thread"])):
        monkeypatch.setattr(reading, "LARGE_BYTES", most)
        threads.clear()
        done(admin(app, "PUT", "/snapshot", snapshot))
        assert threads == expected
    assert done(admin(app, "GET", "/snapshot")) == snapshot
