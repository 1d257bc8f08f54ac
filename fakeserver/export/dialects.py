"""Error dialects as data. A dialect is a provider's own function, so what it makes of bad input is learnt from probes,
in one of three forms, and held against more probes; any other problem of the engine is written out in full.

`rows`: a list with an entry for each issue; `joined`: one text about all issues; `first`: a text about the issue that
the dialect puts first, by its parameter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import orjson

from fakeserver.export.unexportable import Unexportable
from fakeserver.problems import UNKNOWN, Document, Issue, Json, Problem, invalid
from fakeserver.provider import Provider

MARK = "<>"
"""Stands in a probe for what a dialect repeats; JSON writes it as it is."""
MSG, TYPE, NAME, INPUT = (f"{MARK}{each}{MARK}" for each in ("msg", "type", "name", "input"))
CONTEXT: Document = {MARK: 1}

REAL_TYPES = ("missing", "int_parsing", "enum", "bool_parsing", "greater_than_equal", "string_too_long", "too_long")
"""Types of issues that a dialect may tell apart."""

Switches = dict[str, Any]


def render(provider: Provider, problem: Problem, switches: Switches, operation: str = "") -> tuple[int, Json]:
    """A problem in the provider's words."""
    problem.operation = operation
    return provider.errors(problem, switches)


def refusal(provider: Provider, problem: Problem, switches: Switches, operation: str = "") -> Document:
    """The same as an answer of the export: status, body as text, headers."""
    status, body = render(provider, problem, switches, operation)
    return {"status": status, "body": orjson.dumps(body).decode(), "headers": problem.headers}


def learn(provider: Provider, operation: str, parameters: Sequence[str], switches: Switches) -> Document:
    """How the dialect says what is wrong with an input of this operation, or `Unexportable`."""

    def told(*issues: Issue) -> tuple[int, str]:
        status, body = render(provider, invalid(issues), switches, operation)
        return status, orjson.dumps(body).decode()

    status, body = render(provider, invalid([probe(NAME)]), switches, operation)
    names = [*parameters, NAME]
    for form in (rows(body), joined(body), first(told, names)):
        if form is not None:
            form["status"] = status
            if all(told(*issues) == (status, apply(form, issues)) for issues in trials(names)):
                return form
    raise Unexportable(f"errors: what the dialect makes of bad input of {operation} is neither rows nor one text")


def probe(name: str) -> Issue:
    return Issue(("query", name), MSG, TYPE, INPUT, CONTEXT)


def trials(names: Sequence[str]) -> Iterable[tuple[Issue, ...]]:
    """Issues that a learnt form is held against: with and without inputs and contexts, of one parameter and of more."""
    for name in names:
        plain = probe(name)
        yield (plain,)
        yield (replace(plain, input=UNKNOWN), replace(plain, context={}, loc=("query", name, 3)))
        for kind in REAL_TYPES:
            yield (replace(plain, msg='Input should be "this"', type=kind, input=["a", None]),)
    for one, other in combinations(names, 2):
        yield probe(one), replace(probe(other), msg="other", type="of another kind")
        yield probe(other), probe(one)


def holes() -> dict[str, Json]:
    """What an entry may repeat of the probe, by what the engine calls it."""
    return {"loc": ["query", NAME], "msg": MSG, "type": TYPE, "field": NAME, "input": INPUT, "context": CONTEXT}


def rows(body: Json) -> Document | None:
    """The form of a body that has a list with one entry for the one issue of the probe."""
    if not isinstance(body, dict):
        return None
    for name, member in body.items():
        if isinstance(member, list) and len(member) == 1 and isinstance(member[0], dict):
            row = {key: next((hole for hole, held in holes().items() if held == value), None)
                   for key, value in member[0].items()}  # fmt: skip
            before, _, after = orjson.dumps({**body, name: MARK}).decode().partition(f'"{MARK}"')
            if None not in row.values():
                return {"kind": "rows", "before": f"{before}[", "row": [[*each] for each in row.items()],
                        "after": f"]{after}"}  # fmt: skip
    return None


def joined(body: Json) -> Document | None:
    """The form of a body in which one text names all parameters with their messages."""
    text = orjson.dumps(body).decode()
    before, found, after = text.partition(f"{NAME}: {MSG}")
    return {"kind": "joined", "before": before, "after": after} if found else None


def first(told: Any, names: Sequence[str]) -> Document | None:
    """The form of a body that is about one issue: by parameter what it says, and which parameters go before it."""
    texts = {name: told(probe(name))[1] for name in names}
    before = {
        name: [other for other in names if other != name
               and texts[other] != texts[name]
               and told(probe(name), probe(other))[1] == texts[other]]
        for name in names
    }  # fmt: skip
    said = {name: text.replace(MSG, "\0msg\0").replace(NAME, "\0name\0").split("\0") for name, text in texts.items()}
    other = said.pop(NAME)
    return {
        "kind": "first",
        "said": said,
        "other": other,
        "place": {name: len(before[name]) for name in names if name != NAME},
        "last": len(before[NAME]),
    }


def apply(form: Document, issues: Sequence[Issue]) -> str:
    """What the engine makes of issues by a form, so that it can be held against the dialect."""
    if form["kind"] == "rows":
        return str(form["before"]) + ",".join(_row(form["row"], each) for each in issues) + str(form["after"])
    if form["kind"] == "joined":
        text = "; ".join(f"{each.field}: {each.msg}" for each in issues)
        return f"{form['before']}{_quoted(text)}{form['after']}"
    chosen = min(issues, key=lambda issue: form["place"].get(issue.loc[1], form["last"]))
    parts = form["said"].get(chosen.loc[1], form["other"])
    values = {"msg": chosen.msg, "name": str(chosen.field)}
    return "".join(part if index % 2 == 0 else _quoted(values[part]) for index, part in enumerate(parts))


def _row(row: Sequence[Sequence[str]], issue: Issue) -> str:
    values: dict[str, Json] = {"loc": list(issue.loc), "msg": issue.msg, "type": issue.type, "field": issue.field}
    if issue.input is not UNKNOWN:
        values["input"] = issue.input
    if issue.context:
        values["context"] = dict(issue.context)
    return orjson.dumps({name: values[hole] for name, hole in row if hole in values}).decode()


def _quoted(text: str) -> str:
    """A text as it stands within another one in JSON."""
    return orjson.dumps(text).decode()[1:-1]
