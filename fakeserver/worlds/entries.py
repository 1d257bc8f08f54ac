"""What the journal holds: exchanges as plain facts, and the entries that they become when somebody reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson

from fakeserver.instants import FIRST_INSTANT, LAST_INSTANT, at
from fakeserver.parts import MAX_COUNT, Part
from fakeserver.problems import Document, Json
from fakeserver.spec.parameters import Values
from fakeserver.spec.reader import Operation
from fakeserver.spec.routing import REDIRECTED
from fakeserver.worlds.client_warnings import find_warnings, parameters_of
from fakeserver.worlds.masking import mask

MAX_TEXT = 2_000
"""Characters of a path or query that are kept, and matched."""
MAX_WARNINGS = 20
"""Warnings about what one request sends; the journal adds those about what it repeats."""

LEAST_STATUS, MOST_STATUS = 100, 599
BAD_REQUEST, NOT_FOUND, METHOD_NOT_ALLOWED, SERVER_ERROR = 400, 404, 405, 500
MAX_LABEL = 2**17
"""Characters of a fault's label, which repeats what a request asked for in its headers."""


# Nobody changes one of these. Every request makes one, and `frozen` would make that four times as dear.
@dataclass(slots=True)
class Particulars:
    """All of a request and its answer but when it was. `path` stands behind the provider's prefix, `caller` is a name,
    `fault` an effect's label; `operation` and `values` are None where the request was refused before they were known,
    `unserved` is an operation that the provider has and the fake has not, and `remarks` are warnings that come from
    what was asked before, or from what is there. `poll_seconds` are those that the SDK waits before it asks the same
    again; a `creation` is one that nothing protects from being made twice."""

    provider: str
    method: str
    path: str
    query: bytes
    operation: Operation | None
    caller: str | None
    values: Values | None
    status: int
    fault: str | None
    retry_after: str | None
    unserved: str | None = None
    poll_seconds: float = 0
    is_list: bool = False
    body: int = 0
    """What tells its body from another one."""
    creation: bool = False
    remarks: tuple[str, ...] = ()
    scenario: str | None = None

    @property
    def failed(self) -> bool:
        """Whether a client cannot know if it took effect: an error of the server, or a broken connection."""
        return self.status >= SERVER_ERROR or (self.fault is not None and self.status < BAD_REQUEST)


@dataclass(slots=True)
class Exchange:
    """One request and its answer, as it happened. What is polled shares its particulars with the one before, so that a
    journal of thousands stays in the processor's cache."""

    instant: int
    about: Particulars


@dataclass(slots=True)
class Entry:
    """One request and its answer, as somebody reads it. `values` are the decoded parameters, None where the request
    was refused earlier."""

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
    unserved: str | None = None
    """What was asked for, as method and path, where the fake has nothing to do for it."""
    warnings: tuple[str, ...] = ()
    scenario: str | None = None
    """What was shown in the place of the world's documents."""

    def row(self) -> Document:
        return {
            **place_of(self.number, self.instant),
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "provider": self.provider,
            "operation": self.operation,
            "caller": self.caller,
            "values": None if self.values is None else {name: plain(value) for name, value in self.values.items()},
            "status": self.status,
            "fault": self.fault,
            "unserved": self.unserved,
            "warnings": list(self.warnings),
            "scenario": self.scenario,
        }

    def dump(self) -> Document:
        return {**self.row(), **moment_of(self.number, self.instant)}

    @classmethod
    def load(cls, part: Part, after: int) -> Entry:
        """What `dump` wrote; an entry has a higher number than the one before it (`after`)."""
        # The instant says it more exactly.
        part.text("time")
        values, warnings = part.anything("values"), part.elements("warnings", 2 * MAX_WARNINGS)
        if not isinstance(values, dict | None):
            raise part.wrong("values", "must be an object or null")
        entry = cls(
            number=part.integer("id", after + 1, MAX_COUNT),
            instant=part.integer("instant", FIRST_INSTANT, LAST_INSTANT),
            method=part.text("method"),
            path=part.text("path"),
            query=part.text("query"),
            status=part.integer("status", LEAST_STATUS, MOST_STATUS),
            provider=part.maybe("provider"),
            operation=part.maybe("operation"),
            caller=part.maybe("caller"),
            values=values,
            fault=part.maybe("fault", MAX_LABEL),
            unserved=part.maybe("unserved"),
            warnings=tuple(warnings.text(index) for index in warnings.names()),
            scenario=part.maybe("scenario"),
        )
        part.end()
        return entry


@dataclass(slots=True)
class Encoded:
    """An entry as a store has it, which few read; `part` reads what it has dumped."""

    number: int
    text: bytes
    part: Callable[[Json], Part]

    def read(self) -> Entry:
        return Entry.load(self.part(orjson.loads(self.text)), after=self.number - 1)


def place_of(number: int, instant: int) -> Document:
    """What an entry has of its own, however alike others are, in front of people."""
    return {"id": number, "time": at(instant)}


def moment_of(number: int, instant: int) -> Document:
    """The same as it is kept."""
    return {**place_of(number, instant), "instant": instant}


def describe(exchange: Exchange, number: int) -> Entry:
    """The exchange in words: cut, without credentials, and with the warnings about its client."""
    about = exchange.about
    operation = about.operation
    query = about.query.decode("utf-8", "replace")[:MAX_TEXT]
    missing = missing_of(about)
    return Entry(
        number=number,
        instant=exchange.instant,
        method=about.method,
        path=f"/{about.provider}{about.path}"[:MAX_TEXT],
        query=mask(query, parameters_of(operation)),
        status=about.status,
        provider=about.provider,
        operation=None if operation is None else operation.id,
        caller=about.caller,
        values=about.values,
        fault=about.fault,
        unserved=missing,
        warnings=(
            *islice(find_warnings(about.path, operation, about.query), MAX_WARNINGS),
            *warn_of(about, missing),
            *about.remarks,
        ),
        scenario=about.scenario,
    )


def missing_of(about: Particulars) -> str | None:
    """What was asked for and is not served, as method and path; None where the request found its operation."""
    if about.unserved is not None:
        return about.unserved
    nowhere = about.operation is None and about.status in (NOT_FOUND, METHOD_NOT_ALLOWED)
    return f"{about.method} {about.path}"[:MAX_TEXT] if nowhere else None


def warn_of(about: Particulars, missing: str | None) -> Iterator[str]:
    """That this answer is the fake's, and nothing happened: an SDK may take a 404 for "already gone"."""
    if about.unserved is not None:
        yield f"the fake does not serve {missing}, which the provider has; nothing happened"
    elif missing is not None and about.status == METHOD_NOT_ALLOWED:
        yield f"the fake has no {about.method} at this path; if the provider has one, nothing happened"
    elif about.operation is None and about.status == REDIRECTED:
        yield "the path has a slash too many or too few, so the provider redirects; a client has to follow"
    elif missing is not None:
        yield "the fake has no operation at this path; if the provider has one, nothing happened"


def plain(value: Any) -> Json:
    """A decoded value as JSON; exact decimals are written as text."""
    if isinstance(value, tuple | list):
        return [plain(element) for element in value]
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    return value if value is None or isinstance(value, str | bool | int) else str(value)
