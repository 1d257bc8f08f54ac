"""Deployments in this process that fail in one way or another, and the report of a check of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from threading import Lock

from contract_tests import run
from contract_tests.judging.session import Layer, Progress
from contract_tests.laws.layer import Laws
from contract_tests.outcome import Options
from contract_tests.planted import BUGS
from contract_tests.planted.false_alarms import handler
from contract_tests.planted.replay import transport
from contract_tests.reporting.report import Report
from contract_tests.sending.in_process import Handler

BASE_URL = "http://127.0.0.1:1"
Answered = tuple[int, Mapping[str, str], bytes]


def judged(
    answer: Handler,
    slug: str = "prime",
    layers: Sequence[Layer] = (Laws(),),
    progress: Progress | None = None,
    **options: object,
) -> Report:
    """The report on a server, with the credentials of the default fixtures."""
    given = Options(**options)  # type: ignore[arg-type]  # The names are those of the fields.
    return run.check(slug, BASE_URL, transport(slug, answer), given, layers=layers, progress=progress)


def constant(status: int, body: bytes, media_type: str = "application/json", **headers: str) -> Handler:
    """A server that answers everything alike."""

    def answer(*request: object) -> Answered:
        return status, {"content-type": media_type, **headers}, body

    return answer


def failing(slug: str, fails: Callable[[int, bytes, bytes], bool], size: int = 137) -> Handler:
    """A correct server, but for requests (by number, query and right body) that it fails."""
    right, numbers, lock = handler(slug, 0, size), count(1), Lock()

    def answer(method: str, path: str, query: bytes, headers: dict[str, str]) -> Answered:
        status, sent, body = right(method, path, query, headers)
        with lock:
            number = next(numbers)
        return (
            (500, {"content-type": "application/json"}, b"{}") if fails(number, query, body) else (status, sent, body)
        )

    return answer


def planted(slug: str, name: str) -> Handler:
    """The server with this bug."""
    return next(bug for bug in BUGS if (bug.slug, bug.name) == (slug, name)).handler(size=200)
