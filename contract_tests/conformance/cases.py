"""Layer 1: Schemathesis over every documented operation, with our own transport between it and the deployment.

Schemathesis plans its cases before anything is sent, so that their number is known, and equal for equal seeds. Then
each case goes through the kit's transport, which sends GET and HEAD only. Schemathesis never learns the credential: its
auth hook sets `$TOKEN`, and the gate tells the transport which credential is meant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import schemathesis
from schemathesis import engine
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.engine import events

from contract_tests.conformance.contradicted import FAILS, FORMS, OPEN_DOOR, misfits, statement_of
from contract_tests.conformance.excluded import NEVER, excuses, is_excused
from contract_tests.judging.check import NO_5XX
from contract_tests.judging.judge import Breach
from contract_tests.judging.ledger import Ledger
from contract_tests.judging.target import target
from contract_tests.judging.traces import no_traces
from contract_tests.outcome import Context, Lack, Outcome, broken, holds, inconclusive
from contract_tests.promises import BY_SLUG
from contract_tests.promises.statements import Statement
from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.security import Security
from contract_tests.sending.transport import BudgetExhausted, NotRecorded, SendingStopped, Transport, Unreachable
from fakeserver.spec.yaml_text import load_yaml

LAYER = "conformance"
TOKEN = "$TOKEN"
"""All that Schemathesis ever sees of the credential."""
ORIGIN = "http://deployment.invalid"
"""Where Schemathesis believes to send; the gate decides where a request really goes."""
EXAMPLES = {"polite": 5, "default": 50, "deep": 200}
"""Cases that the fuzzing phase draws per operation, by profile."""
MAX_SENTENCE = 240
METHODS = ("GET", "HEAD")
MAX_USERS = 3
ONCE = OPEN_DOOR
"""This check sends requests of its own, so it runs at one answered case per operation and not at all of them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The cases of one provider, and how many requests they take at most."""

    slug: str
    cases: tuple[Any, ...]
    requests: int
    gate: Gate


@dataclass
class Gate:
    """A WSGI application in the place of the deployment: whatever Schemathesis sends arrives here first."""

    security: Security
    transport: Transport | None = None
    """None while planning: nothing is sent, and every case is answered alike."""
    replies: dict[Ask, Reply] = field(default_factory=dict)
    asked: list[Ask] = field(default_factory=list)

    def __call__(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        if self.transport is None:
            self.asked.append(self.ask(environ))
            start_response("200 OK", [("content-type", "application/json")])
            return [b"{}"]
        reply = self.reply(self.ask(environ))
        dropped = {"content-encoding", "content-length", "transfer-encoding", "connection"}
        kept = [(name, text) for name, text in reply.headers.items() if name not in dropped]
        start_response(f"{reply.status} answered", kept)
        return [reply.body]

    def ask(self, environ: Mapping[str, Any]) -> Ask:
        """The request as the transport takes it; anything but GET and HEAD is refused here as well as there."""
        method = environ["REQUEST_METHOD"]
        if method not in METHODS:
            raise AssertionError(f"{method} is never sent; the kit only reads")
        target = environ["REQUEST_URI"]
        parts = urlsplit(target if target.startswith("/") else "/" + target)
        credential, headers = "none", []
        for scheme in self.security.schemes:
            text = environ.get("HTTP_" + scheme.header.upper().replace("-", "_"))
            if text == scheme.prefix + TOKEN:
                credential = "token"
            elif text is not None:
                headers.append((scheme.header, text))
        return Ask(
            parts.path, raw=environ["QUERY_STRING"], credential=credential, method=method, headers=tuple(headers)
        )

    def reply(self, ask: Ask) -> Reply:
        """The deployment's answer; equal requests are sent once."""
        assert self.transport is not None
        self.asked.append(ask)
        if ask not in self.replies:
            self.replies[ask] = self.transport.send(ask)
        return self.replies[ask]


def plan(
    slug: str, *, seed: int = 0, profile: str = "default", values: Mapping[str, Iterable[str]] | None = None
) -> Plan:
    """Every case that will be sent. `values` maps `path.org` or `query.team_id` to texts that the deployment knows."""
    known = {name: list(texts) for name, texts in (values or {}).items()}
    config = schemathesis.Config.from_dict(
        {
            "base-url": ORIGIN,
            "seed": seed,
            "continue-on-failure": True,
            "cache": {"enabled": False},
            "checks": {"enabled": False},
            "generation": {"database": "none", "max-examples": EXAMPLES[profile], "allow-x00": False},
            "dictionaries": {name: {"values": texts} for name, texts in known.items() if texts},
            "parameters": {name: {"dictionary": name} for name, texts in known.items() if texts},
            "phases": {"coverage": {"unexpected-methods": []}, "stateful": {"enabled": False}},
        }
    )
    gate = Gate(target(slug).security)
    whole = schemathesis.openapi.from_dict(load_yaml(BY_SLUG[slug].spec), config=config)
    schema = whole.include(operation_id=[*BY_SLUG[slug].operations])
    schema.app = gate
    scheme = gate.security.schemes[0]

    class Credential:
        """Marks where the credential goes; the transport knows it, Schemathesis does not."""

        def get(self, case: Any, context: Any) -> str:
            return TOKEN

        def set(self, case: Any, data: str, context: Any) -> None:
            case.headers = {**(case.headers or {}), scheme.header: scheme.prefix + data}

    schema.auth()(Credential)
    with no_traces():
        cases = [
            node.value
            for event in engine.from_schema(schema).execute()
            if isinstance(event, events.ScenarioFinished)
            for node in event.recorder.cases.values()
        ]
    operations = {identity(case) for case in cases}
    # The check of ignored credentials asks once without any, and once per scheme with a wrong one.
    extra = len(operations) * (1 + len(gate.security.schemes))
    return Plan(slug, tuple(cases), len(set(gate.asked)) + extra, gate)


def values_of(context: Context) -> dict[str, list[str]]:
    """What the deployment knows, for the parameters that no random text fits."""
    promises, scopes = BY_SLUG[context.slug], [scope for scope in context.scopes if scope]
    values: dict[str, list[str]] = {}
    if promises.scopes.in_path:
        values[f"path.{promises.scopes.in_path.strip('{}')}"] = scopes[:1]
    if promises.scopes.in_query:
        values[f"query.{promises.scopes.in_query}"] = scopes
    owner = promises.listing.owner
    if owner is not None:
        users = {str(row[owner.field]) for row in context.snapshot().rows if row.get(owner.field)}
        values[f"query.{owner.parameter}"] = sorted(users)[:MAX_USERS]
    return values


def run(context: Context, ledger: Ledger | None = None) -> list[Outcome]:
    """Plan and check with the run's own options; what the ledger knows does not count."""
    options = context.options
    planned = plan(context.slug, seed=options.seed, profile=options.profile, values=values_of(context))
    return check(planned, context.transport, ledger, fail_fast=options.fail_fast)


def check(
    planned: Plan, transport: Transport, ledger: Ledger | None = None, *, fail_fast: bool = False
) -> list[Outcome]:
    """Send every case and judge every answer, past the first failure; one outcome per operation, check and failure."""
    load_all_checks()
    available = {function.__name__: function for function in CHECKS.get_all()}
    record = Record(planned, [name for name in available if name not in NEVER], ledger or Ledger())
    gate = planned.gate
    gate.transport, gate.replies, gate.asked = transport, {}, []
    try:
        with no_traces():
            for case in planned.cases:
                try:
                    record.judge(case, available)
                except NotRecorded:
                    record.unrecorded += 1
                if fail_fast and record.failures:
                    break
    except (BudgetExhausted, SendingStopped, Unreachable) as error:
        record.stopped = str(error)
    finally:
        gate.transport = None
    return [*record.outcomes()]


@dataclass
class Record:
    """What was asked, answered and found."""

    planned: Plan
    checks: list[str]
    ledger: Ledger
    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    """By operation: the statuses of the answers to the right credential."""
    failures: dict[tuple[str, str, str, Statement], list[tuple[str, tuple[Ask, ...]]]] = field(default_factory=dict)
    """By operation, check, title and what is contradicted: a sentence and the requests."""
    stopped: str = ""
    unrecorded: int = 0
    """Cases that a recording does not have."""

    def judge(self, case: Any, available: Mapping[str, Any]) -> None:
        """Send a case and judge its answer."""
        gate = self.planned.gate
        response = case.call()
        ask = gate.asked[-1]
        self.answered(case, ask, response.status_code)
        chosen = [name for name in self.checks if name != ONCE]
        if ask.credential == "token" and response.status_code == 200 and self.first_success(case):
            chosen.append(ONCE)
        try:
            case.validate_response(response, checks=[available[name] for name in chosen])
        except FailureGroup as group:
            for failure in group.exceptions:
                if not self.is_known(case, failure, gate.replies[ask]):
                    self.failed(case, failure, gate.replies[ask], gate.asked[-1])

    def answered(self, case: Any, ask: Ask, status: int) -> None:
        if ask.credential == "token":
            self.statuses.setdefault(identity(case), Counter())[status] += 1

    def first_success(self, case: Any) -> bool:
        return self.statuses[identity(case)][200] == 1

    def is_known(self, case: Any, failure: Failure, reply: Reply) -> bool:
        """Whether the ledger knows all that this failure may mean. Schemathesis tells one misfit of an answer, so the
        whole answer is held against its schema again."""
        check = self.check_of(failure)
        if FORMS.get(check) == "schema.body":
            found = [*misfits(target(self.planned.slug), check, reply)]
        elif check == FAILS:
            found = [Breach(f"{reply.status}, twice in a row", (reply.ask,), law=NO_5XX)]
        else:
            law = law_of(identity(case), check)
            found = [Breach(f"{failure.title}: {one_line(failure.message)}", (reply.ask,), law=law)]
        known = [self.ledger.sets_aside(each.law, each, (reply,)) for each in found]
        return bool(known) and all(known)

    def check_of(self, failure: Failure) -> str:
        return next((name for name in failure.checks if name in self.checks), "custom")

    def failed(self, case: Any, failure: Failure, reply: Reply, last: Ask) -> None:
        check, ask = self.check_of(failure), reply.ask
        sent = parse_qsl(ask.raw, keep_blank_values=True)
        if is_excused(excuses(BY_SLUG[self.planned.slug]), check, failure, case, sent):
            return
        by = statement_of(target(self.planned.slug), check, failure, case, reply, tuple(sent))
        asks = (ask,) if last == ask else (ask, last)
        key = identity(case), check, failure.title, by
        self.failures.setdefault(key, []).append((one_line(failure.message), asks))

    def outcomes(self) -> Iterator[Outcome]:
        """What failed, then what held; where no request succeeded, nothing holds."""
        failed = {(operation, check) for operation, check, _, _ in self.failures}
        for (operation, check, title, by), found in self.failures.items():
            sentence, asks = min(found, key=lambda each: (len(each[1][0].target), each[1][0].target))
            more = f" ({len(found)} requests show it)" if len(found) > 1 else ""
            yield broken(
                law_of(operation, check),
                f"{title}{more}: {sentence}",
                asks=asks,
                tier=by.tier,
                layer=LAYER,
                promise=f"Schemathesis' check {check}. {by.sentence}",
                page=page_of(self.planned.slug, operation) if by.quote else "",
                source=by.origin(""),
            )
        for operation in dict.fromkeys(identity(case) for case in self.planned.cases):
            statuses = self.statuses.get(operation, Counter())
            for check in self.checks:
                if (operation, check) in failed:
                    continue
                if not statuses[200] or self.stopped:
                    lack = Lack.STOPPED if self.stopped else Lack.ROWS
                    yield inconclusive(law_of(operation, check), self.why_not(statuses), lack, layer=LAYER)
                else:
                    witness = f"{statuses.total()} cases, {statuses[200]} of them answered with 200"
                    yield holds(law_of(operation, check), witness, layer=LAYER)

    def why_not(self, statuses: Counter[int]) -> str:
        if self.stopped:
            return f"not all cases were sent: {self.stopped}"
        if self.unrecorded and not statuses:
            return f"{self.unrecorded} cases were not recorded"
        seen = ", ".join(str(status) for status in sorted(statuses)) or "nothing"
        return f"no request was answered with 200, only with {seen}"


def identity(case: Any) -> str:
    """The operationId of a case."""
    return str(case.operation.definition.raw["operationId"])


def page_of(slug: str, operation: str) -> str:
    """The reference page of an operation."""
    facets = BY_SLUG[slug].facets
    return facets.page if facets is not None and facets.operation == operation else BY_SLUG[slug].listing.page


def law_of(operation: str, check: str) -> str:
    return f"{operation}: {check}"


def one_line(message: str) -> str:
    """The part of a message that fits into a sentence; the schema behind it is in the spec."""
    text = " ".join(message.partition("\n\nValidated against")[0].partition("\n\nSchema")[0].split())
    return text if len(text) <= MAX_SENTENCE else text[:MAX_SENTENCE] + "…"
