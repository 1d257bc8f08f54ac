"""What arrives, what is sent, and what is known about a request in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

import orjson

from fakeserver.faults.scripts import Dribble, Failure
from fakeserver.pipeline.client_warnings import declared, warnings
from fakeserver.problems import (
    FakeProblem,
)
from fakeserver.spec.credentials import Caller
from fakeserver.spec.parameters import Values
from fakeserver.spec.reader import Operation
from fakeserver.worlds.entries import MAX_TEXT, Entry, masked
from fakeserver.worlds.journal import MAX_WARNINGS, Record

FAULT_HEADER = "X-Fakeserver-Fault"
JSON = "application/json"
PROBLEM_JSON = "application/problem+json"


@dataclass(slots=True)
class Request:
    """What arrived, behind the provider's prefix. Header names are in lower case; `address` is the client's."""

    method: str
    path: str
    query: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    address: str = "127.0.0.1"


@dataclass(slots=True)
class Answer:
    """What is sent. A body in pieces is sent as made; `delay` (seconds), `dribble` and `fault` happen on the wire."""

    status: int
    body: bytes | Iterator[bytes]
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = JSON
    delay: float = 0.0
    dribble: Dribble | None = None
    fault: str | None = None

    def text(self) -> bytes:
        """The whole body."""
        return self.body if isinstance(self.body, bytes) else b"".join(self.body)


class Exchange(Record):
    """What is known about a request so far, for the journal and for the failure that somebody wants."""

    operation: Operation | None = None
    caller: Caller | None = None
    values: Values | None = None
    failure: Failure | None = None
    applied: str | None = None
    method = ""
    status = 0

    def write(self) -> Entry:
        path, query, caller = self.asked
        return Entry(
            number=0,
            instant=self.instant,
            method=self.method,
            path=f"/{self.provider}{path}"[:MAX_TEXT],
            query=masked(query.decode("utf-8", "replace"), declared(self.operation)),
            status=self.status,
            provider=self.provider,
            operation=None if self.operation is None else self.operation.id,
            caller=caller,
            values=self.values,
            fault=None if self.failure is None else self.failure.label,
            warnings=tuple(islice(warnings(path[:2], self.operation, query), MAX_WARNINGS)),
        )


def own_refusal(problem: FakeProblem) -> Answer:
    """A refusal by the fake itself, never in a provider's dialect."""
    return Answer(problem.status, orjson.dumps(problem.body), media_type=PROBLEM_JSON)
