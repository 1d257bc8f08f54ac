"""The admin API's own spec: what it says of bodies and queries is what is checked. Serving providers needs none of it,
so it is read with the first call that sends something."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fakeserver.arguments import near
from fakeserver.problems import FakeProblem, Issue, Json, Problem
from fakeserver.spec.bodies import RequestBody, read_request_body
from fakeserver.spec.declared import read_parameter
from fakeserver.spec.kept_yaml import read_kept
from fakeserver.spec.parameters import Decoder, Values, decoder, query_pairs
from fakeserver.spec.reader import METHODS
from fakeserver.spec.wording import alternatives

PATH = Path(__file__).parent / "openapi.yaml"


class Contract:
    """What each operation takes, by its id; each is read when it is first called."""

    def __init__(self) -> None:
        self.document = read_kept(PATH)[1]
        self.operations = {
            item[method]["operationId"]: item[method]
            for item in self.document["paths"].values()
            for method in METHODS
            if method in item
        }
        self._bodies: dict[str, RequestBody] = {}
        self._queries: dict[str, Decoder] = {}

    def body(self, operation: str) -> RequestBody:
        if operation not in self._bodies:
            read = read_request_body(self.document, self.operations[operation]["requestBody"])
            assert isinstance(read, RequestBody)
            self._bodies[operation] = read
        return self._bodies[operation]

    def query(self, operation: str) -> Decoder:
        if operation not in self._queries:
            raws = self.operations[operation].get("parameters", [])
            parameters = [read_parameter(self.document, raw) for raw in raws]
            self._queries[operation] = decoder(parameters, optional_text=frozenset(), checks=())
        return self._queries[operation]


CHOICE = re.compile(r"'([^']*)'")
"""One of those that a message names."""
contract = functools.cache(Contract)


def check_body(operation: str, value: Json) -> Json:
    """A body as the spec has it, or a FakeProblem with every field that is wrong."""
    try:
        return contract().body(operation).check(value)
    except Problem as problem:
        raise refusal_of_issues([suggesting(issue, value) for issue in problem.issues]) from problem


def suggesting(issue: Issue, body: Json) -> Issue:
    """The same issue; where a word of a body is none of those that may stand there, with the one that was meant."""
    if issue.type != "enum":
        return issue
    given: Any = body
    for step in issue.loc[1:]:
        if not isinstance(given, dict | list):
            return issue
        given = given.get(step) if isinstance(given, dict) else given[int(step)]
    return replace(issue, msg=f"{issue.msg}{meant(str(given), CHOICE.findall(issue.msg))}")


def check_query(operation: str, query: bytes) -> Values:
    """The values of a query as the spec has them, or a FakeProblem with every parameter that is wrong."""
    try:
        return contract().query(operation).decode({}, query_pairs(query))
    except Problem as problem:
        if not problem.issues:
            raise FakeProblem(problem.status, problem.detail, field="query") from problem
        raise refusal_of_issues(problem.issues) from problem


# Refusals


def refusal(field: str, detail: str) -> FakeProblem:
    """The refusal of one field."""
    return refusal_of_fields([(field, detail)])


def not_among(given: str, known: Sequence[str]) -> str:
    """What is wrong with a name that is none of those there are, and which was probably meant."""
    return f"Input should be {alternatives([*known])}{meant(given, known)}"


def meant(given: str, known: Sequence[str]) -> str:
    """Which of the names that are told already was probably meant, if any."""
    close = near(given, known)
    return close if close.startswith("; did you mean") else ""


def refusal_of_issues(issues: Iterable[Issue]) -> FakeProblem:
    return refusal_of_fields(
        (issue.field, issue.msg + (near(issue.loc[-1], issue.known) if issue.known else "")) for issue in issues
    )


def refusal_of_fields(faults: Iterable[tuple[str, str]]) -> FakeProblem:
    """The refusal of fields, each with what is wrong; it is about the first and names them all."""
    errors = [{"field": field, "detail": detail} for field, detail in faults]
    first = errors[0]
    return FakeProblem(422, f"{first['field']}: {first['detail']}", field=first["field"], errors=errors)
