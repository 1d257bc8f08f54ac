"""Bodies of admin calls → what they ask for, or one problem that names every field that is wrong.

Their form is the spec's business (`contract`); here is what no schema says: which fields go together, and which go with
what this server serves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fakeserver.admin.contract import check_body, not_among, refusal, refusal_of_fields, refusal_of_issues
from fakeserver.admin.part import MAX_DEPTH, deeper
from fakeserver.arguments import near
from fakeserver.commands.scripts import MAX_SCRIPTS, Script
from fakeserver.documents.order import text_of
from fakeserver.faults.headers import object_to_header
from fakeserver.faults.scenarios import MAX_SHOWN, SCENARIOS
from fakeserver.faults.scripts import Delay, Dribble, Effect, FaultRule, Fixed, LogNormal, Uniform, make_effect
from fakeserver.instants import SECOND, instant
from fakeserver.lifecycle.kinds import Kind
from fakeserver.parts import MAX_COUNT
from fakeserver.pipeline.service import Service
from fakeserver.problems import Document, FakeProblem, Issue, Json
from fakeserver.provider import Provider
from fakeserver.spec.reader import Operation
from fakeserver.spec.strict_json import MAX_ISSUES
from fakeserver.worlds.clock import Clock
from fakeserver.worlds.settings import Settings
from fakeserver.worlds.transitions import SANDBOXES, Ending

if TYPE_CHECKING:
    from fakeserver.recipes.schema import DocumentSchema

CHUNK_DOCUMENTS = 500
"""Documents that are held against the spec in one go; it takes some 10 ms."""
EFFECTS = ("code", "example", "fault", "delay_ms", "delayDistribution", "chunkedDribbleDelay", "headers", "outcome")


# Documents


def check_documents(value: Json, service: Service, kind: str = "") -> Iterator[None]:
    """Hold a body against the provider's spec: a list of documents of a kind in their wire shape, each with an id of
    its own.

    Many of them take a second, so whoever runs this gets the word after every `CHUNK_DOCUMENTS`. A FakeProblem names
    every document that is wrong."""
    if not isinstance(value, list):
        raise refusal("body", "must be an array of documents")
    # The validator is loaded when it is needed: no provider request uses it, and start is faster without it.
    from fakeserver.recipes.schema import DocumentSchema

    schema, ordered = DocumentSchema(service.provider, service.spec, kind), service.provider.kind(kind)
    issues: list[Document] = []
    known: dict[Json, int] = {}
    for index, document in enumerate(value):
        if index % CHUNK_DOCUMENTS == 0:
            yield
        found = document_issues(document, schema, ordered, known)
        issues += [{"document": index, "field": field, "detail": detail} for field, detail in found]
        if found and len(issues) >= MAX_ISSUES:
            break
        if not found:
            known[document[ordered.identity]] = index
    if issues:
        raise refused_documents(issues)


def check_ids(documents: Sequence[Document], provider: Provider, *, taken: Collection[str], wrong: str) -> None:
    """Refuse the documents whose ids (as `text_of` has them) are among these; a FakeProblem names each."""
    name = provider.identity
    places = [index for index, document in enumerate(documents) if text_of(document[name]) in taken]
    if places:
        raise refused_documents([{"document": index, "field": name, "detail": wrong} for index in places])


def refused_documents(errors: Sequence[Document]) -> FakeProblem:
    """The refusal of documents, each error with the position of the document, the field and the detail."""
    first = errors[0]
    detail = f"document {first['document']}: {first['field']} {first['detail']}"
    return FakeProblem(422, detail, field=first["field"], errors=errors[:MAX_ISSUES])


def unwritable_documents(issues: Iterable[Issue]) -> FakeProblem:
    """The refusal of documents that hold what nothing could keep, as the reader of the body found it."""
    errors = []
    for issue in issues:
        match issue.loc:
            case (_, int() as index, *path):
                field = ".".join(map(str, path)) or "document"
                errors.append({"document": index, "field": field, "detail": issue.msg})
    return refused_documents(errors) if errors else refusal_of_issues(issues)


def document_issues(
    document: Json, schema: DocumentSchema, kind: Kind, known: Mapping[Json, int]
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
    if kind.created:
        try:
            instant(document.get(kind.created, ""))
        except (TypeError, ValueError, OverflowError):
            return [(kind.created, "is not a date and time")]
    identity = document.get(kind.identity)
    if not isinstance(identity, str | int):
        return [(kind.identity, "is neither text nor a whole number")]
    same = known.get(identity)
    return [] if same is None else [(kind.identity, f"is the same as that of document {same}")]


def immense(value: Json) -> bool:
    """Whether a value is a number so large that nothing can be added to it."""
    return isinstance(value, int | float) and abs(value) > MAX_COUNT


# Faults


def fault_rule(value: Json, services: Mapping[str, Service], next_id: Callable[[], str]) -> FaultRule:
    """A script from a body such as {"provider": "prime", "operation": "listSandboxes", "code": 503, "times": 2};
    without an operation it is about all of the provider's."""
    # A null says no more than nothing.
    asked = {name: member for name, member in check_body("postFault", value).items() if member is not None}
    wrong = [*faults_in(asked, services)]
    if wrong:
        raise refusal_of_fields(wrong)
    operations = {route.operation.id: route.operation for route in services[asked["provider"]].routes}
    named = [asked["operation"]] if "operation" in asked else [*operations]
    if "outcome" in asked and "operation" not in asked:
        # Not every operation can turn out so; it is about those that can.
        named = [name for name in named if asked["outcome"] in operations[name].outcomes] or named
    delay, dribble = delay_of(asked), dribble_of(asked)
    try:
        effects = {name: effect_of(operations[name], asked, delay, dribble) for name in named}
    except FakeProblem as problem:
        raise refusal_of_fields([(problem.body["field"], problem.body["detail"])]) from problem
    identity = next_id()
    parts = [f"{name}={asked[name]}" for name in ("code", "example", "fault", "outcome") if asked.get(name)]
    parts += ["delay"] if delay else []
    label = f"{identity}: {', '.join(parts) or 'dribble'}"
    match = asked.get("match", {})
    return FaultRule(
        id=identity,
        provider=asked["provider"],
        effects={name: replace(effect, label=label) for name, effect in effects.items()},
        raw=value,
        times=asked.get("times"),
        after=asked.get("after", 0),
        probability=float(asked.get("probability", 1)),
        caller=match.get("caller"),
        query=match.get("query") or {},
    )


def effect_of(operation: Operation, asked: Document, delay: Delay | None, dribble: Dribble | None) -> Effect:
    """What a script does to the answers of one operation, which has to document it."""
    return make_effect(
        operation,
        label="",
        code=asked.get("code"),
        example=asked.get("example"),
        headers=asked.get("headers", {}),
        delay=delay,
        dribble=dribble,
        fault=asked.get("fault"),
        phase=asked.get("phase", "before"),
        outcome=asked.get("outcome", ""),
        lenient=asked.get("handling") == "lenient",
    )


def faults_in(asked: Document, services: Mapping[str, Service]) -> Iterator[tuple[str, str]]:
    """What is wrong with a script of the right form: fields that do not go together, or not with this server."""
    service = services.get(asked["provider"])
    if service is None:
        yield "provider", not_among(asked["provider"], [*services])
    elif "operation" in asked and asked["operation"] not in service.spec.operations:
        yield "operation", not_among(asked["operation"], [*service.spec.operations])
    for header, text in asked.get("headers", {}).items():
        objection = object_to_header(header, text)
        if objection is not None:
            yield f"headers.{header}", objection
    if asked.keys() >= {"delay_ms", "delayDistribution"}:
        yield "delayDistribution", "and delay_ms exclude each other"
    shape = asked.get("delayDistribution", {})
    if shape.get("type") == "uniform" and shape["lower"] > shape["upper"]:
        yield "delayDistribution.lower", "must not be above upper"
    if not asked.keys() & {*EFFECTS}:
        yield "body", f"needs at least one of {', '.join(EFFECTS)}"


def delay_of(asked: Document) -> Delay | None:
    """`delay_ms`, or WireMock's `delayDistribution` of type uniform or lognormal, in milliseconds."""
    shape = asked.get("delayDistribution")
    if shape is None:
        return Fixed(asked["delay_ms"] / 1000) if "delay_ms" in asked else None
    if shape["type"] == "uniform":
        return Uniform(shape["lower"] / 1000, shape["upper"] / 1000)
    most = shape.get("maxValue")
    median, sigma = shape["median"] / 1000, float(shape["sigma"])
    return LogNormal(median, sigma) if most is None else LogNormal(median, sigma, most / 1000)


def dribble_of(asked: Document) -> Dribble | None:
    """WireMock's `chunkedDribbleDelay`: {"numberOfChunks": n, "totalDuration": milliseconds}."""
    shape = asked.get("chunkedDribbleDelay")
    return None if shape is None else Dribble(shape["numberOfChunks"], shape["totalDuration"] / 1000)


# Commands


def scripts(value: Json, services: Mapping[str, Service]) -> list[Script]:
    """Scripts from a body such as [{"pattern": "pytest*", "exit_code": 1}], in the order in which they are tried."""
    if isinstance(value, list) and len(value) > MAX_SCRIPTS:
        raise refusal("body", f"should have at most {MAX_SCRIPTS} scripts")
    if isinstance(value, dict):
        raise refusal("body", "Input should be a valid list, of all scripts; POST adds one")
    asked = check_body("putCommands", value)
    unknown = [(f"{index}.provider", each.get("provider")) for index, each in enumerate(asked)]
    refuse_unserved(unknown, services)
    return [script_of(each) for each in asked]


def script(value: Json, services: Mapping[str, Service]) -> Script:
    """A script from a body such as {"pattern": "git *", "stdout": "ok", "times": 2}."""
    if isinstance(value, list):
        raise refusal("body", "Input should be a valid dictionary, one script; PUT takes a list")
    asked = check_body("postCommand", value)
    refuse_unserved([("provider", asked.get("provider"))], services)
    return script_of(asked)


def refuse_unserved(named: Iterable[tuple[str, str | None]], services: Mapping[str, Service]) -> None:
    """Refuse the fields that name a provider which is not served; one that names none is about all."""
    wrong = [
        (field, not_among(slug, [*services])) for field, slug in named if slug is not None and slug not in services
    ]
    if wrong:
        raise refusal_of_fields(wrong)


def script_of(asked: Document) -> Script:
    """A null says no more than nothing."""
    return Script(**{name: member for name, member in asked.items() if member is not None})


# Clock


@dataclass(frozen=True, slots=True)
class ClockMove:
    """One call to the clock; `ages` where documents may change by it."""

    apply: Callable[[Clock], None]
    ages: bool


def clock_move(value: Json) -> ClockMove:
    """A move from a body such as {"action": "advance", "seconds": 3600}."""
    asked = check_body("putClock", value)
    action, text = asked["action"], asked.get("instant")
    moment: int | None = None
    if text is not None:
        try:
            moment = instant(text)
        except (ValueError, OverflowError):
            raise refusal("instant", "must be an RFC 3339 instant such as 2026-01-18T10:30:00Z") from None

    def apply(clock: Clock) -> None:
        if action == "reset":
            clock.reset()
        elif action == "freeze":
            clock.freeze(moment)
        elif action == "scale":
            clock.scale(asked["factor"])
        elif moment is not None:
            clock.set(moment)
        else:
            clock.advance(round(asked["seconds"] * SECOND))

    return ClockMove(apply, ages=action in ("set", "advance", "scale") or moment is not None)


# Settings


def ending(value: Json, services: Mapping[str, Service]) -> Ending:
    """The transitions that a body such as {"provider": "prime", "id": "sbx…"} asks for."""
    asked = {name: member for name, member in check_body("postTransitions", value).items() if member is not None}
    service = services.get(asked["provider"])
    if service is None:
        raise refusal("provider", not_among(asked["provider"], [*services]))
    kinds = {SANDBOXES: "", **{name: name for name in service.provider.kinds}}
    kind = asked.get("kind")
    if kind is not None and kind not in kinds:
        raise refusal("kind", not_among(kind, [*kinds]))
    identity = asked.get("id")
    return Ending(
        service.provider,
        tuple(kinds.values()) if kind is None else (kinds[kind],),
        asked.get("tenant"),
        None if identity is None else text_of(identity),
        asked.get("outcome", ""),
    )


def settings(value: Json, old: Settings, services: Mapping[str, Service]) -> Settings:
    """The settings with what the body changes; what it does not name stays."""
    asked = {name: member for name, member in check_body("putSettings", value).items() if member is not None}
    modes, switches = asked.get("rate_limits", {}), asked.get("switches", {})
    scenarios = asked.get("scenarios", {})
    slugs = [*(("rate_limits", slug) for slug in modes), *(("switches", slug) for slug in switches)]
    slugs += [("scenarios", slug) for slug in scenarios]
    unknown = [(name, slug) for name, slug in slugs if slug not in services]
    wrong = [(f"{name}.{slug}", f"is not a provider{near(slug, services)}") for name, slug in unknown]
    for slug, chosen in switches.items():
        if slug not in services:
            continue
        known = services[slug].provider.switches
        for switch, choice in (chosen or {}).items():
            if switch not in known:
                wrong.append((f"switches.{slug}.{switch}", f"is not a switch of this provider{near(switch, known)}"))
            elif choice not in known[switch]:
                wrong.append((f"switches.{slug}.{switch}", not_among(str(choice), [*known[switch]])))
    for slug, name in scenarios.items():
        if name is not None and name not in SCENARIOS:
            wrong.append((f"scenarios.{slug}", f"is not a scenario{near(name[:MAX_SHOWN], SCENARIOS)}"))
    if wrong:
        raise refusal_of_fields(wrong)
    return replace(
        old,
        journal=asked.get("journal", old.journal),
        rate_limits={**old.rate_limits, **modes},
        switches={slug: {**chosen, **(switches.get(slug) or {})} for slug, chosen in old.switches.items()},
        transitions=asked.get("transitions", old.transitions),
        credentials=asked.get("credentials", old.credentials),
        scenarios={slug: name for slug, name in {**old.scenarios, **scenarios}.items() if name is not None},
    )
