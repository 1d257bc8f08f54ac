"""A dialect for tables of the tests' own: Superserve's, but with every issue of a request."""

from __future__ import annotations

from fakeserver.problems import Document, Problem
from fakeserver.provider import Switches
from fakeserver.providers import PROVIDERS

SUPERSERVE = PROVIDERS["superserve"]


def all_issues(problem: Problem, switches: Switches) -> tuple[int, Document]:
    if problem.kind == "invalid":
        return 400, {"error": {"code": "bad_request", "message": problem.detail}}
    return SUPERSERVE.errors(problem, switches)
