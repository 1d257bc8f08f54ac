"""Pages 000 and 001: the sandboxes of an org, and how many there are of each kind."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import Any

from fastapi import Request, Response
from pydantic import Field

from tests.kit.other_make import data
from tests.kit.other_make.asking import Refusal, Whole, invalid, read, stamp
from tests.kit.other_make.dreadnode_orgs import STATES, Filters, OrgServer
from tests.kit.other_make.web import query_without

LIST_COLUMNS = """s.*, p.key AS project_key, p.name AS project_name, w.key AS workspace_key"""
FROM = "compute s LEFT JOIN projects p ON p.project_id = s.project_id LEFT JOIN workspaces w USING (workspace_id)"
TIES = {"id": ("s.id", ">"), "id descending": ("s.id", "<"), "insertion": ("s.rowid", ">")}
FACET_TIES = {
    "name": "COALESCE(p.name, '')",
    "key": "p.key",
    "name, any case": "COALESCE(p.name, '') COLLATE NOCASE",
    "name, by language": "COALESCE(p.name, p.key) COLLATE language",
    "nameless last": "p.name IS NULL, p.name",
}
INSTANTS = ("created_at", "last_started_at", "stopped_at", "killed_at", "expires_at", "last_credit_deduction_at")
REQUIRED = ("build_id", "created_at", "id", "killed_at", "provider", "provider_sandbox_id", "sandbox_kind", "state",
            "total_runtime_seconds", "workspace_key")  # fmt: skip
SIGNING_KEY = b"other make"


class Page(Filters):
    """What the list takes beside the filters."""

    limit: Whole = Field(50, ge=1, le=100)
    cursor: str | None = None


class LoosePage(Page):
    """The same by an engineer who left the bounds to the code that reads them."""

    limit: Whole = 50


class Dreadnode(OrgServer):
    """The server."""

    def route(self) -> None:
        self.issued: dict[str, str] = {}
        self.get("/api/v1/org/{org}/sandboxes", self.list_sandboxes)
        self.get("/api/v1/org/{org}/sandboxes/facets", self.count_facets)

    # The list.

    async def list_sandboxes(self, org: str, request: Request) -> Response:
        caller = await self.settled(self.caller(request))
        place = self.org_of(org, caller["user_id"])
        loose = self.build.has("limit_clamped") or self.build.has("limit_zero_is_default")
        asked = read(LoosePage if loose else Page, request, self.build, frozenset({"state"}))
        if "limit" not in asked.model_fields_set and self.build.has("default_limit_20"):
            asked = asked.model_copy(update={"limit": 20})
        if loose:
            limit = min(max(asked.limit, 1), 100) if self.build.has("limit_clamped") else asked.limit or 50
            asked = asked.model_copy(update={"limit": limit})
            if not 1 <= limit <= 100:
                raise invalid(("query", "limit"), "Input should be from 1 to 100", "less_than_equal", limit)
        user, path = caller["user_id"], request.url.path
        keys = {
            "list_kept_by_user": (path, user),
            "list_kept_without_user": (path, query_without(request)),
            "list_kept_without_cursor": (path, user, query_without(request, "cursor")),
            "list_kept_without_limit": (path, user, query_without(request, "limit")),
        }
        return self.render(self.cached(keys.get(self.build.bug), lambda: self.page(place, user, asked)))

    def page(self, place: dict[str, Any], user: str, asked: Page) -> dict[str, Any]:
        """One page of the list."""
        build = self.build
        conditions, values = self.filtered(asked)
        seen, whose = self.visible(place, user)
        start = self.position(asked, user)
        if start is not None and build.has("user_forgotten_behind_cursor"):
            seen, whose = "s.org_id = ?", whose[:1]
        if asked.project_id and build.has("user_forgotten_with_project"):
            seen, whose = "s.org_id = ?", whose[:1]
        behind, after = self.behind(start)
        where = " AND ".join([f"({seen})", *conditions])
        if behind:
            where += f" AND {behind}" if build.has("brackets_forgotten") else f" AND ({behind})"
        where += self.worker(place)
        origin, order = FROM, self.order()
        if build.has("project_required"):
            origin = origin.replace("LEFT JOIN projects", "JOIN projects")
        if build.has("join_by_name"):
            origin = origin.replace("p.project_id = s.project_id", "p.name = "
                                    "(SELECT name FROM projects q WHERE q.project_id = s.project_id)")  # fmt: skip
        group = " GROUP BY s.created_at" if build.has("one_per_instant") else ""
        sql = f"SELECT {LIST_COLUMNS}, s.rowid AS written FROM {origin} WHERE {where}{group} ORDER BY {order} LIMIT ?"
        limit = asked.limit
        rows = self.rows(sql, [*whose, *values, *after, limit + 1])
        if build.has("limit_before_filter"):
            whole = (
                f"SELECT s.id FROM {FROM} WHERE ({seen}){f' AND ({behind})' if behind else ''} ORDER BY {order} LIMIT ?"
            )
            cut = {each["id"] for each in self.rows(whole, [*whose, *after, limit])}
            rows = [row for row in rows if row["id"] in cut]
        more = len(rows) > limit
        if build.has("never_more"):
            more = False
        if build.takes("last_cursor", "when full"):
            more = len(rows) >= limit
        shown = rows if build.has("one_too_many") else rows[:limit]
        body: dict[str, Any] = {"items": [self.item(row) for row in shown]}
        if more and shown:
            body["next_cursor"] = self.cursor(shown[-1], asked, user)
        elif build.takes("next_cursor", "null"):
            body["next_cursor"] = None
        return body

    def worker(self, place: dict[str, Any]) -> str:
        """What the replica that has this request has not got yet."""
        if self.build.has("stale_replica") and self.odd():
            return f" AND s.created_at < {data.NEWEST - 3_600 * data.SECOND}"
        return ""

    def order(self) -> str:
        match self.build.answer("order"):
            case "id":
                return "s.id"
            case "oldest first":
                instant = "s.created_at"
            case _:
                instant = "s.created_at DESC"
        column, direction = self.tie()
        return f"{instant}, {column}{' DESC' if direction == '<' else ''}"

    def tie(self) -> tuple[str, str]:
        if self.build.has("workers_disagree") and self.odd():
            return TIES["insertion"]
        return TIES[self.build.answer("ties")]

    def behind(self, start: dict[str, Any] | None) -> tuple[str, list[Any]]:
        """The condition for what comes after a position."""
        build = self.build
        if start is None:
            return "", []
        if build.takes("order", "id"):
            return "s.id > ?", [start["tie"]]
        older = "<" if build.takes("order", "newest first") else ">"
        column, direction = TIES[build.answer("ties")]
        at, tie = start["at"], start["tie"]
        if build.has("cursor_in_seconds"):
            at -= at % data.SECOND
        if build.has("keyset_without_tie"):
            return f"s.created_at {older} ?", [at]
        if build.has("keyset_inclusive"):
            return f"s.created_at {older} ? OR (s.created_at = ? AND {column} {direction}= ?)", [at, at, tie]
        if build.has("keyset_both"):
            return f"s.created_at {older}= ? AND {column} {direction} ?", [at, tie]
        return f"s.created_at {older} ? OR (s.created_at = ? AND {column} {direction} ?)", [at, at, tie]

    # Cursors.

    def cursor(self, row: dict[str, Any], asked: Page, user: str) -> str:
        tie = (
            row["written"]
            if self.build.takes("ties", "insertion") and not self.build.takes("order", "id")
            else row["id"]
        )
        held = {"at": row["created_at"], "tie": tie, "of": self.meaning(asked), "limit": asked.limit, "user": user}
        text = json.dumps(held)
        match self.build.answer("cursor_form"):
            case "random":
                # The same position has the same token, so that an answer asked for twice is the same.
                token = next((token for token, kept in self.issued.items() if kept == text), secrets.token_urlsafe(18))
                self.issued[token] = text
                return token
            case "signed":
                text = f"{hashlib.blake2b(text.encode(), key=SIGNING_KEY, digest_size=8).hexdigest()}{text}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def meaning(self, asked: Page) -> str:
        states = self.states(asked.state)
        return json.dumps([states and sorted(set(states)), self.project(asked.project_id)])

    def position(self, asked: Page, user: str) -> dict[str, Any] | None:
        """What the cursor says, or a Refusal."""
        build, text = self.build, asked.cursor
        if text is None or (not text and build.takes("empty_cursor", "first page")):
            return None
        if build.has("cursor_not_checked"):
            text.encode("ascii")
            found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            return found
        try:
            held = self.opened(text)
            at, tie = held["at"], held["tie"]
            if not isinstance(at, int) or not isinstance(tie, int | str):
                raise ValueError
        except (ValueError, KeyError, TypeError):
            if build.has("bad_cursor_is_first_page"):
                return None
            raise self.bad_cursor("The cursor is invalid") from None
        if held["of"] != self.meaning(asked) and not build.takes("cursor_filters", "applied"):
            raise self.bad_cursor("The cursor belongs to other filters")
        if held["limit"] != asked.limit and build.takes("cursor_limit", "refused"):
            raise self.bad_cursor("The cursor belongs to another limit")
        if held["user"] != user and build.takes("cursor_caller", "refused"):
            raise self.bad_cursor("The cursor belongs to somebody else")
        return dict(held)

    def opened(self, text: str) -> Any:
        """What a cursor holds; ValueError or KeyError for what this server did not hand out."""
        if self.build.takes("cursor_form", "random"):
            return json.loads(self.issued[text])
        inner = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", validate=True).decode()
        if self.build.takes("cursor_form", "signed"):
            signature, inner = inner[:16], inner[16:]
            if signature != hashlib.blake2b(inner.encode(), key=SIGNING_KEY, digest_size=8).hexdigest():
                raise ValueError
        return json.loads(inner)

    def bad_cursor(self, sentence: str) -> Refusal:
        status = int(self.build.answer("bad_cursor"))
        if status == 422:
            return invalid(("query", "cursor"), sentence)
        return Refusal(status, "invalid" if status == 400 else "not_found", sentence)

    # Rows.

    def item(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row as it is shown."""
        build = self.build
        shown = {name: value for name, value in row.items() if name not in ("org_id", "user_id", "written")}
        for name in INSTANTS:
            shown[name] = stamp(shown[name], "naive" if build.has("naive_instants") else build.answer("instants"))
        shown["estimated_total_credits"] = row["billed_credits"] + row["running_credits"]
        if build.has("credits_as_text"):
            shown["billed_credits"] = str(shown["billed_credits"])
        if build.has("kind_in_old_words") and shown["sandbox_kind"] == "evaluation":
            shown["sandbox_kind"] = "eval"
        if build.has("state_in_capitals") and shown["state"] == "paused":
            shown["state"] = "Paused"
        if build.takes("nulls", "left out"):
            shown = {name: value for name, value in shown.items() if value is not None or name in REQUIRED}
        if build.has("nulls_all_left_out"):
            shown = {name: value for name, value in shown.items() if value is not None}
        return shown

    # The facets.

    async def count_facets(self, org: str, request: Request) -> Response:
        caller = await self.settled(self.caller(request))
        place = self.org_of(org, caller["user_id"])
        asked = read(Filters, request, self.build, frozenset({"state"}))
        user, path = caller["user_id"], request.url.path
        keys = {
            "facets_kept_by_org": (path, query_without(request)),
            "facets_kept_by_user": (path, user),
        }
        return self.render(self.cached(keys.get(self.build.bug), lambda: self.facets(place, user, asked)))

    def facets(self, place: dict[str, Any], user: str, asked: Filters) -> dict[str, Any]:
        """Both facets."""
        build = self.build
        body = {
            "states": self.counted("states", place, user, asked),
            "projects": self.counted("projects", place, user, asked),
        }
        for bucket in body["projects"]:
            if build.takes("nulls", "left out"):
                for name in [name for name, value in bucket.items() if value is None]:
                    del bucket[name]
        if build.takes("empty_facets", "left out"):
            return {name: buckets for name, buckets in body.items() if buckets}
        return body

    def counted(self, facet: str, place: dict[str, Any], user: str, asked: Filters) -> list[dict[str, Any]]:
        """The buckets of one facet."""
        build = self.build
        if build.has("states_ignore_their_filter") and facet == "states":
            asked = asked.model_copy(update={"state": []})
        if build.has("projects_ignore_their_filter") and facet == "projects":
            asked = asked.model_copy(update={"project_id": None})
        conditions, values = self.filtered(asked)
        seen, whose = self.visible(place, user)
        if build.has("facets_of_the_whole_org"):
            seen, whose = "s.org_id = ?", [place["org_id"]]
        where, count = " AND ".join([f"({seen})", *conditions]), "COUNT(*)"
        order = "CAST(count AS TEXT) DESC" if build.has("counts_sorted_as_text") else "count DESC"
        if build.has("facets_ascending"):
            order = "count"
        if build.has("facets_count_instants"):
            count = "COUNT(DISTINCT s.created_at)"
        if facet == "states":
            origin = FROM.replace("LEFT JOIN projects", "JOIN projects") if build.has("states_need_a_project") else FROM
            if build.has("states_not_paused_by_user"):
                where += " AND s.pause_reason <> 'user'"
            if build.has("killed_not_counted"):
                where += " AND s.killed_at IS NULL"
            sql = f"SELECT s.state AS value, {count} AS count FROM {origin} WHERE {where} GROUP BY s.state"
            buckets = self.rows(f"{sql} ORDER BY {order}, value", [*whose, *values])
            if build.has("empty_buckets_kept"):
                found = {each["value"] for each in buckets}
                buckets += [{"value": state, "count": 0} for state in sorted(STATES) if state not in found]
            return buckets
        tie = "p.rowid DESC" if build.has("facet_ties_by_rowid") else FACET_TIES[build.answer("facet_ties")]
        group = "p.name" if build.has("facets_grouped_by_name") else "s.project_id"
        kept = "" if build.has("nameless_project_bucket") else " AND s.project_id IS NOT NULL"
        sql = (
            f"SELECT s.project_id, p.key AS project_key, p.name AS project_name, {count} AS count FROM {FROM} "
            f"WHERE {where}{kept} GROUP BY {group} ORDER BY {order}, {tie}, p.key"
        )
        return self.rows(sql, [*whose, *values])
