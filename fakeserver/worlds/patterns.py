"""Request patterns, as WireMock writes them: predicates on the journal's entries."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from fakeserver.problems import FakeProblem, Json
from fakeserver.worlds.entries import MAX_TEXT, Entry

MAX_PATTERN = 200
MAX_EFFORT = 5
REPEAT_EFFORT, BRANCH_EFFORT = 2, 1
"""What a pattern may cost to try: two open repeats and an alternative, or one and three, or five alternatives."""

PATTERN_FIELDS = frozenset(
    "method url urlPath urlPattern urlPathPattern queryParameters provider operation caller status fault".split()
)
OPERATORS = frozenset("equalTo contains doesNotContain matches doesNotMatch absent caseInsensitive".split())


def matcher(pattern: Json) -> Callable[[Entry], bool]:
    """A WireMock request pattern as a predicate; unknown names are refused, never ignored."""
    if not isinstance(pattern, dict):
        raise FakeProblem(422, "the request pattern must be an object", field="body")
    unknown = sorted(set(pattern) - PATTERN_FIELDS)
    if unknown:
        raise FakeProblem(422, f"{unknown[0]!r} is no field of a request pattern", field=unknown[0])
    for name, wanted in pattern.items():
        check_type(name, wanted)
    tests: list[Callable[[Entry], bool]] = []
    for name in ("provider", "operation", "caller", "fault"):
        if name in pattern:
            tests.append(lambda entry, name=name, wanted=pattern[name]: getattr(entry, name) == wanted)  # type: ignore[misc]
    if "status" in pattern:
        tests.append(lambda entry: bool(entry.status == pattern["status"]))
    if pattern.get("method", "ANY") != "ANY":
        tests.append(lambda entry: bool(entry.method == pattern["method"]))
    for name, of in (("url", _url), ("urlPath", _path)):
        if name in pattern:
            tests.append(lambda entry, of=of, wanted=pattern[name]: of(entry) == wanted)  # type: ignore[misc]
    for name, of in (("urlPattern", _url), ("urlPathPattern", _path)):
        if name in pattern:
            wanted = expression(pattern[name], name)
            tests.append(lambda entry, of=of, wanted=wanted: wanted.fullmatch(of(entry)) is not None)  # type: ignore[misc]
    for name, operators in pattern.get("queryParameters", {}).items():
        tests.append(parameter_test(name, operators))
    return lambda entry: all(test(entry) for test in tests)


def check_type(name: str, wanted: Json) -> None:
    """A pattern's field has the type of what it is compared with; null stands for what an entry may lack."""
    if name == "queryParameters":
        right, kind = isinstance(wanted, dict), "an object"
    elif name == "status":
        right, kind = isinstance(wanted, int) and not isinstance(wanted, bool), "a whole number"
    elif name in ("provider", "operation", "caller", "fault"):
        right, kind = wanted is None or isinstance(wanted, str), "a string or null"
    else:
        right, kind = isinstance(wanted, str), "a string"
    if not right:
        raise FakeProblem(422, f"{name} must be {kind}", field=name)


def _url(entry: Entry) -> str:
    return (entry.path + (f"?{entry.query}" if entry.query else ""))[:MAX_TEXT]


def _path(entry: Entry) -> str:
    return entry.path[:MAX_TEXT]


def parameter_test(name: str, operators: Json) -> Callable[[Entry], bool]:
    """One query parameter's operators, as `{"equalTo": "prod"}`; any of its values may satisfy them."""
    where = f"queryParameters.{name}"
    if not isinstance(operators, dict) or not operators or set(operators) - OPERATORS:
        raise FakeProblem(422, f"{where} needs one of {', '.join(sorted(OPERATORS))}", field=where)
    for operator in ("absent", "caseInsensitive"):
        if not isinstance(operators.get(operator, False), bool):
            raise FakeProblem(422, f"{where}.{operator} must be true or false", field=f"{where}.{operator}")
    fold = operators.get("caseInsensitive", False)
    checks: list[Callable[[str], bool]] = []
    for operator, wanted in operators.items():
        if operator in ("absent", "caseInsensitive"):
            continue
        if not isinstance(wanted, str):
            raise FakeProblem(422, f"{where}.{operator} must be a string", field=f"{where}.{operator}")
        text = wanted.lower() if fold else wanted
        if operator == "equalTo":
            checks.append(lambda value, text=text: value == text)  # type: ignore[misc]
        elif operator in ("contains", "doesNotContain"):
            checks.append(lambda value, text=text, yes=operator == "contains": (text in value) is yes)  # type: ignore[misc]
        else:
            compiled, yes = expression(wanted, f"{where}.{operator}"), operator == "matches"
            checks.append(lambda value, compiled=compiled, yes=yes: (compiled.fullmatch(value) is not None) is yes)  # type: ignore[misc]

    def test(entry: Entry) -> bool:
        values = [text for each, text in parse_qsl(entry.query[:MAX_TEXT], keep_blank_values=True) if each == name]
        if operators.get("absent"):
            return not values
        return any(all(check(value.lower() if fold else value) for check in checks) for value in values)

    return test


def expression(text: Json, where: str) -> re.Pattern[str]:
    """A regular expression that cannot run away: short, no repeat inside a repeat, few open-ended ones."""
    if not isinstance(text, str) or len(text) > MAX_PATTERN:
        raise FakeProblem(422, f"{where} must be a pattern of at most {MAX_PATTERN} characters", field=where)
    if re.search(r"\{[^}]*[0-9]{4}", text):
        raise FakeProblem(422, f"{where}: a repeat may count to 999 at most", field=where)
    try:
        with warnings.catch_warnings():
            # Python warns of what its next versions may read differently; that is no business of ours.
            warnings.simplefilter("ignore")
            parsed = vars(re)["_parser"].parse(text)
            compiled = re.compile(text)
        runaway = _effort(parsed) > MAX_EFFORT
    except (re.error, RecursionError, OverflowError) as error:
        raise FakeProblem(422, f"{where} is no regular expression: {error}", field=where) from error
    if runaway:
        raise FakeProblem(
            422,
            f"{where} may take for ever: no choice inside a repeat, at most {MAX_EFFORT // REPEAT_EFFORT} open repeats",
            field=where,
        )
    return compiled


def _effort(parsed: Any, inside: bool = False) -> int:
    """What a parsed pattern may cost to try; a choice inside of a repeat, or a reference back, is too much."""
    effort = 0
    for operator, argument in parsed:
        name = str(operator)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            # A fixed count, as in {4}, leaves no choice of its own.
            own = 0 if argument[0] == argument[1] else REPEAT_EFFORT
            if inside and argument[1] > 1:
                # Counts multiply, so even a fixed one may not stand in another.
                own = MAX_EFFORT + 1
            effort += (MAX_EFFORT + 1 if own and inside else own) + _effort(argument[2], inside=True)
        elif name in ("GROUPREF", "GROUPREF_EXISTS"):
            effort += MAX_EFFORT + 1
        elif name == "SUBPATTERN":
            effort += _effort(argument[-1], inside)
        elif name == "BRANCH":
            effort += MAX_EFFORT + 1 if inside else BRANCH_EFFORT
            effort += sum(_effort(each, inside) for each in argument[1])
        elif name in ("ASSERT", "ASSERT_NOT"):
            effort += _effort(argument[1], inside)
        elif name == "ATOMIC_GROUP":
            effort += _effort(argument, inside)
    return effort
