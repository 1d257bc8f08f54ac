"""The journal of a world: what arrived, what was answered, and what the client did that the real API would not like.

Verification uses WireMock's request-pattern names. No credential is ever shown.
"""

from __future__ import annotations

import re
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from fakeserver.draws import SECOND, at
from fakeserver.problems import Document, FakeProblem, Json

MAX_ENTRIES = 1_000
MAX_TEXT = 2_000
"""Characters of a path or query that are kept, and matched."""
MAX_PATTERN = 200
MAX_FIND_SECONDS = 1.0
MAX_EFFORT = 5
REPEAT_EFFORT, BRANCH_EFFORT = 2, 1
"""What a pattern may cost to try: two open repeats and an alternative, or one and three, or five alternatives."""
LOOP = 5
"""So many equal requests for a page in a row look like a client that never turns it."""

MAX_WARNINGS = 20

PATTERN_FIELDS = frozenset(
    "method url urlPath urlPattern urlPathPattern queryParameters provider operation caller status fault".split()
)
OPERATORS = frozenset("equalTo contains doesNotContain matches doesNotMatch absent caseInsensitive".split())


@dataclass(slots=True)
class Entry:
    """One request and its answer. `values` are the decoded parameters, None where the request was refused earlier."""

    number: int
    instant: int
    method: str
    path: str
    query: str
    status: int
    provider: str | None = None
    operation: str | None = None
    caller: str | None = None
    values: Mapping[str, Any] | None = None
    fault: str | None = None
    warnings: tuple[str, ...] = ()

    def row(self) -> Document:
        return {
            "id": self.number,
            "time": at(self.instant),
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "provider": self.provider,
            "operation": self.operation,
            "caller": self.caller,
            "values": None if self.values is None else {name: _plain(value) for name, value in self.values.items()},
            "status": self.status,
            "fault": self.fault,
            "warnings": list(self.warnings),
        }


def _plain(value: Any) -> Json:
    """A decoded value as JSON; exact decimals are written as text."""
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    return value if value is None or isinstance(value, str | bool | int) else str(value)


def suspicious(text: str) -> bool:
    """Whether a name in the text may be that of a credential."""
    lowered = text.lower()
    return any(each in lowered for each in ("key", "token", "secret", "auth", "passw", "credential"))


def masked(query: str, declared: Callable[[str], bool]) -> str:
    """The query as the journal keeps it: cut, and without what looks like a credential in an undeclared parameter."""
    query = query[:MAX_TEXT]
    if "%" not in query and not suspicious(query):
        return query
    parts = []
    for part in query.split("&"):
        name, equals, _ = part.partition("=")
        plain = unquote_plus(name)
        secret = suspicious(plain) and not declared(plain)
        parts.append(f"{name}{equals}…" if secret else part)
    return "&".join(parts)


class Record:
    """One request on its way into the journal; it is put into words when somebody reads it, since most are never read.

    `asked` is what makes two requests the same: path, query and caller's name."""

    number = 0
    instant = 0
    asked: tuple[str, bytes, str | None] = ("", b"", None)
    provider: str | None = None
    understood = False
    """Whether its parameters had values."""
    late: tuple[str, ...] = ()
    """Warnings that come from what was asked before."""
    entry: Entry | None = None

    def write(self) -> Entry:
        raise NotImplementedError

    def read(self) -> Entry:
        if self.entry is None:
            entry = self.write()
            self.entry = replace(entry, number=self.number, warnings=(*entry.warnings, *self.late))
        return self.entry


class Journal:
    """A bounded ring of entries, and the little memory that client warnings need."""

    def __init__(self) -> None:
        self._ring: deque[Record] = deque(maxlen=MAX_ENTRIES)
        self.total = 0
        self._retry_at: dict[tuple[str | None, str | None], int] = {}
        self._last: Record | None = None
        self._repeated = 0

    def clear(self) -> None:
        self._ring.clear()
        self.total = 0
        self._retry_at.clear()
        self._last, self._repeated = None, 0

    def add(self, record: Record, retry_after: str | None = None) -> None:
        """One more request."""
        self.total += 1
        record.number = self.total
        last, self._last = self._last, record
        self._repeated = self._repeated + 1 if last is not None and _same(last, record) else 1
        if self._repeated == LOOP or self._retry_at:
            record.late = tuple(self._manners(record))
        if retry_after is not None and retry_after.isdigit():
            self._retry_at[record.provider, record.asked[2]] = record.instant + int(retry_after) * SECOND
        self._ring.append(record)

    def _manners(self, record: Record) -> Iterable[str]:
        if self._retry_at:
            due = self._retry_at.pop((record.provider, record.asked[2]), None)
            if due is not None and record.instant < due:
                yield f"Retry-After was ignored: {(due - record.instant) / SECOND:.1f} s too early"
        if self._repeated == LOOP and record.understood:
            yield f"the same page was asked for {LOOP} times in a row: a loop that never turns the page?"

    def entries(self) -> Iterator[Entry]:
        """Newest first."""
        return (each.read() for each in reversed(self._ring))

    def state(self) -> Document:
        """Everything that a snapshot needs."""
        return {
            "total": self.total,
            "repeated": self._repeated,
            "retry_at": [[*who, instant] for who, instant in self._retry_at.items()],
            "entries": [{**each.row(), "instant": each.instant} for each in [*self.entries()][::-1]],
        }

    def restore(
        self, entries: Iterable[Entry], total: int, repeated: int, retry_at: dict[tuple[str | None, str | None], int]
    ) -> None:
        for entry in entries:
            self._last = Record()
            self._last.entry = entry
            self._ring.append(self._last)
        self.total, self._repeated, self._retry_at = total, repeated, retry_at

    def rows(self, limit: int | None = None) -> list[Document]:
        """Newest first."""
        return [each.row() for each in islice(self.entries(), limit)]

    def find(self, pattern: Json) -> list[Document]:
        """The entries that match a request pattern, newest first."""
        matches = matcher(pattern)
        entries = [*self.entries()]
        deadline = time.monotonic() + MAX_FIND_SECONDS
        found = []
        for entry in entries:
            if matches(entry):
                found.append(entry.row())
            if time.monotonic() > deadline:
                raise FakeProblem(
                    422, f"The pattern takes more than {MAX_FIND_SECONDS:g} second to look for", field="body"
                )
        return found

    def unmatched(self) -> list[Document]:
        """Requests that no operation was found for."""
        return [each.row() for each in self.entries() if each.operation is None]


def _same(one: Record, other: Record) -> bool:
    if one.provider is not None or one.entry is None:
        return one.asked == other.asked and one.provider == other.provider
    # A snapshot has only what was written.
    before, now = one.entry, other.write()
    return (before.path, before.query, before.caller) == (now.path, now.query, now.caller)


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
