"""Refusals: what a problem says of itself before a provider's dialect puts it into words."""

from __future__ import annotations

import pytest

from fakeserver import problems
from fakeserver.problems import FakeProblem, Issue, Problem

ISSUES = (
    Issue(("query", "limit"), "Input should be less than or equal to 100", "less_than_equal"),
    Issue(("query", "metadata", "a", 0), "Input should be a valid string", "string_type"),
)


@pytest.mark.parametrize(
    ("loc", "field"),
    [
        (("query", "limit"), "limit"),
        (("query", "metadata", "a", 0), "metadata.a.0"),
        (("path", "org"), "org"),
        (("body",), "body"),
    ],
)
def test_an_issue_names_its_field_as_a_caller_would(loc: tuple[str | int, ...], field: str) -> None:
    """Without the part of the request that it stands in, if there is anything else to name."""
    assert Issue(loc, "is wrong", "wrong").field == field


@pytest.mark.parametrize(
    ("problem", "status", "kind", "detail"),
    [
        (problems.unauthenticated(), 401, "unauthenticated", "Not authenticated"),
        (problems.unauthenticated("No such key"), 401, "unauthenticated", "No such key"),
        (problems.forbidden("Not yours"), 403, "forbidden", "Not yours"),
        (problems.not_found(), 404, "not_found", "Not Found"),
        (problems.not_found("No such org"), 404, "not_found", "No such org"),
        (problems.method_not_allowed(["GET"]), 405, "method_not_allowed", "Method Not Allowed"),
        (problems.internal(), 500, "internal", "Internal Server Error"),
    ],
)
def test_each_kind_has_its_status(problem: Problem, status: int, kind: str, detail: str) -> None:
    assert (problem.status, problem.kind, problem.detail, str(problem)) == (status, kind, detail, detail)
    assert problem.issues == ()


def test_a_method_that_is_not_allowed_names_those_that_are() -> None:
    assert problems.method_not_allowed(["GET", "HEAD"]).headers == {"Allow": "GET, HEAD"}


def test_an_invalid_request_has_every_issue() -> None:
    """In the order in which they were found; the sentence has them all, for dialects that have nothing else."""
    problem = problems.invalid(ISSUES)
    assert (problem.status, problem.kind, problem.issues) == (422, "invalid", ISSUES)
    assert problem.detail == (
        "limit: Input should be less than or equal to 100; metadata.a.0: Input should be a valid string"
    )


def test_fastapis_own_body() -> None:
    """A list of issues for a bad input, and a sentence for the rest."""
    assert problems.fastapi_detail(problems.invalid(ISSUES)) == {
        "detail": [
            {"loc": ["query", "limit"], "msg": ISSUES[0].msg, "type": "less_than_equal"},
            {"loc": ["query", "metadata", "a", 0], "msg": ISSUES[1].msg, "type": "string_type"},
        ]
    }
    assert problems.fastapi_detail(problems.forbidden("Not yours")) == {"detail": "Not yours"}


def test_headers_of_a_problem_are_its_own() -> None:
    """What somebody adds to them later does not come back in the next one."""
    given = {"Retry-After": "1"}
    problem = Problem(429, "rate_limited", "Too many", headers=given)
    problem.headers["X-Other"] = "2"
    assert given == {"Retry-After": "1"}
    assert Problem(429, "rate_limited", "Too many").headers == {}


def test_a_problem_of_the_fake_itself_is_rfc_9457() -> None:
    """With the status's own title unless it has another, and whatever members it brings."""
    assert FakeProblem(422, "clock: is frozen", field="clock", errors=[1]).body == {
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "clock: is frozen",
        "field": "clock",
        "errors": [1],
    }
    assert FakeProblem(404, "Nobody is here", title="Nobody").body["title"] == "Nobody"
    assert str(FakeProblem(404, "Nobody is here")) == "Nobody is here"
