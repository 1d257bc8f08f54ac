"""What arrives, what is sent, and what is known about a request in between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from fakeserver import loopback
from fakeserver.faults.scenarios import NEXT_VERSION
from fakeserver.faults.scripts import Dribble, Effect, Faults
from fakeserver.listing.meaning import Job
from fakeserver.problems import PROBLEM_JSON, FakeProblem, Json
from fakeserver.spec.credentials import Caller
from fakeserver.spec.parameters import Values
from fakeserver.spec.reader import Operation

if TYPE_CHECKING:
    from fakeserver.pipeline.repeats import Opening, Repeat
    from fakeserver.worlds.entries import Particulars

FAULT_HEADER = "X-Fakeserver-Fault"
GUARD_HEADER = "X-Fakeserver-Guard"
"""What would have left the machine, as method and URL."""
SCENARIO_HEADER, OUTSIDE_HEADER = "X-Fakeserver-Scenario", "X-Fakeserver-Outside-Schema"
"""Which scenario an answer shows; and that it is not as the spec says, which is so in one of them."""
JSON = "application/json"
SEALED = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers of what is the fake's own and no provider's: no page frames it, and none of another origin takes it in."""


@dataclass(slots=True)
class Request:
    """What arrived, behind the provider's `prefix`, or at a host of its data plane (`aside`). `base_url` is where else
    the provider is than at the host that was asked, for answers that lead on. Header names are in lower
    case; `address` is the client's. Of a body that is larger than `bodies.MAX_BODY_BYTES`, only enough to tell need be
    there."""

    method: str
    path: str
    query: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    address: str = loopback.ADDRESS
    body: bytes = field(default=b"", repr=False)
    prefix: str = ""
    scheme: str = "http"
    aside: bool = False
    base_url: str = ""
    again: bool = False
    """Whether it has come before, so that its answer is worth keeping."""
    alike: bool = False
    """Whether one has come before that differs from it in its query alone, so that all else of it is worth keeping."""
    opening: Opening | None = None
    """What is known of it by such a one."""
    patient: bool = False
    """Whether who asks can wait while others are answered: an answer with a job may come of whatever takes long."""


def not_yet(outcome: Any) -> Any:
    raise AssertionError("an answer without a job is whole")


@dataclass(slots=True)
class Answer:
    """What is sent. A body in pieces is sent as made; `delay` (seconds), `dribble` and `fault` happen on the wire. The
    media type of nothing is empty. Where there is a `job`, `conclude` makes the answer of what came of it; if it
    streams, this is the answer, and the job gives the body."""

    status: int
    body: bytes | Iterator[bytes] | AsyncIterator[bytes]
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = JSON
    delay: float = 0.0
    dribble: Dribble | None = None
    fault: str | None = None
    job: Job | None = None
    conclude: Callable[[Callable[[], Any]], Answer] = not_yet
    repeat: Repeat | None = None
    """What the answer stood on, where it can be given again."""
    opening: Opening | None = None
    """What is known of others that differ from its request in their query alone."""
    turn: Callable[[Callable[[], Answer]], Awaitable[Answer]] | None = None
    """Who lets it be concluded, where that takes a turn."""

    def text(self) -> bytes:
        """The whole body."""
        assert not isinstance(self.body, AsyncIterator)
        return self.body if isinstance(self.body, bytes) else b"".join(self.body)


def encode_body(body: Iterator[bytes] | Json) -> bytes | Iterator[bytes]:
    """A JSON value as it is sent; a body in pieces is already."""
    # What a class says of its instances is asked last: it takes as long as the encoding of a small value.
    return orjson.dumps(body) if isinstance(body, dict | list) or not isinstance(body, Iterator) else body


def nothing() -> None:
    pass


@dataclass(slots=True)
class Progress:
    """How far a request got: what its stages found, for the journal and for the effect that somebody wants. In the
    headers `reported` rate limits report themselves; `preference` is what the request asked the fake for, and got."""

    instant: int
    operation: Operation | None = None
    caller: Caller | None = None
    values: Values | None = None
    reported: Mapping[str, str] = field(default_factory=dict)
    effect: Effect | None = None
    preference: str | None = None
    give_back: Callable[[], None] = nothing
    """Undoes the count of the effect among the `times` that somebody wants it."""
    client: tuple[float, str, bool] = (0, "", False)
    """What the journal knows clients by: the operation's `poll_seconds` and `idempotency`, and whether it is a list."""
    remark: str = ""
    outcome: str = ""
    scenario: str = ""
    repeat: Repeat | None = None
    opening: Opening | None = None
    about: Particulars | None = None
    """What the journal has of it, where that is known: the same as of the request that this one repeats."""
    goes: int = 0
    """How often it was broken off, since it took others too long."""

    def tells_the_same(self, other: Progress) -> bool:
        """Whether the journal has the same of both, where they are of the same operation."""
        return (
            self.values is other.values
            and self.caller is other.caller
            and self.effect is other.effect
            and self.remark == other.remark
            and self.scenario == other.scenario
        )

    def injected(self, phase: str) -> Injected | None:
        """The other answer than the real one that somebody wants in this phase, to be raised."""
        effect, operation = self.effect, self.operation
        if effect is not None and operation is not None and effect.status is not None and effect.phase == phase:
            return Injected(effect.status, effect.body, operation)
        return None


class Injected(Exception):
    """The answer that an effect puts in the place of the real one; without a body it is in the provider's dialect."""

    def __init__(self, status: int, body: bytes | None, operation: Operation) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.operation = operation


def apply(effect: Effect, answer: Answer, faults: Faults) -> None:
    """Give the answer an effect's headers, delay and fault; a header says so."""
    for name, text in effect.headers.items():
        spelled = next((known for known in answer.headers if known.lower() == name.lower()), name.title())
        answer.headers[spelled] = text
    answer.headers[FAULT_HEADER] = effect.label
    faults.applied += 1
    if effect.delay is not None:
        answer.delay = effect.delay.draw(faults.chance(effect.label, faults.applied))
    answer.dribble = effect.dribble
    answer.fault = effect.fault


def mark(answer: Answer, scenario: str) -> None:
    """Say in headers which scenario an answer shows, and whether it leaves the spec thereby."""
    answer.headers[SCENARIO_HEADER] = scenario
    if scenario == NEXT_VERSION:
        answer.headers[OUTSIDE_HEADER] = "true"


def own_refusal(problem: FakeProblem) -> Answer:
    """A refusal by the fake itself, never in a provider's dialect."""
    return Answer(problem.status, orjson.dumps(problem.body), media_type=PROBLEM_JSON)
