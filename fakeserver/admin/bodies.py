"""Bodies of admin calls → typed values, or one problem that names every field that is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from fakeserver.admin.fields import ABSENT, MAX_DEPTH, Fields, deeper, immense, refused
from fakeserver.faults.scripts import Delay, Dribble, FaultRule, Fixed, LogNormal, Uniform, make_effect
from fakeserver.instants import SECOND, instant
from fakeserver.pipeline.service import Service
from fakeserver.problems import Document, FakeProblem, Json
from fakeserver.provider import Provider
from fakeserver.worlds.clock import LEAST_FACTOR, MAX_FACTOR, Clock
from fakeserver.worlds.journal import MAX_RETRY_DIGITS
from fakeserver.worlds.settings import LIMIT_MODES, Settings

if TYPE_CHECKING:
    from fakeserver.recipes.schema import DocumentSchema

CHUNK_DOCUMENTS = 500
"""Documents that are held against the spec in one go; it takes some 10 ms."""
MAX_ISSUES = 100
MAX_SECONDS = 100 * 366 * 86_400.0
MAX_TIMES = 1_000_000
MAX_CHUNKS = 1_000
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
HEADER_TEXT = re.compile(r"[\x20-\x7e]{0,1024}")
RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
FRAMING = frozenset({"content-length", "content-type", "transfer-encoding", "connection", "x-fakeserver-fault"})


# Documents


def check_documents(value: Json, service: Service) -> Iterator[None]:
    """Hold a body against the provider's spec: a list of documents in its wire shape, each with an id of its own.

    Many of them take a second, so whoever runs this gets the word after every `CHUNK_DOCUMENTS`. A FakeProblem names
    every document that is wrong."""
    if not isinstance(value, list):
        raise refused("body", "must be an array of documents")
    # The validator is loaded when it is needed: no provider request uses it, and start is faster without it.
    from fakeserver.recipes.schema import DocumentSchema

    schema = DocumentSchema(service.provider, service.spec)
    issues: list[Document] = []
    known: dict[Json, int] = {}
    for index, document in enumerate(value):
        if index % CHUNK_DOCUMENTS == 0:
            yield
        found = document_issues(document, schema, service.provider, known)
        issues += [{"document": index, "field": field, "detail": detail} for field, detail in found]
        if found and len(issues) >= MAX_ISSUES:
            break
        if not found:
            known[document[service.provider.identity]] = index
    if issues:
        first = issues[0]
        raise FakeProblem(
            422,
            f"document {first['document']}: {first['field']} {first['detail']}",
            field=first["field"],
            errors=issues[:MAX_ISSUES],
        )


def document_issues(
    document: Json, schema: DocumentSchema, provider: Provider, known: Mapping[Json, int]
) -> list[tuple[str, str]]:
    """What is wrong with a document, as (field, why); `known` has the ids of those before it."""
    if deeper(document, MAX_DEPTH):
        return [("document", f"is nested deeper than {MAX_DEPTH}")]
    found = list(dict.fromkeys((breach.field, breach.reason) for breach in schema.breaches(document)))
    if found:
        return found
    # Time adds to some numbers, and the answer has room for 64 bits.
    found = [(name, "is too large a number") for name, member in document.items() if immense(member)]
    if found:
        return found
    try:
        instant(document[provider.created])
    except (ValueError, OverflowError):
        return [(provider.created, "is not a date and time")]
    same = known.get(document[provider.identity])
    return [] if same is None else [(provider.identity, f"is the same as that of document {same}")]


# Faults


def fault_rule(value: Json, services: Mapping[str, Service], next_id: Callable[[], str]) -> FaultRule:
    """A script from a body such as {"provider": "prime", "operation": "listSandboxes", "code": 503, "times": 2}."""
    fields = Fields(value)
    slug = fields.choice("provider", tuple(services))
    operations = services[slug].spec.operations
    operation = fields.choice("operation", tuple(operations))
    code = fields.integer("code", 200, 599, None)
    example = fields.text("example", None)
    name = fields.text("fault", None)
    delay, dribble = delay_of(fields), dribble_of(fields)
    headers = headers_of(fields)
    phase = fields.choice("phase", ("before", "after"), "before")
    lenient = fields.choice("handling", ("strict", "lenient"), "strict") == "lenient"
    match = fields.inner("match")
    caller = match.text("caller", None) if match else None
    query = match.texts("query") if match else {}
    if match:
        match.end()
    times = fields.integer("times", 1, MAX_TIMES, None)
    after = fields.integer("after", 0, MAX_TIMES, 0)
    probability = fields.number("probability", 0, 1, 1.0)
    fields.end()
    if code is None and name is None and delay is None and dribble is None and example is None:
        raise refused("body", "needs at least one of code, fault, delay_ms")
    try:
        effect = make_effect(
            operations[operation],
            label="",
            code=code,
            example=example,
            headers=headers,
            delay=delay,
            dribble=dribble,
            fault=name,
            phase=phase,
            lenient=lenient,
        )
    except FakeProblem as problem:
        problem.status = problem.body["status"] = 422
        problem.body["title"] = HTTPStatus(422).phrase
        raise
    identity = next_id()
    parts = [f"code={code}"] if code else []
    parts += [f"example={example}"] if example else []
    parts += [f"fault={name}"] if name else []
    parts += ["delay"] if delay else []
    label = f"{identity}: {', '.join(parts) or 'dribble'}"
    return FaultRule(
        id=identity,
        provider=slug,
        operation=operation,
        effect=replace(effect, label=label),
        raw=value,
        times=times,
        after=after,
        probability=float(probability),
        caller=caller,
        query=query,
    )


def headers_of(fields: Fields) -> dict[str, str]:
    """Headers to add to the answer."""
    headers = fields.texts("headers")
    for header, text in headers.items():
        if HEADER_NAME.fullmatch(header) is None or HEADER_TEXT.fullmatch(text) is None:
            raise refused(f"headers.{header[:64]}", "is not a header that can be sent")
        if header.lower() in FRAMING:
            raise refused(f"headers.{header}", "is set by the server itself")
        if header.lower() == "retry-after" and text.isdigit() and len(text) > MAX_RETRY_DIGITS:
            raise refused(f"headers.{header}", f"must have at most {MAX_RETRY_DIGITS} digits")
    return headers


def delay_of(fields: Fields) -> Delay | None:
    """`delay_ms`, or WireMock's `delayDistribution` of type uniform or lognormal, in milliseconds."""
    most = 600_000
    milliseconds = fields.number("delay_ms", 0, most, None)
    shape = fields.inner("delayDistribution")
    if shape is None:
        return None if milliseconds is None else Fixed(milliseconds / 1000)
    if milliseconds is not None:
        raise refused("delayDistribution", "and delay_ms exclude each other")
    kind = shape.choice("type", ("uniform", "lognormal"))
    delay: Delay
    if kind == "uniform":
        lower, upper = shape.number("lower", 0, most), shape.number("upper", 0, most)
        if lower > upper:
            raise refused("delayDistribution.lower", "must not be above upper")
        delay = Uniform(lower / 1000, upper / 1000)
    else:
        median, sigma = shape.number("median", 0, most), shape.number("sigma", 0, 10)
        delay = LogNormal(median / 1000, float(sigma), shape.number("maxValue", 0, most, most) / 1000)
    shape.end()
    return delay


def dribble_of(fields: Fields) -> Dribble | None:
    """WireMock's `chunkedDribbleDelay`: {"numberOfChunks": n, "totalDuration": milliseconds}."""
    shape = fields.inner("chunkedDribbleDelay")
    if shape is None:
        return None
    dribble = Dribble(shape.integer("numberOfChunks", 1, MAX_CHUNKS), shape.number("totalDuration", 0, 600_000) / 1000)
    shape.end()
    return dribble


# Clock


@dataclass(frozen=True, slots=True)
class ClockMove:
    """One call to the clock; `ages` where documents may change by it."""

    apply: Callable[[Clock], None]
    ages: bool


def clock_move(value: Json) -> ClockMove:
    """A move from a body such as {"action": "advance", "seconds": 3600}."""
    fields = Fields(value)
    action = fields.choice("action", ("freeze", "set", "advance", "scale", "reset"))
    text = fields.text("instant", None if action == "freeze" else ABSENT) if action in ("freeze", "set") else None
    seconds = fields.number("seconds", 0, MAX_SECONDS) if action == "advance" else 0
    factor = fields.number("factor", LEAST_FACTOR, MAX_FACTOR) if action == "scale" else 1.0
    fields.end()
    moment: int | None = None
    if text is not None:
        try:
            if RFC_3339.fullmatch(text) is None:
                raise ValueError
            moment = instant(text)
        except (ValueError, OverflowError):
            raise refused("instant", "must be an RFC 3339 instant such as 2026-01-18T10:30:00Z") from None

    def apply(clock: Clock) -> None:
        if action == "reset":
            clock.reset()
        elif action == "freeze":
            clock.freeze(moment)
        elif action == "scale":
            clock.scale(factor)
        elif moment is not None:
            clock.set(moment)
        else:
            clock.advance(round(seconds * SECOND))

    return ClockMove(apply, ages=action in ("set", "advance", "scale") or moment is not None)


# Settings


def settings(value: Json, old: Settings, services: Mapping[str, Service]) -> Settings:
    """The settings with what the body changes; what it does not name stays."""
    fields = Fields(value)
    journal = fields.boolean("journal", old.journal)
    modes, switches = dict(old.rate_limits), {slug: dict(chosen) for slug, chosen in old.switches.items()}
    providers = fields.inner("rate_limits")
    if providers:
        for slug in [name for name in providers.names() if name in services]:
            modes[slug] = providers.choice(slug, LIMIT_MODES)
        providers.end()
    providers = fields.inner("switches")
    if providers:
        for slug in [name for name in providers.names() if name in services]:
            chosen, known = providers.inner(slug), services[slug].provider.switches
            if chosen:
                for switch in [name for name in chosen.names() if name in known]:
                    switches[slug][switch] = chosen.choice(switch, known[switch])
                chosen.end()
        providers.end()
    fields.end()
    return replace(old, journal=journal, rate_limits=modes, switches=switches)
