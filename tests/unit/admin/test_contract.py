"""The admin API's own spec is what is checked: all of it can be honoured, and every limit in it is in force."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from fakeserver.admin import files
from fakeserver.admin.contract import Contract, check_body, check_query
from fakeserver.commands import ran, scripts
from fakeserver.faults.scripts import CONNECTION_FAULTS, MAX_DELAY_SECONDS, PHASES
from fakeserver.problems import FakeProblem
from fakeserver.spec.references import dereference
from fakeserver.spec.schemas import parts_of
from fakeserver.worlds.clock import LEAST_FACTOR, MAX_FACTOR
from fakeserver.worlds.expressions import MAX_CHARACTERS
from fakeserver.worlds.settings import LIMIT_MODES
from tests.support.asgi import Row

CONTRACT = Contract()
SCHEMAS: Row = CONTRACT.document["components"]["schemas"]
CALLS = [name for name, operation in CONTRACT.operations.items() if "requestBody" in operation]
CHECKED = [name for name in CALLS if not name.endswith(("Documents", "Snapshot"))]
"""Documents are held against the provider's spec, and a snapshot's parts read themselves."""
BASES: dict[str, list[Any]] = {
    "postFault": [
        {
            "provider": "prime",
            "operation": "listSandboxes",
            "match": {"query": {}},
            "chunkedDribbleDelay": {"numberOfChunks": 1, "totalDuration": 1},
            "delayDistribution": distribution,
        }
        for distribution in (
            {"type": "uniform", "lower": 1, "upper": 1},
            {"type": "lognormal", "median": 1, "sigma": 1},
        )
    ],
    "putClock": [
        {"action": "advance", "seconds": 1},
        {"action": "scale", "factor": 1},
        {"action": "set", "instant": "2026-01-18T10:30:00Z"},
        {"action": "freeze"},
        {"action": "reset"},
    ],
    "putSettings": [{"rate_limits": {"prime": "off"}, "switches": {"prime": {}}}],
    "postTransitions": [{"provider": "prime", "kind": "exposures", "tenant": "main", "id": "a", "outcome": "error"}],
    "putCommands": [[], [{"pattern": "make *", "provider": "prime"}]],
    "postCommand": [{"pattern": "make *", "stdout": "a", "stderr": "b", "exit_code": 1, "delay_ms": 0.5, "times": 1}],
    "countRequests": [{"queryParameters": {"page": {"equalTo": "1"}}}],
    "findRequests": [{"queryParameters": {"page": {"equalTo": "1"}}}],
}
"""Sound bodies with every object in them that the spec lets a body have."""


def test_everything_can_be_honoured() -> None:
    """Each body and each query is read with the rule of the providers' specs, which refuses what nobody honours."""
    assert len(CALLS) == 12
    for name in CALLS:
        CONTRACT.body(name)
    assert CONTRACT.query("getRequests").query.keys() == {"limit"}
    assert BASES.keys() == {*CHECKED}
    assert CONTRACT.query("getFiles").query.keys() == {"path"}
    for name, bases in BASES.items():
        for base in bases:
            check_body(name, base)


def test_a_fault_is_shown_as_it_was_asked_for() -> None:
    """What a fault's status may hold is what a script may hold, field by field, and what became of it."""
    asked, shown = (SCHEMAS[name]["properties"] for name in ("Fault", "FaultStatus"))
    for field in asked.keys() - {"provider", "operation"}:
        assert shown[field] == {"$ref": f"#/components/schemas/Fault/properties/{field}"}
    assert shown.keys() - asked.keys() == {"id", "seen", "hits", "completed"}


# Ranges

LIMITS = ("minimum", "maximum", "maxLength", "maxProperties", "minProperties")
Place = tuple[str | None, ...]
"""The names on the way to a value; None for a member of any name."""


def limited(schema: Any, place: Place = ()) -> Iterator[tuple[Place, str, Any]]:
    """Every limit that a schema states: the place of the value, the keyword, and what it says."""
    for part in parts_of(CONTRACT.document, schema):
        for keyword in LIMITS:
            if keyword in part:
                yield place, keyword, part[keyword]
        for name, member in part.get("properties", {}).items():
            yield from limited(member, (*place, name))
        if isinstance(part.get("additionalProperties"), dict):
            yield from limited(part["additionalProperties"], (*place, None))


def stated() -> list[tuple[str, Place, str, Any]]:
    found: dict[tuple[str, Place, str, Any], None] = {}
    for name in CHECKED:
        body = dereference(CONTRACT.document, CONTRACT.operations[name]["requestBody"])
        for place, keyword, limit in limited(body["content"]["application/json"]["schema"]):
            found[name, place, keyword, limit] = None
    return [*found]


def edges(place: Place, keyword: str, limit: Any) -> tuple[Any, Any]:
    """The last value that a limit allows, and the first that it does not."""
    match keyword:
        case "minimum":
            return limit, limit - abs(limit or 1) / 2 if isinstance(limit, float) else limit - 1
        case "maximum":
            return limit, limit + 1
        case "maxLength":
            return "x" * limit, "x" * (limit + 1)
    beyond = limit + 1 if keyword == "maxProperties" else limit - 1
    member = {"equalTo": "1"} if place == ("queryParameters",) else "1"
    return {f"x{index}": member for index in range(limit)}, {f"x{index}": member for index in range(beyond)}


def put_at(value: Any, place: Place, new: Any) -> Any:
    """The value with another one at a place; members on the way are made where they are missing."""
    if not place:
        return new
    name = place[0] or "page"
    return {**(value or {}), name: put_at((value or {}).get(name), place[1:], new)}


def refused_field(name: str, value: Any) -> str | None:
    """The field that is refused in a body, if one is."""
    try:
        check_body(name, value)
    except FakeProblem as problem:
        return str(problem.body["field"]) if problem.status == 422 else f"status {problem.status}"
    return None


def test_limits_are_stated() -> None:
    """The spec has a good number of them, and those of the faults in particular."""
    places = {(name, place) for name, place, *_ in stated()}
    assert len(stated()) > 40
    for field in ("code", "times", "after", "probability", "delay_ms"):
        assert ("postFault", (field,)) in places


@pytest.mark.parametrize(("name", "place", "keyword", "limit"), stated(), ids=str)
def test_a_limit_of_the_spec_is_in_force(name: str, place: Place, keyword: str, limit: Any) -> None:
    """The last value within it is taken, and the first one beyond it is refused by its field."""
    field = ".".join(part or "page" for part in place)
    last, first = edges(place, keyword, limit)
    # Of alternatives, the one that has the member at all.
    bases = [base for base in BASES[name] if refused_field(name, put_at(deepcopy(base), place, last)) is None]
    if keyword == "minProperties":
        bases = BASES[name]
    if not bases:
        pytest.fail(f"{field}: nothing takes {last!r:.60}")
    for base in bases:
        assert refused_field(name, put_at(deepcopy(base), place, first)) == field


def test_what_the_code_knows_as_well() -> None:
    """Where a part of the server holds itself to a limit that the spec states, both say the same."""
    fault, move = SCHEMAS["Fault"]["properties"], SCHEMAS["ClockMove"]["oneOf"]
    assert fault["fault"]["enum"] == [*CONNECTION_FAULTS, None]
    assert fault["phase"]["enum"] == [*PHASES, None]
    assert fault["delay_ms"]["maximum"] == MAX_DELAY_SECONDS * 1_000
    (factor,) = (form["properties"]["factor"] for form in move if "factor" in form["properties"])
    assert (factor["minimum"], factor["maximum"]) == (LEAST_FACTOR, MAX_FACTOR)
    modes = SCHEMAS["Settings"]["properties"]["rate_limits"]["additionalProperties"]["enum"]
    assert modes == [*LIMIT_MODES]
    assert SCHEMAS["Expression"]["maxLength"] == MAX_CHARACTERS
    command = SCHEMAS["Script"]["properties"]
    assert command["pattern"]["maxLength"] == scripts.MAX_PATTERN
    assert command["stdout"]["maxLength"] == command["stderr"]["maxLength"] == scripts.MAX_TEXT
    assert command["exit_code"]["maximum"] == scripts.MAX_EXIT_CODE
    assert command["delay_ms"]["maximum"] == scripts.MAX_DELAY_MS
    assert command["times"]["maximum"] == scripts.MAX_TIMES
    put = CONTRACT.operations["putCommands"]["requestBody"]["content"]["application/json"]["schema"]
    assert put["maxItems"] == scripts.MAX_SCRIPTS
    assert f"{files.MAX_ENTRIES:,} of them" in SCHEMAS["Directory"]["properties"]["entries"]["description"]
    assert f"{ran.MAX_SHOWN:,} characters" in SCHEMAS["Ran"]["description"]


# Queries


@pytest.mark.parametrize(("query", "limit"), [(b"", None), (b"limit=0", 0), (b"limit=999999", 999_999), (b"a=1", None)])
def test_a_query(query: bytes, limit: int | None) -> None:
    assert check_query("getRequests", query) == {"limit": limit}


@pytest.mark.parametrize(
    "query", [b"limit=-1", b"limit=1000000", b"limit=", b"limit=ten", b"limit=1.0", b"limit=%D9%A3"]
)
def test_a_query_that_is_refused(query: bytes) -> None:
    with pytest.raises(FakeProblem) as caught:
        check_query("getRequests", query)
    assert (caught.value.status, caught.value.body["field"]) == (422, "limit")


def test_a_query_that_is_too_long() -> None:
    with pytest.raises(FakeProblem) as caught:
        check_query("getRequests", b"limit=" + b"1" * 40_000)
    assert (caught.value.status, caught.value.body["field"]) == (414, "query")


@pytest.mark.slow
def test_serving_does_not_read_the_contract() -> None:
    code = (
        "import sys, fakeserver.serving.app\n"
        "from fakeserver.admin import contract\n"
        "sys.exit(contract.contract.cache_info().currsize or 'jsonschema_rs' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
