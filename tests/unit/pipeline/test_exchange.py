"""Where a request stops for another answer, and what an effect does to one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakeserver.faults.scripts import Dribble, Effect, Faults, Fixed, Uniform
from fakeserver.pipeline.exchange import FAULT_HEADER, Answer, Progress, Request, apply
from fakeserver.pipeline.repeats import Opening
from fakeserver.serving.app import Settings
from tests.support.asgi import services


def progress(effect: Effect | None) -> Progress:
    return Progress(0, operation=services()["prime"].routes[0].operation, effect=effect)


@pytest.mark.parametrize("phase", ["before", "after"])
def test_an_effect_stops_a_request_in_its_phase_only(phase: str) -> None:
    """And only if it brings an answer of its own: one that is late or broken on the wire is the real one."""
    other = {"before": "after", "after": "before"}[phase]
    assert progress(Effect("x", 503, phase=other)).injected(phase) is None
    assert progress(Effect("x", delay=Fixed(1), phase=phase)).injected(phase) is None
    assert progress(None).injected(phase) is None
    injected = progress(Effect("x", 503, b"{}", phase=phase)).injected(phase)
    assert injected is not None
    assert (injected.status, injected.body) == (503, b"{}")


def test_what_is_known_of_a_request_shows_no_secret() -> None:
    """Not its credentials nor its body, whoever prints it: a traceback with its variables, for one."""
    service = services()["prime"]
    headers = {"authorization": "Bearer a-secret", "cookie": "a-secret"}
    request = Request("POST", "/api/v1/sandbox", b"", headers, body=b'{"environment_vars": {"KEY": "a-secret"}}')
    opening = Opening("prime", "", request, service.routes[0], {}, ["a-secret"], len(request.body))
    callers = {"a-secret": next(iter(service.fixture.callers.values()))}
    shown = repr((opening, Settings(admin_token="a-secret"), replace(service.fixture, callers=callers)))
    assert "/api/v1/sandbox" in shown
    assert "a-secret" not in shown


def test_an_effect_on_the_wire() -> None:
    """Delay, dribble and fault are handed to whoever sends the answer; its body is not touched."""
    answer = Answer(200, b"[]", {"retry-AFTER": "1"})
    effect = Effect(
        "why", headers={"Retry-After": "7", "x-mine": "a"}, delay=Fixed(2), dribble=Dribble(3, 4), fault="STALL"
    )
    apply(effect, answer, Faults(0))
    assert answer == Answer(
        200,
        b"[]",
        {"retry-AFTER": "7", "X-Mine": "a", FAULT_HEADER: "why"},
        delay=2,
        dribble=Dribble(3, 4),
        fault="STALL",
    )


def test_each_delay_is_drawn_anew_and_each_run_alike() -> None:
    def delays(seed: int) -> list[float]:
        faults, answer = Faults(seed), Answer(200, b"")
        drawn = []
        for _ in range(20):
            apply(Effect("x", delay=Uniform(0, 1)), answer, faults)
            drawn.append(answer.delay)
        assert faults.applied == 20
        return drawn

    assert len(set(delays(1))) == 20
    assert delays(1) == delays(1) != delays(2)
