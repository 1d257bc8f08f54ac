"""Pages 000 and 001, what both have in common: refusals, who may see what, and the filters."""

from __future__ import annotations

import re
from typing import Any, ClassVar
from uuid import UUID

from fastapi import Request
from pydantic import Field

from tests.kit.other_make.asking import Query, Refusal, bearer, invalid
from tests.kit.other_make.web import Server

STATES = ("running", "paused", "killed")
UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
KINDS = {
    "authentication": "authentication_error",
    "forbidden": "forbidden_error",
    "not_found": "not_found_error",
    "validation": "validation_error",
    "invalid": "invalid_error",
    "method": "invalid_error",
    "throttled": "app_error",
}
CODES = (400, 401, 403, 404, 409, 422, 426, 429, 500, 502, 504)


class Filters(Query):
    """What both operations take."""

    state: list[str] = Field(default_factory=list)
    project_id: str | None = None


class OrgServer(Server):
    """A server whose operations are about an org; `org` in the path is looked up before anything else is read."""

    slug = "dreadnode"
    sql_credentials: ClassVar[str] = "SELECT user_id FROM users WHERE token {match} ORDER BY rowid LIMIT 1"

    def secret(self, request: Request) -> str | None:
        key: str | None = request.headers.get("x-api-key")
        if key is not None and self.build.takes("api_key", "accepted"):
            return key
        return bearer(request.headers, self.build)

    def dialect(self, refusal: Refusal) -> tuple[int, Any]:
        build, status = self.build, refusal.status
        if build.has("validation_in_fastapi_words") and refusal.issues:
            return 422, {"detail": [{"loc": each.loc, "msg": each.msg, "type": each.type} for each in refusal.issues]}
        if refusal.kind == "validation" and build.takes("validation_status", "400"):
            status = 400
        kind = KINDS[refusal.kind]
        if refusal.kind == "authentication":
            kind = build.answer("authentication_type")
        if build.has("error_type_invented") and refusal.kind == "forbidden":
            kind = "permission_denied"
        code: Any = status if status in CODES else 400
        if build.has("code_as_text"):
            code = str(code)
        body: dict[str, Any] = {"code": code, "detail": refusal.sentence, "type": kind}
        if build.has("detail_missing") and refusal.kind == "not_found":
            del body["detail"]
        if refusal.issues and build.takes("errors", "listed"):
            body["errors"] = [{"loc": each.loc, "msg": each.msg, "type": each.type} for each in refusal.issues]
        return status, body

    # Who may see what.

    def org_of(self, org: str, user: str) -> dict[str, Any]:
        """The org with the caller's role in it, or a Refusal."""
        collation = " COLLATE NOCASE" if self.build.takes("org_case", "any") else ""
        found = self.rows(
            f"SELECT o.org_id, m.role FROM organizations o LEFT JOIN members m ON m.org_id = o.org_id "
            f"AND m.user_id = ? WHERE o.slug = ?{collation}",
            [user, org],
        )
        if not found:
            if self.build.takes("unknown_org", "403"):
                raise Refusal(403, "forbidden", "You have no access to this organization")
            raise Refusal(404, "not_found", f"Organization {org!r} not found")
        if found[0]["role"] is None and not self.build.has("org_not_checked"):
            if self.build.takes("foreign_org", "404"):
                raise Refusal(404, "not_found", f"Organization {org!r} not found")
            raise Refusal(403, "forbidden", "You have no access to this organization")
        return found[0]

    def visible(self, org: dict[str, Any], user: str) -> tuple[str, list[Any]]:
        """The condition that holds for what the caller may see."""
        build = self.build
        if build.has("org_forgotten"):
            return "s.user_id = ?", [user]
        if build.has("org_not_checked") and org["role"] is None:
            return "s.org_id = ?", [org["org_id"]]
        if build.takes("visibility", "admins see all") and org["role"] == "admin":
            return "s.org_id = ?", [org["org_id"]]
        return "s.org_id = ? AND s.user_id = ?", [org["org_id"], user]

    # Filters.

    def states(self, asked: list[str]) -> list[str] | None:
        """The states that are asked for, None for all of them."""
        build = self.build
        if not asked:
            return None
        if all(not text.strip() for text in asked):
            match build.answer("empty_state"):
                case "no filter":
                    return None
                case "nothing":
                    return []
            raise invalid(("query", "state", 0), "The state is empty", "enum")
        if build.has("last_state_only"):
            asked = asked[-1:]
        pieces = asked if build.has("commas_not_read") else [piece for text in asked for piece in text.split(",")]
        if build.takes("state_spaces", "trimmed"):
            pieces = [piece.strip() for piece in pieces]
        if build.takes("state_case", "any"):
            pieces = [piece.lower() for piece in pieces]
        if build.takes("state_pieces", "empty ignored"):
            pieces = [piece for piece in pieces if piece]
        for number, piece in enumerate(pieces):
            if piece not in STATES and not build.takes("unknown_state", "nothing"):
                issue = invalid(("query", "state", number), f"Unknown state {piece!r}", "enum", piece)
                raise issue if build.takes("unknown_state", "422") else Refusal(400, "invalid", issue.sentence)
        return pieces[:1] if build.has("first_piece_only") else pieces

    def project(self, text: str | None) -> str | None:
        if text is None or (not text and self.build.takes("empty_project", "no filter")):
            return None
        try:
            found = str(UUID(text))
            if self.build.takes("project_spelling", "canonical") and not UUID_TEXT.fullmatch(text):
                raise ValueError
        except ValueError:
            if self.build.has("project_not_parsed"):
                return text
            raise invalid(("query", "project_id"), "Input should be a valid UUID", "uuid_parsing", text) from None
        return found

    def filtered(self, asked: Filters) -> tuple[list[str], list[Any]]:
        """The conditions of the filters."""
        build, conditions, values = self.build, [], []
        states, project = self.states(asked.state), self.project(asked.project_id)
        if states is not None:
            conditions.append(f"s.state IN ({', '.join('?' * len(states))})")
            values += states
        if project is not None and not build.has("project_ignored"):
            by_name = "p.name = (SELECT name FROM projects WHERE project_id = ?)"
            conditions.append(
                "(s.project_id = ? OR s.project_id IS NULL)" if build.has("project_or_none")
                else by_name if build.has("project_by_name")
                else "s.project_id = ?"
            )  # fmt: skip
            values.append(project)
        if build.has("filters_either") and len(conditions) > 1:
            conditions = [f"({' OR '.join(conditions)})"]
        return conditions, values
