"""Request patterns, as WireMock writes them: predicates on the journal's entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import parse_qsl

from fakeserver.problems import Document, Json
from fakeserver.worlds.entries import MAX_TEXT, Entry
from fakeserver.worlds.expressions import compile_expression

Query = Mapping[str, Sequence[str]]
"""The values of each parameter in a query."""
Subject = TypeVar("Subject")


@dataclass(frozen=True, slots=True)
class Condition(Generic[Subject]):
    """One thing that must hold of an entry, a query or a value. `size` is that of the expressions in it, beside which
    nothing else costs anything."""

    holds: Callable[[Subject], bool]
    size: int = 0


@dataclass(frozen=True, slots=True)
class Pattern:
    """A request pattern: all that must hold of an entry, and of the parameters in its query."""

    entry: tuple[Condition[Entry], ...]
    query: tuple[Condition[Query], ...]

    @property
    def size(self) -> int:
        """That of all expressions in it."""
        return sum(condition.size for condition in self.entry) + sum(condition.size for condition in self.query)

    def matches(self, entry: Entry) -> bool:
        if not all(condition.holds(entry) for condition in self.entry):
            return False
        values = query_of(entry) if self.query else {}
        return all(condition.holds(values) for condition in self.query)


def read_pattern(value: Document) -> Pattern:
    """A request pattern from a body such as {"provider": "prime", "status": 503}, which has the form that the admin
    API's spec asks for; a FakeProblem names the expression that cannot be used."""
    parameters = value.get("queryParameters", {})
    return Pattern(
        tuple(read_condition(name, wanted) for name, wanted in value.items() if name != "queryParameters"),
        tuple(read_parameter(name, operators) for name, operators in parameters.items()),
    )


def read_condition(name: str, wanted: Json) -> Condition[Entry]:
    """One field of a pattern, apart from the query's parameters."""
    if name == "method":
        return Condition(lambda entry: wanted in ("ANY", entry.method))
    if name == "url":
        return Condition(lambda entry: url_of(entry) == wanted)
    if name == "urlPath":
        return Condition(lambda entry: path_of(entry) == wanted)
    if name in ("urlPattern", "urlPathPattern"):
        text_of = url_of if name == "urlPattern" else path_of
        expression = compile_expression(wanted, name)
        return Condition(lambda entry: expression.matches(text_of(entry)), expression.size)
    return Condition(lambda entry: bool(getattr(entry, name) == wanted))


def url_of(entry: Entry) -> str:
    return (entry.path + (f"?{entry.query}" if entry.query else ""))[:MAX_TEXT]


def path_of(entry: Entry) -> str:
    return entry.path[:MAX_TEXT]


def query_of(entry: Entry) -> Query:
    values: dict[str, list[str]] = {}
    for name, text in parse_qsl(entry.query[:MAX_TEXT], keep_blank_values=True):
        values.setdefault(name, []).append(text)
    return values


def read_parameter(name: str, operators: Document) -> Condition[Query]:
    """One query parameter's operators, as {"equalTo": "prod"}; any of its values may satisfy them."""
    where = f"queryParameters.{name}"
    switches = {operator: operators.get(operator, False) for operator in ("absent", "caseInsensitive")}
    fold = switches["caseInsensitive"]
    conditions = [
        read_operator(operator, wanted, f"{where}.{operator}", fold)
        for operator, wanted in operators.items()
        if operator not in switches
    ]
    if switches["absent"]:
        return Condition(lambda query: name not in query)
    return Condition(
        lambda query: any(all(condition.holds(value) for condition in conditions) for value in query.get(name, ())),
        sum(condition.size for condition in conditions),
    )


def read_operator(operator: str, wanted: str, where: str, fold: bool) -> Condition[str]:
    """What one operator asks of a value; with `fold`, in whatever case."""
    if operator in ("matches", "doesNotMatch"):
        expression = compile_expression(wanted, where, fold)
        return Condition(lambda value: expression.matches(value) is (operator == "matches"), expression.size)
    text = wanted.lower() if fold else wanted

    def fold_case(value: str) -> str:
        return value.lower() if fold else value

    if operator == "equalTo":
        return Condition(lambda value: fold_case(value) == text)
    return Condition(lambda value: (text in fold_case(value)) is (operator == "contains"))
