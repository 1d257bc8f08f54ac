"""Rate limits: which are enforced, which only report themselves, and what clock they follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakeserver.listing.limit import Limit
from fakeserver.problems import Problem
from fakeserver.serving.app import App
from fakeserver.worlds.rate_limits import Limits, meters_of
from tests.support.admin import SECOND, Machine, admin, arrive, done, listing, small_app
from tests.support.asgi import PATHS, Reply

WINDOW = 1_000


@pytest.fixture
def app(machine: Machine) -> App:
    """A server with its limits as they are by default."""
    return small_app(rate_limits=True, size=5)


def spend(app: App, count: int, **more: str) -> Reply:
    """So many listings of Prime; the last answer."""
    reply = listing(app, "prime", "per_page=1", **more)
    for _ in range(count - 1):
        reply = listing(app, "prime", "per_page=1", **more)
    return reply


def test_prime_allows_a_thousand_a_minute(app: App, machine: Machine) -> None:
    """The 1001st request within 60 s is a 429 in Prime's dialect that says when to come back; then all is well."""
    spend(app, 1)
    machine.wait(12.5)
    assert spend(app, WINDOW - 1).status == 200
    reply = spend(app, 1)
    assert (reply.status, reply.headers["retry-after"]) == (429, "48")
    assert list(reply.value) == ["detail"]
    assert "1000 requests per 60 seconds" in reply.value["detail"]
    assert "ratelimit-limit" not in reply.headers
    machine.wait(47.4)
    assert spend(app, 1).headers["retry-after"] == "1"
    machine.wait(0.1)
    assert spend(app, 1).status == 200


def test_windows_end_on_the_worlds_clock(app: App, machine: Machine) -> None:
    """Advancing the clock ends the window; while it is frozen, no real time does."""
    done(admin(app, "PUT", "/clock", {"action": "freeze"}))
    assert spend(app, WINDOW + 1).status == 429
    machine.wait(3_600)
    assert spend(app, 1).status == 429
    done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": 59.999999}))
    assert spend(app, 1).status == 429
    done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": 0.000001}))
    assert spend(app, 1).status == 200


def test_callers_addresses_and_namespaces_count_apart(app: App) -> None:
    """The limit is one caller's at one address in one world; a refused credential counts nowhere."""
    assert spend(app, WINDOW + 1).status == 429
    assert spend(app, 1, who="member").status == 200
    assert spend(app, 1, ns="other").status == 200
    key = "Bearer prime-admin-key"
    assert arrive(app, f"/prime{PATHS['prime']}", client="192.0.2.1", authorization=key).status == 200
    assert arrive(app, f"/prime{PATHS['prime']}", authorization=key).status == 429
    assert arrive(app, f"/prime{PATHS['prime']}", authorization="Bearer nobody").status == 401
    done(admin(app, "POST", "/reset"))
    assert spend(app, 1).status == 200


def reported(reply: Reply) -> tuple[str | None, ...]:
    """Limit, Remaining and Reset."""
    return tuple(reply.headers.get(f"ratelimit-{name}") for name in ("limit", "remaining", "reset"))


def test_superserve_reports_and_does_not_refuse(app: App, machine: Machine) -> None:
    """Every answer to a caller reports the team's bucket; beyond it, Superserve still answers by default."""
    assert reported(listing(app, "superserve")) == ("40", "39", "1")
    replies = [listing(app, "superserve", who=who) for who in ("admin", "member") for _ in range(30)]
    assert {each.status for each in replies} == {200}
    assert [int(each.headers["ratelimit-remaining"]) for each in replies] == [*range(38, -1, -1)] + [0] * 21
    assert "retry-after" not in replies[-1].headers
    machine.wait(2)
    assert listing(app, "superserve").headers["ratelimit-remaining"] == "39"


def test_superserve_refuses_when_asked_to(app: App, machine: Machine) -> None:
    """With enforced limits the 41st request of a team is a 429 in Superserve's dialect; waiting as told is enough."""
    done(admin(app, "PUT", "/settings", {"rate_limits": {"superserve": "enforced"}}))
    assert [listing(app, "superserve").status for _ in range(41)] == [200] * 40 + [429]
    reply = listing(app, "superserve", who="member")
    assert (reply.status, reply.value["error"]["code"]) == (429, "rate_limited")
    assert reply.headers["ratelimit-remaining"] == "0"
    assert listing(app, "superserve", who="outsider").status == 200
    assert reported(reply) == ("40", "0", reply.headers["retry-after"])
    machine.wait(int(reply.headers["retry-after"]))
    assert listing(app, "superserve").status == 200


def test_reset_is_what_fills_the_bucket_rounded_up(app: App) -> None:
    """20 tokens a second: 20 that are missing are one second, 21 are two."""
    found = [reported(listing(app, "superserve")) for _ in range(40)]
    assert found == [("40", str(39 - spent), "1" if spent < 20 else "2") for spent in range(40)]


def test_refused_callers_count_by_their_address(app: App, machine: Machine) -> None:
    """Whoever has no key spends the tokens of the address, whatever is asked for: 100 at once, then a 429 that says
    when to come back; other addresses are not held up."""
    done(admin(app, "PUT", "/settings", {"rate_limits": {"superserve": "enforced"}}))
    path = f"/superserve{PATHS['superserve']}"
    replies = [arrive(app, path, x_api_key="nobody") for _ in range(100)]
    assert [(each.status, *reported(each)[:2]) for each in replies] == [(401, "100", str(99 - n)) for n in range(100)]
    reply = arrive(app, path)
    assert (reply.status, reply.value["error"]["code"]) == (429, "rate_limited")
    assert reported(reply) == ("100", "0", reply.headers["retry-after"])
    assert listing(app, "superserve").status == 429
    assert arrive(app, path, client="192.0.2.1").status == 401
    machine.wait(int(reply.headers["retry-after"]))
    assert arrive(app, path).status == 401


@pytest.mark.parametrize("rate_limits", [True, False])
def test_every_answer_of_superserve_reports_a_limit(machine: Machine, *, rate_limits: bool) -> None:
    """Refusals report the team's bucket, or the address's where nobody is known; limits that are off refuse nothing and
    report themselves all the same."""
    app = small_app(rate_limits=rate_limits, size=5)
    assert reported(listing(app, "superserve", "limit=0")) == ("40", "39", "1")
    assert reported(listing(app, "superserve")) == ("40", "38", "1")
    assert reported(arrive(app, f"/superserve{PATHS['superserve']}")) == ("100", "97", "1")
    assert reported(arrive(app, "/superserve/nothing")) == ("100", "96", "1")
    assert {listing(app, "superserve").status for _ in range(150)} == {200}


@pytest.mark.parametrize("rate_limits", [True, False])
def test_a_429_on_request_reports_the_limit(machine: Machine, *, rate_limits: bool) -> None:
    """It says what a real one says, and counts against no limit, as any failure that is asked for."""
    app = small_app(rate_limits=rate_limits, size=5)
    reply = listing(app, "superserve", prefer="code=429")
    assert (reply.status, *reported(reply), reply.headers["retry-after"]) == (429, "40", "0", "1", "1")
    assert reported(arrive(app, f"/superserve{PATHS['superserve']}", prefer="code=429"))[:2] == ("100", "0")
    assert reported(listing(app, "superserve", prefer="code=500")) == ("40", "39", "1")
    assert reported(listing(app, "superserve")) == ("40", "39", "1")


@pytest.mark.parametrize(
    ("prefer", "kept"),
    [
        ("", True),
        ("delay=1ms", True),
        ("header.X-Mine=1", True),
        ("code=200", True),
        ("code=503, phase=after", True),
        ("code=503", False),
        ("code=503, times=1, after=5", True),
    ],
)
@pytest.mark.parametrize("scripted", [False, True])
def test_a_request_is_counted_once(
    app: App, machine: Machine, monkeypatch: pytest.MonkeyPatch, *, scripted: bool, prefer: str, kept: bool
) -> None:
    """Whatever it asks for; and not at all where it gets a failure in the place of its answer."""
    counted: list[bool] = []
    take = Limits.take

    def counting(self: Limits, *args: Any, keep: bool = True, **more: Any) -> Mapping[str, str]:
        counted.append(keep)
        return take(self, *args, keep=keep, **more)

    monkeypatch.setattr(Limits, "take", counting)
    if scripted:
        done(admin(app, "POST", "/faults", {"provider": "superserve", "delay_ms": 0, "times": 1, "after": 1}))
    listing(app, "superserve", **({"prefer": prefer} if prefer else {}))
    assert counted == [kept]


def test_settings_switch_limits_off(app: App) -> None:
    """One provider's limits can be switched off and on again while the server runs."""
    done(admin(app, "PUT", "/settings", {"rate_limits": {"prime": "off", "superserve": "off"}}))
    assert spend(app, WINDOW + 1).status == 200
    assert {listing(app, "superserve").status for _ in range(101)} == {200}
    done(admin(app, "PUT", "/settings", {"rate_limits": {"prime": "default"}}))
    assert spend(app, WINDOW + 1).status == 429


def test_no_rate_limits() -> None:
    """A server started with --no-rate-limits never answers 429 by itself; asked to, it does."""
    from fakeserver.cli import serve_parser

    assert serve_parser().parse_args(["--no-rate-limits"]).no_rate_limits is True
    assert serve_parser().parse_args([]).no_rate_limits is False
    app = small_app(rate_limits=False, size=5)
    assert spend(app, WINDOW + 1).status == 200
    assert listing(app, "prime", prefer="code=429").status == 429
    done(admin(app, "POST", "/reset"))
    assert done(admin(app, "GET", "/settings"))["rate_limits"]["prime"] == "off"


# The counters

WHO = "default", "a", "b", "c"


def taken(limits: Limits, limit: Limit, now: int) -> bool:
    try:
        limits.take(meters_of("prime", (limit,), *WHO), now, enforced=True)
    except Problem:
        return False
    return True


@given(steps=st.lists(st.integers(0, 4 * SECOND), max_size=60), capacity=st.integers(1, 5), seconds=st.integers(1, 5))
def test_windows_never_let_more_through(steps: list[int], capacity: int, seconds: int) -> None:
    """No window has more than its capacity, and whoever waits as long as Retry-After says gets through."""
    limits, limit = Limits(), Limit("w", capacity, seconds, ("caller",))
    now, start, used = 0, 0, 0
    for step in steps:
        now += step
        if used == 0 or now - start >= seconds * SECOND:
            start, used = now, 0
        used += 1
        assert taken(limits, limit, now) == (used <= capacity)


@given(steps=st.lists(st.integers(0, 2 * SECOND), max_size=60), capacity=st.integers(1, 5))
def test_buckets_never_let_more_through(steps: list[int], capacity: int) -> None:
    """A bucket lets its capacity through, plus what has been refilled since; waiting as told is always enough."""
    limits, limit = Limits(), Limit("b", capacity, 2, ("caller",), bucket=True)
    now, through = 0, 0
    for step in steps:
        now += step
        try:
            limits.take(meters_of("prime", (limit,), *WHO), now, enforced=True)
            through += 1
        except Problem as problem:
            now += int(problem.headers["Retry-After"]) * SECOND
            assert taken(limits, limit, now)
            through += 1
        assert through <= capacity + now / SECOND * capacity / 2 + 1e-6


def test_counters_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of addresses does not fill the memory: the oldest counters make room."""
    monkeypatch.setattr("fakeserver.worlds.rate_limits.MAX_COUNTERS", 10)
    limits, limit = Limits(), Limit("w", 1, 60, ("address",))
    for index in range(50):
        limits.take(meters_of("prime", (limit,), "default", str(index), None, None), 0, enforced=True)
    assert len(limits.counters) == 10
