"""Failures: what is done to an answer, and the scripts that say to which.

Names of connection faults and delay distributions are WireMock's, so that a reader of its documentation knows ours.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from fakeserver.problems import Document, FakeProblem
from fakeserver.spec.reader import Operation

FAULTS = (
    "EMPTY_RESPONSE",
    "MALFORMED_RESPONSE_CHUNK",
    "RANDOM_DATA_THEN_CLOSE",
    "CONNECTION_RESET_BY_PEER",
    "TRUNCATED_BODY",
    "STALL",
    "WRONG_CONTENT_TYPE",
    "HTML_GATEWAY",
)
PHASES = ("before", "after")
MAX_DELAY_SECONDS = 600.0
MAX_FAULTS = 1_000
MAX_WISHES = 10_000


@dataclass(frozen=True, slots=True)
class Fixed:
    seconds: float

    def draw(self, chance: random.Random) -> float:
        return self.seconds


@dataclass(frozen=True, slots=True)
class Uniform:
    lower: float
    upper: float

    def draw(self, chance: random.Random) -> float:
        return chance.uniform(self.lower, self.upper)


@dataclass(frozen=True, slots=True)
class LogNormal:
    median: float
    sigma: float
    most: float = MAX_DELAY_SECONDS

    def draw(self, chance: random.Random) -> float:
        return min(self.most, self.median * math.exp(chance.gauss(0, 1) * self.sigma))


Delay = Fixed | Uniform | LogNormal


@dataclass(frozen=True, slots=True)
class Dribble:
    """The body in `chunks` pieces over `seconds`."""

    chunks: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Failure:
    """What is done to an answer. Without a code the answer is the real one, late or broken on the wire."""

    label: str
    status: int | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: Delay | None = None
    dribble: Dribble | None = None
    fault: str | None = None
    phase: str = "before"

    @property
    def acts(self) -> bool:
        """Whether it does anything: a documented success that is asked for does not."""
        return any((self.status, self.headers, self.delay, self.dribble, self.fault))


def failure_of(
    operation: Operation,
    *,
    label: str,
    code: int | None = None,
    example: str | None = None,
    headers: Mapping[str, str] | None = None,
    delay: Delay | None = None,
    dribble: Dribble | None = None,
    fault: str | None = None,
    phase: str = "before",
    lenient: bool = False,
) -> Failure:
    """A failure that the operation documents; anything else is refused with the field that is wrong."""
    status, body = _answer(operation, code, example, lenient)
    if fault == "HTML_GATEWAY":
        status, body = 502, None
    if fault is not None and fault not in FAULTS:
        raise FakeProblem(400, f"fault {fault!r} is not known; known are {', '.join(FAULTS)}", field="fault")
    if phase not in PHASES:
        raise FakeProblem(400, "phase must be before or after", field="phase")
    if isinstance(delay, Fixed) and not 0 <= delay.seconds <= MAX_DELAY_SECONDS:
        raise FakeProblem(400, f"a delay is 0 to {MAX_DELAY_SECONDS:g} seconds", field="delay")
    return Failure(label, status, body, dict(headers or {}), delay, dribble, fault, phase)


def _answer(
    operation: Operation, code: int | None, example: str | None, lenient: bool
) -> tuple[int | None, bytes | None]:
    """The status to send and its body; (None, None) where a success, or no status at all, is asked for."""
    if code is None:
        if example is None:
            return None, None
        code = next((each.status for each in operation.responses.values() if example in each.examples), None)
        if code is None:
            raise FakeProblem(400, f"{operation.id} has no example {example!r}", field="example")
    documented = operation.responses.get(code)
    if documented is None:
        if lenient and 200 <= code <= 599:
            if example is not None:
                # A header repeats what was asked for, so it must be a name that somebody chose.
                raise FakeProblem(400, f"{operation.id} documents no {code} and so no example of it", field="example")
            return code, None
        codes = ", ".join(str(each) for each in operation.responses)
        raise FakeProblem(
            400,
            f"{operation.id} documents no {code}; documented are {codes} (handling=lenient sends it anyway)",
            field="code",
        )
    if example is None:
        return (None, None) if code < 400 else (code, orjson.dumps(next(iter(documented.examples.values()))))
    if example not in documented.examples:
        names = ", ".join(documented.examples) or "none"
        raise FakeProblem(400, f"{operation.id} {code} has no example {example!r}; it has {names}", field="example")
    return code, orjson.dumps(documented.examples[example])


@dataclass(slots=True)
class Fault:
    """A script: which requests of an operation fail, and how. `raw` is the body that asked for it."""

    id: str
    provider: str
    operation: str
    failure: Failure
    raw: Document
    times: int | None = None
    after: int = 0
    probability: float = 1.0
    caller: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    seen: int = 0
    hits: int = 0

    def status(self) -> Document:
        done = self.times is not None and self.hits >= self.times
        return {**self.raw, "id": self.id, "seen": self.seen, "hits": self.hits, "completed": done}


class Faults:
    """The scripts of one world, and how often each wish of its callers was granted."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.scripts: dict[str, Fault] = {}
        self.wishes: dict[str, int] = {}
        self.made = 0
        self.failed = 0

    def add(self, fault: Fault) -> None:
        if len(self.scripts) >= MAX_FAULTS:
            raise FakeProblem(409, f"at most {MAX_FAULTS} faults can be set; DELETE them first")
        self.scripts[fault.id] = fault

    def next_id(self) -> str:
        """A name that no script of this world has had."""
        self.made += 1
        return f"fault-{self.made}"

    def clear(self) -> None:
        self.scripts.clear()
        self.wishes.clear()
        self.failed = 0

    def due(self, provider: str, operation: str, caller: str | None, query: Mapping[str, str]) -> Failure | None:
        """The failure that a script has for this request: the first script that matches and is not spent."""
        for fault in self.scripts.values():
            if fault.provider != provider or fault.operation != operation:
                continue
            if fault.caller is not None and fault.caller != caller:
                continue
            if any(query.get(name) != text for name, text in fault.query.items()):
                continue
            fault.seen += 1
            if fault.seen <= fault.after or (fault.times is not None and fault.hits >= fault.times):
                continue
            if fault.probability < 1 and self.chance(fault.id, fault.seen).random() >= fault.probability:
                continue
            fault.hits += 1
            return fault.failure
        return None

    def grant(self, wish: str, times: int | None, after: int) -> bool:
        """Whether this request is one of those that a wish is about."""
        if times is None and not after:
            return True
        # The wish names a credential, which nothing that can be read later may hold.
        wish = hashlib.blake2b(wish.encode(), digest_size=16).hexdigest()
        seen = self.wishes.pop(wish, 0) + 1
        if len(self.wishes) >= MAX_WISHES:
            del self.wishes[next(iter(self.wishes))]
        self.wishes[wish] = seen
        return seen > after and (times is None or seen <= after + times)

    def chance(self, *parts: object) -> random.Random:
        """A random number generator of its own for each event, so that a run can be repeated."""
        return random.Random(f"{self.seed}:{parts}")
