"""Request patterns, as WireMock writes them: predicates on the journal's entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import parse_qsl

from fakeserver.problems import FakeProblem, Json
from fakeserver.worlds.entries import MAX_TEXT, Entry
from fakeserver.worlds.expressions import compile_expression

MAX_PARAMETERS = 100
NAMES = ("provider", "operation", "caller", "fault")
"""Fields that an entry may lack, for which null stands."""
FIELDS = frozenset((*NAMES, *"method url urlPath urlPattern urlPathPattern queryParameters status".split()))
OPERATORS = frozenset("equalTo contains doesNotContain matches doesNotMatch absent caseInsensitive".split())

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


def read_pattern(value: Json) -> Pattern:
    """A request pattern from a body such as {"provider": "prime", "status": 503}; a FakeProblem names the field that
    is unknown or has the wrong type."""
    if not isinstance(value, dict):
        raise FakeProblem(422, "the request pattern must be an object", field="body")
    unknown = sorted(set(value) - FIELDS)
    if unknown:
        raise FakeProblem(422, f"{unknown[0]!r} is not a field of a request pattern", field=unknown[0])
    for name, wanted in value.items():
        check_type(name, wanted)
    parameters = value.get("queryParameters", {})
    if len(parameters) > MAX_PARAMETERS:
        detail = f"queryParameters must have at most {MAX_PARAMETERS} members"
        raise FakeProblem(422, detail, field="queryParameters")
    return Pattern(
        tuple(read_condition(name, wanted) for name, wanted in value.items() if name != "queryParameters"),
        tuple(read_parameter(name, operators) for name, operators in parameters.items()),
    )


def check_type(name: str, wanted: Json) -> None:
    """A pattern's field has the type of what it is compared with; null stands for what an entry may lack."""
    if name == "queryParameters":
        right, kind = isinstance(wanted, dict), "an object"
    elif name == "status":
        right, kind = isinstance(wanted, int) and not isinstance(wanted, bool), "a whole number"
    elif name in NAMES:
        right, kind = wanted is None or isinstance(wanted, str), "a string or null"
    else:
        right, kind = isinstance(wanted, str), "a string"
    if not right:
        raise FakeProblem(422, f"{name} must be {kind}", field=name)


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


def read_parameter(name: str, operators: Json) -> Condition[Query]:
    """One query parameter's operators, as {"equalTo": "prod"}; any of its values may satisfy them."""
    where = f"queryParameters.{name}"
    if not isinstance(operators, dict) or not operators or set(operators) - OPERATORS:
        raise FakeProblem(422, f"{where} needs one of {', '.join(sorted(OPERATORS))}", field=where)
    switches = {operator: operators.get(operator, False) for operator in ("absent", "caseInsensitive")}
    for operator, value in switches.items():
        if not isinstance(value, bool):
            raise FakeProblem(422, f"{where}.{operator} must be true or false", field=f"{where}.{operator}")
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


def read_operator(operator: str, wanted: Json, where: str, fold: bool) -> Condition[str]:
    """What one operator asks of a value; with `fold`, in whatever case."""
    if not isinstance(wanted, str):
        raise FakeProblem(422, f"{where} must be a string", field=where)
    if operator in ("matches", "doesNotMatch"):
        expression = compile_expression(wanted, where, fold)
        return Condition(lambda value: expression.matches(value) is (operator == "matches"), expression.size)
    text = wanted.lower() if fold else wanted

    def folded(value: str) -> str:
        return value.lower() if fold else value

    if operator == "equalTo":
        return Condition(lambda value: folded(value) == text)
    return Condition(lambda value: (text in folded(value)) is (operator == "contains"))
