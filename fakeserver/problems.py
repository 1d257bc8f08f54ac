"""Refusals, in no provider's dialect: raised anywhere, rendered in one place (`service.Service.answer`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

Json = Any
"""A JSON value. Its shape is the spec's business, so the type checker is not told more."""

Document = dict[str, Json]
"""One stored sandbox, already in its provider's wire shape."""


UNKNOWN: Json = object()
"""An input that nobody kept."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One reason why an input was refused: where it stands, what is wrong, and a machine-readable type; the input as it
    came and what the message was made of, where they are known, for dialects that repeat them; and of a member that
    is not known, the names of those that are (`known`)."""

    loc: tuple[str | int, ...]
    msg: str
    type: str
    input: Json = field(default=UNKNOWN, compare=False, repr=False)
    context: Mapping[str, Json] = field(default_factory=dict, compare=False)
    known: tuple[str, ...] = field(default=(), compare=False)

    @property
    def field(self) -> str:
        """The parameter that is at fault, as a caller would name it."""
        return ".".join(str(part) for part in self.loc[1:]) or str(self.loc[0])


class Problem(Exception):
    """A refusal by the provider's API. `kind` is what happened; the provider's dialect says it in its own words, for
    which it is shown the id of the `operation` that refuses, where one was found. The journal warns of the client with
    a `remark`."""

    operation = ""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        issues: Sequence[Issue] = (),
        headers: Mapping[str, str] | None = None,
        remark: str = "",
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.issues = tuple(issues)
        self.headers = dict(headers or {})
        self.remark = remark


PROBLEM_JSON = "application/problem+json"
"""RFC 9457."""


class FakeProblem(Exception):
    """A refusal by the fake itself (a bad preference, a bad admin call): RFC 9457, never a provider's dialect."""

    def __init__(self, status: int, detail: str, *, title: str = "", **members: Json) -> None:
        super().__init__(detail)
        self.status = status
        self.body: Document = {
            "type": "about:blank",
            "title": title or HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            **members,
        }


def unauthenticated(detail: str = "Not authenticated") -> Problem:
    return Problem(401, "unauthenticated", detail)


def forbidden(detail: str) -> Problem:
    return Problem(403, "forbidden", detail)


def not_found(detail: str = "Not Found") -> Problem:
    return Problem(404, "not_found", detail)


def conflict(detail: str) -> Problem:
    return Problem(409, "conflict", detail)


def method_not_allowed(allowed: Sequence[str]) -> Problem:
    return Problem(405, "method_not_allowed", "Method Not Allowed", headers={"Allow": ", ".join(allowed)})


def invalid(issues: Sequence[Issue]) -> Problem:
    detail = "; ".join(f"{issue.field}: {issue.msg}" for issue in issues)
    return Problem(422, "invalid", detail, issues=issues)


def bad_cursor(detail: str, parameter: str) -> Problem:
    return Problem(400, "bad_cursor", detail, issues=(Issue(("query", parameter), detail, "invalid_cursor"),))


class Moved(Exception):
    """Another path is meant than the one that was asked for."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def internal() -> Problem:
    return Problem(500, "internal", "Internal Server Error")


def issue_rows(problem: Problem) -> list[Document]:
    """The issues as FastAPI declares them: a list of loc, msg and type."""
    return [{"loc": list(issue.loc), "msg": issue.msg, "type": issue.type} for issue in problem.issues]


def fastapi_detail(problem: Problem) -> Document:
    """FastAPI's own error body: `detail` is a list of issues for a bad input and a sentence for the rest. pydantic adds
    to an issue the input that was refused, and in `ctx` what its message was made of."""
    if problem.kind != "invalid":
        return {"detail": problem.detail}
    return {"detail": [_pydantic_row(issue) for issue in problem.issues]}


def _pydantic_row(issue: Issue) -> Document:
    row: Document = {"type": issue.type, "loc": list(issue.loc), "msg": issue.msg}
    if issue.input is not UNKNOWN:
        row["input"] = issue.input
    if issue.context:
        row["ctx"] = dict(issue.context)
    return row


class SpecError(Exception):
    """A spec that cannot be served; the message names the file, the place and the cause."""
