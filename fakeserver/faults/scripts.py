"""Faults: effects on answers, and the scripts that say which requests get them.

Names of connection faults and delay distributions are WireMock's, so that a reader of its documentation knows ours.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections import OrderedDict
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

import orjson

from fakeserver.arguments import near
from fakeserver.parts import Part
from fakeserver.problems import Document, FakeProblem
from fakeserver.spec.parameters import query_pairs
from fakeserver.spec.reader import Operation

FaultName = Literal[
    "EMPTY_RESPONSE",
    "MALFORMED_RESPONSE_CHUNK",
    "RANDOM_DATA_THEN_CLOSE",
    "CONNECTION_RESET_BY_PEER",
    "TRUNCATED_BODY",
    "STALL",
    "WRONG_CONTENT_TYPE",
    "HTML_GATEWAY",
]
"""How an answer or its connection breaks."""
CONNECTION_FAULTS: tuple[str, ...] = get_args(FaultName)
PHASES = ("before", "after")
ID = re.compile(r"fault-([1-9][0-9]{0,14})")
DIGEST = re.compile(r"[0-9a-f]{32}")
MAX_DELAY_SECONDS = 600.0
MAX_FAULTS = 1_000
MAX_SHOWN = 100
"""Characters of an unknown name that a refusal repeats."""
MAX_COUNTED = 10_000
"""Requested faults that are counted; the oldest counter makes room."""


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
class Effect:
    """What is done to an answer. Without a status the answer is the real one, late or broken on the wire; `label` says
    in a header and in the journal what was done, and `fault` is the name of a connection fault."""

    label: str
    status: int | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: Delay | None = None
    dribble: Dribble | None = None
    fault: str | None = None
    phase: str = "before"
    outcome: str = ""
    """How the operation turns out, which its answer then shows."""

    @property
    def acts(self) -> bool:
        """Whether it does anything: a documented success that is asked for does not."""
        return any((self.status, self.headers, self.delay, self.dribble, self.fault, self.outcome))

    @property
    def wants_success(self) -> bool:
        """Whether there is nothing to do to the answer of a request that is refused."""
        return self.phase == "after" or bool(self.outcome)

    @property
    def comes_before(self) -> bool:
        """Whether the connection breaks before the request takes effect, so that it changes nothing."""
        return self.fault is not None and self.phase == "before"


def make_effect(
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
    outcome: str = "",
    lenient: bool = False,
) -> Effect:
    """An effect that the operation documents; anything else is a FakeProblem with the field that is wrong."""
    status, body = _find_example(operation, code, example, lenient)
    if fault == "HTML_GATEWAY":
        status, body = 502, None
    if fault is not None and fault not in CONNECTION_FAULTS:
        known = ", ".join(CONNECTION_FAULTS)
        raise FakeProblem(400, f"fault {fault!r} is not known; known are {known}", field="fault")
    if phase not in PHASES:
        raise FakeProblem(400, "phase must be before or after", field="phase")
    if isinstance(delay, Fixed) and not 0 <= delay.seconds <= MAX_DELAY_SECONDS:
        raise FakeProblem(400, f"a delay is 0 to {MAX_DELAY_SECONDS:g} seconds", field="delay")
    if outcome and outcome not in operation.outcomes:
        hint = near(outcome, operation.outcomes) if operation.outcomes else ""
        told = f"{operation.id} has no outcome {outcome[:MAX_SHOWN]!r}{hint}"
        raise FakeProblem(400, told, field="outcome")
    if outcome and status is not None and phase == "before":
        told = "an operation that is answered otherwise before it takes effect has no outcome: add phase=after"
        raise FakeProblem(400, told, field="phase")
    return Effect(label, status, body, dict(headers or {}), delay, dribble, fault, phase, outcome)


def _find_example(
    operation: Operation, code: int | None, example: str | None, lenient: bool
) -> tuple[int | None, bytes | None]:
    """The status to send and its body; (None, None) where a success, or no status at all, is asked for."""
    if code is None:
        if example is None:
            return None, None
        responses = operation.responses.values()
        code = next((response.status for response in responses if example in response.examples), None)
        if code is None:
            raise FakeProblem(400, f"{operation.id} has no example {example!r}", field="example")
    documented = operation.responses.get(code)
    if documented is None:
        if lenient and 200 <= code <= 599:
            if example is not None:
                # A header repeats what was asked for, so it must be a name that somebody chose.
                raise FakeProblem(400, f"{operation.id} documents no {code} and so no example of it", field="example")
            return code, None
        codes = ", ".join(str(status) for status in operation.responses)
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
class FaultRule:
    """A script: which requests get an effect, which each of its operations has in its own words. `raw` is the body that
    asked for it; `matched` counts the requests that it is about, `hits` those of them that got the effect."""

    id: str
    provider: str
    effects: Mapping[str, Effect]
    raw: Document
    times: int | None = None
    after: int = 0
    probability: float = 1.0
    caller: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    matched: int = 0
    hits: int = 0

    def matches(self, provider: str, operation: str, caller: str | None, query: Mapping[str, str]) -> bool:
        return (
            self.provider == provider
            and operation in self.effects
            and self.caller in (None, caller)
            and all(query.get(name) == text for name, text in self.query.items())
        )

    def give_back(self) -> None:
        """The request that got the effect last was refused: the next one has it."""
        self.matched -= 1
        self.hits -= 1

    def status(self) -> Document:
        done = self.times is not None and self.hits >= self.times
        return {**self.raw, "id": self.id, "seen": self.matched, "hits": self.hits, "completed": done}


def nothing() -> None:
    pass


def digest_of(key: str) -> str:
    """The key holds a credential, which must not be found in a snapshot; a digest tells keys apart as well."""
    return hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


class Scripts(Protocol):
    """What knows the operations that a script may be about."""

    def script(self, part: Part, identity: str) -> FaultRule:
        """The script that a call's body asks for, under the name that it had; or a refusal."""
        ...


class Faults:
    """The rules of one world, and how often each counted fault was requested. `made` is how many rules it ever had,
    `applied` how many answers got an effect."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rules: dict[str, FaultRule] = {}
        self.counters: OrderedDict[str, int] = OrderedDict()
        self.made = 0
        self.applied = 0
        self.revision = 0
        """Raised by everything but an answer that got an effect."""
        self.about_to_count: Callable[[], None] = nothing
        """Called before a request is counted, which it may keep from being answered now."""

    @property
    def changed(self) -> bool:
        """Whether there is anything here that a new world has not."""
        return bool(self.rules) or bool(self.counters)

    def add(self, rule: FaultRule) -> None:
        if len(self.rules) >= MAX_FAULTS:
            raise FakeProblem(409, f"at most {MAX_FAULTS} faults can be set; DELETE them first")
        self.rules[rule.id] = rule
        self.revision += 1

    def discard(self, identity: str) -> bool:
        """Forget a rule; whether there was one."""
        self.revision += 1
        return self.rules.pop(identity, None) is not None

    def next_id(self) -> str:
        """A name that no rule of this world has had."""
        self.made += 1
        return f"fault-{self.made}"

    def clear(self) -> None:
        self.rules.clear()
        self.counters.clear()
        self.applied = 0
        self.revision += 1

    def match(self, provider: str, operation: str, caller: str | None, query: bytes) -> FaultRule | None:
        """The script that has an effect for this request: the first one that matches and is not spent. Of a parameter
        that is repeated in the query, the last value counts."""
        values: dict[str, str] | None = None
        for rule in self.rules.values():
            if rule.query and values is None:
                # Most rules do not look at the query; for those that do, it is taken apart once.
                values = dict(query_pairs(query))
            if not rule.matches(provider, operation, caller, values or {}):
                continue
            self.about_to_count()
            self.revision += 1
            rule.matched += 1
            if rule.matched <= rule.after or (rule.times is not None and rule.hits >= rule.times):
                continue
            if rule.probability < 1 and self.chance(rule.id, rule.matched).random() >= rule.probability:
                continue
            rule.hits += 1
            return rule
        return None

    def admit(self, key: str, times: int | None, after: int) -> bool:
        """Whether a requested fault happens this time: `times` of the requests with this key, after `after` others."""
        if times is None and not after:
            return True
        self.about_to_count()
        self.revision += 1
        digest = digest_of(key)
        count = self.counters.pop(digest, 0) + 1
        if len(self.counters) >= MAX_COUNTED:
            self.counters.popitem(last=False)
        self.counters[digest] = count
        return count > after and (times is None or count <= after + times)

    def turn(self, key: str) -> int:
        """Which of the requests with this key it is, from 1 on."""
        digest = digest_of(key)
        self.admit(key, 1, 0)
        return self.counters[digest]

    def give_back(self, key: str) -> None:
        """The request with this key that got its fault last was refused: the next one has it."""
        digest = digest_of(key)
        if digest in self.counters:
            self.revision += 1
            self.counters[digest] -= 1

    def dump(self) -> Document:
        return {
            "scripts": [rule.status() for rule in self.rules.values()],
            "made": self.made,
            "failed": self.applied,
            "wishes": dict(self.counters),
        }

    def load(self, part: Part, served: Scripts) -> None:
        """Become what `dump` wrote; a script is read as the body of the call that set it."""
        rows = part.elements("scripts", MAX_FAULTS)
        self.made, self.applied = part.count("made", len(rows.names())), part.count("failed")
        wishes = part.part("wishes")
        part.end()
        for index in rows.names():
            row = rows.part(index)
            identity = row.text("id")
            number = ID.fullmatch(identity)
            if number is None or int(number[1]) > self.made or identity in self.rules:
                raise row.wrong("id", "is not a name that a script of this world can have")
            matched = row.count("seen")
            hits = row.integer("hits", 0, matched)
            row.boolean("completed")
            rule = served.script(row, identity)
            rule.matched, rule.hits = matched, hits
            self.add(rule)
        if len(wishes.names()) > MAX_COUNTED:
            raise part.wrong("wishes", f"must have at most {MAX_COUNTED} members")
        for digest in wishes.names():
            if DIGEST.fullmatch(digest) is None:
                raise wishes.wrong(digest, "is not the digest of a requested fault")
            self.counters[digest] = wishes.count(digest)

    def renew(self, slugs: Container[str], script: Callable[[FaultRule], FaultRule]) -> Iterator[str]:
        """Read the scripts of these providers anew; a line on each that does not fit any more, and is gone."""
        for identity, rule in [*self.rules.items()]:
            if rule.provider not in slugs:
                continue
            try:
                new = script(rule)
            except FakeProblem as problem:
                del self.rules[identity]
                yield f"{identity} of {rule.provider} no longer fits and is gone: {problem}"
            else:
                new.matched, new.hits = rule.matched, rule.hits
                self.rules[identity] = new

    def chance(self, *parts: object) -> random.Random:
        """A random number generator of its own for each event, so that a run can be repeated."""
        return random.Random(f"{self.seed}:{parts}")
