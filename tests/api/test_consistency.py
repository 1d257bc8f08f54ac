"""Several servers of one store are like one: the judge who says so catches what is planted, and finds nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks import consistency
from tests.support.asgi import EPOCH, Reply
from tests.support.lives import PROVIDERS
from tests.support.lives.model import Ask, Question, Sandbox, newest_first
from tests.support.postgresql import PostgreSQL, running
from tests.support.replicas.clients import (
    STORE,
    Line,
    Shared,
    compare_snapshots,
    count_journal,
    everything,
    look_at_everything,
)
from tests.support.replicas.history import (
    Advance,
    Count,
    Create,
    Fire,
    Get,
    History,
    Look,
    Now,
    Operation,
    Patch,
    Read,
    World,
    shown,
)
from tests.support.replicas.order import NEVER, Verdict, judge, judge_parts
from tests.support.replicas.servers import in_front_of
from tests.support.stores import node

pytestmark = pytest.mark.slow

SLUG, TENANT = "superserve", "main"
SECOND = 1_000_000
OPERATIONS, CLIENTS = 250, 16
"""Of the run in the suite."""
SPOILED, MOST_TRIED = 5, 1_000
"""Answers that are made wrong, and orders that are tried until one counts as noticed: a right history takes fewer."""


def sandbox(identity: str, state: str = "active", patch: str = "", made: int = EPOCH) -> Sandbox:
    row = {"name": identity, "metadata": {"patch": patch}, "timeout_seconds": None}
    return Sandbox(identity, state, made, TENANT, row)


def world(*sandboxes: Sandbox) -> World:
    start = World({SLUG: PROVIDERS[SLUG]()}, EPOCH, {(SLUG, TENANT): {}})
    return start.put((SLUG, TENANT), *((each.id, each) for each in sandboxes))


def create(called: int, returned: int, identity: str, made: int = EPOCH) -> Operation:
    make = partial(made_at, identity)
    return Create(called=called, returned=returned, key=(SLUG, TENANT, identity), make=make, made=made)


def made_at(identity: str, now: int) -> Sandbox:
    return sandbox(identity, made=now)


def patch(called: int, returned: int, identity: str, value: str, happened: bool | None = True) -> Operation:
    fields = {"metadata": {"patch": value}}
    return Patch(called=called, returned=returned, key=(SLUG, TENANT, identity), fields=fields, happened=happened)


def fire(called: int, returned: int, identity: str, event: str, happened: bool | None = True) -> Operation:
    key = (SLUG, TENANT, identity)
    return Fire(called=called, returned=returned, key=key, event=event, who="admin", answer={}, happened=happened)


def get(called: int, returned: int, identity: str, seen: Sandbox | None) -> Operation:
    found = None if seen is None else shown(seen)
    return Get(called=called, returned=returned, key=(SLUG, TENANT, identity), seen=found)


def look(called: int, returned: int, *seen: Sandbox, total: int | None = None) -> Operation:
    question = Question(Ask("GET", "/sandboxes"), TENANT, everything, newest_first, slice(0, None))
    rows = [(each.id, shown(each)) for each in seen]
    count = len(seen) if total is None else total
    return Look(called=called, returned=returned, slug=SLUG, question=question, rows=rows, total=count)


def advance(called: int, returned: int, seconds: int, reached: int) -> Operation:
    return Advance(called=called, returned=returned, seconds=seconds, reached=EPOCH + reached * SECOND)


def now(called: int, returned: int, seconds: int) -> Operation:
    return Now(called=called, returned=returned, instant=EPOCH + seconds * SECOND)


A, B = sandbox("a"), sandbox("b")
PAUSED = sandbox("a", "paused")
WRONG = {
    "a stale read": [patch(0, 9, "a", "1"), get(10, 19, "a", A)],
    "a stale list": [create(0, 9, "c"), look(10, 19, A, B)],
    "a list that still has what is gone": [fire(0, 9, "a", "delete"), look(10, 19, A, B)],
    "a lost write": [patch(0, 9, "a", "1"), get(10, 19, "a", sandbox("a", patch="1")), get(20, 29, "a", A)],
    "a write that was overwritten by an older one": [
        patch(0, 9, "a", "1"),
        patch(10, 19, "a", "2"),
        get(20, 29, "a", sandbox("a", patch="1")),
    ],
    "a state machine that took a step twice": [fire(0, 9, "a", "pause"), fire(5, 19, "a", "pause")],
    "two who each ended it": [fire(0, 20, "a", "delete"), fire(1, 20, "a", "delete")],
    "a refusal without a cause": [fire(0, 9, "a", "pause", happened=False)],
    "what nobody did": [get(0, 9, "a", PAUSED)],
    "a torn list": [
        patch(0, 9, "a", "1"),
        patch(10, 19, "b", "1"),
        look(5, 25, A, sandbox("b", patch="1")),
    ],
    "two lists that saw two writes in two orders": [
        patch(0, 50, "a", "1"),
        patch(0, 50, "b", "1"),
        look(1, 40, sandbox("a", patch="1"), B),
        look(1, 40, A, sandbox("b", patch="1")),
    ],
    "a total that is none": [look(0, 9, A, B, total=3)],
    "a list in another order": [look(0, 9, B, A)],
    "a clock that goes back": [advance(0, 9, 5, 5), now(10, 19, 0)],
    "a clock that was moved twice and once": [advance(0, 9, 5, 5), advance(0, 9, 5, 5)],
    "a sandbox that was made before its time": [advance(0, 9, 5, 5), create(10, 19, "c", made=EPOCH)],
    "two of one id": [create(0, 9, "c"), create(0, 9, "c")],
    "half of an unknown write": [
        patch(0, NEVER, "a", "1", happened=None),
        get(10, 19, "a", sandbox("a", patch="1")),
        get(20, 29, "a", A),
    ],
}
RIGHT = {
    "whoever reads meanwhile sees either": [
        patch(0, 30, "a", "1"),
        get(1, 10, "a", A),
        get(11, 20, "a", sandbox("a", patch="1")),
    ],
    "a write whose end nobody knows may never happen": [
        patch(0, NEVER, "a", "1", happened=None),
        get(10, 19, "a", A),
    ],
    "or late": [
        patch(0, NEVER, "a", "1", happened=None),
        get(10, 19, "a", A),
        get(20, 29, "a", sandbox("a", patch="1")),
    ],
    "an order that only the last answer tells": [
        patch(0, 90, "a", "1"),
        patch(0, 90, "a", "2"),
        patch(0, 90, "b", "1"),
        patch(0, 90, "b", "2"),
        look(91, 99, sandbox("a", patch="1"), sandbox("b", patch="1")),
    ],
    "who comes second is refused": [fire(0, 20, "a", "pause", happened=False), fire(1, 20, "a", "pause")],
    "a pause between two others": [
        fire(0, 50, "a", "pause"),
        fire(0, 50, "a", "resume"),
        fire(0, 50, "a", "pause"),
        get(60, 70, "a", PAUSED),
    ],
    "what is made at the instant that a clock was moved to": [
        create(0, 30, "c", made=EPOCH + 5 * SECOND),
        advance(0, 30, 5, 5),
        now(0, 30, 0),
    ],
}


def verdict_of(operations: Sequence[Operation], *sandboxes: Sandbox) -> Verdict:
    return judge(operations, world(*(sandboxes or (A, B))))


@pytest.mark.parametrize("operations", WRONG.values(), ids=WRONG)
def test_what_no_order_explains_is_caught(operations: list[Operation]) -> None:
    verdict = verdict_of(operations)
    assert not verdict.holds
    assert not verdict.undecided
    assert verdict.blocked in operations
    assert "no order explains" in str(verdict)


@pytest.mark.parametrize("operations", RIGHT.values(), ids=RIGHT)
def test_what_an_order_explains_is_let_go(operations: list[Operation]) -> None:
    assert verdict_of(operations).holds
    assert verdict_of(operations[::-1]).holds


def test_one_part_by_itself_is_named() -> None:
    """Of a history that is wrong in one sandbox, that one; and none where only the whole is."""
    operations = [*WRONG["a stale read"], patch(0, 9, "b", "1"), get(10, 19, "b", sandbox("b", patch="1"))]
    found = [part for part, verdict in judge_parts(operations, world(A, B)) if not verdict.holds]
    assert found == [(SLUG, TENANT, "a")]
    assert all(verdict.holds for _, verdict in judge_parts(WRONG["a torn list"], world(A, B)))


def test_too_many_orders_are_no_verdict() -> None:
    writes = [patch(0, 90, name, f"{number}") for name in "ab" for number in range(3)]
    seen = look(91, 99, sandbox("a", patch="never"), B)
    verdict = judge([*writes, seen], world(A, B), most=10)
    assert verdict.undecided
    assert not verdict.holds
    assert not judge([*writes, seen], world(A, B)).undecided


# Real servers


def spoiled(operation: Read) -> Read | None:
    """The same operation with another answer; None where there is none that would be wrong for certain: one sandbox
    more or less is what another order of the writes beside it may explain."""
    match operation:
        case Look() if operation.total is not None:
            return replace(operation, total=operation.total + OPERATIONS)
        case Look() if operation.rows:
            return replace(operation, rows=[*operation.rows, operation.rows[0]])
        case Get() if operation.seen is not None:
            return replace(operation, seen=("nowhere", *operation.seen[1:]))
        case Count():
            return replace(operation, states={**operation.states, "nowhere": 1})
        case Now():
            return replace(operation, instant=operation.instant + 1)
    return None


def test_a_store_that_is_slow_for_a_moment_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between servers: whose answer is that the store is in the way is asked again."""
    slow = Reply(503, {STORE: "slow"}, b'{"status": 503}')
    answers = {1: [Reply(200, {}, b'{"version": 4}')], 2: [slow, slow, Reply(200, {}, b'{"version": 4}')]}
    monkeypatch.setattr(Line, "call", lambda line, *asked: answers[line._port].pop(0))
    shared = Shared("w", {}, {}, History(World({}, EPOCH, {})))
    assert [*compare_snapshots([1, 2], shared)] == []
    assert answers == {1: [], 2: []}
    answers |= {1: [Reply(200, {}, b'{"version": 4, "clock": 1}')], 2: [slow, Reply(200, {}, b'{"version": 4}')]}
    assert [*compare_snapshots([1, 2], shared)] == ["2 servers have different snapshots: clock"]
    answers |= {1: [Reply(500, {}, b"{}")]}
    with pytest.raises(AssertionError, match="500"):
        [*compare_snapshots([1], shared)]


def test_servers_of_one_store_are_like_one(tmp_path: Path) -> None:
    """Three behind a balancer, asked by 16 clients; and if any of many answers had been another, it would have been
    noticed."""
    with ExitStack() as stack:
        urls = [stack.enter_context(node(tmp_path / "worlds.db")).root for _ in range(3)]
        found = stack.enter_context(in_front_of(urls))
        shared = consistency.live(found, "w", OPERATIONS, CLIENTS, tuple(PROVIDERS), 0, {})
        assert [*look_at_everything(found.port, shared)] == []
        assert [*count_journal(found.ports, shared)] == []
        assert [*compare_snapshots(found.ports, shared)] == []
    assert consistency.wrongs_of(shared.history) == ([], "")
    history: History = shared.history
    assert len(history.operations) > OPERATIONS / 2
    reads = [each for each in history.operations if isinstance(each, Read)]
    for place in range(0, len(reads), len(reads) // SPOILED):
        other = spoiled(reads[place])
        if other is not None:
            changed: list[Any] = [other if each is reads[place] else each for each in history.operations]
            assert not judge(changed, history.start, most=MOST_TRIED).holds, other


def test_three_processes_and_postgresql_are_like_one_server() -> None:
    """The same as a team runs it, also while the database ends and comes again."""
    with running() as database:
        found = consistency.run(database.url(), operations=OPERATIONS, judges=0, outage=partial(restart, database))
    assert (found.wrong, found.undecided) == ((), 0)
    assert found.operations == OPERATIONS


def restart(database: PostgreSQL) -> None:
    database.stop()
    database.start()
