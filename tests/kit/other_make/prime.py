"""Page 003: the caller's sandboxes, by team, user, status and labels, page by page."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Literal
from urllib.parse import urlencode

from fastapi import Request, Response
from pydantic import Field

from tests.kit.other_make import data
from tests.kit.other_make.asking import Boolean, Query, Refusal, Whole, bearer, invalid, read, stamp
from tests.kit.other_make.web import Server, query_without

STATUSES = ("PENDING", "PROVISIONING", "RUNNING", "PAUSED", "ERROR", "TERMINATED")
ORDERS = {"newest first": "s.created_at DESC", "oldest first": "s.created_at", "id": "s.id"}
TIES = {"id": "s.id", "id descending": "s.id DESC", "insertion": "s.rowid"}
LABELLED = "EXISTS (SELECT 1 FROM pod_labels l WHERE l.pod_id = s.id AND l.label {match})"
LARGEST_OFFSET = 2**63 - 1
LARGEST_PAGE = 100_000
"""The last page that a build with a bound of its own serves."""
OPTIONAL = ("startCommand", "gpuType", "environmentVars", "advancedConfigs", "startedAt", "terminatedAt", "teamId",
            "kubernetesJobId", "exitCode", "errorType", "errorMessage", "region", "registryCredentialsId")  # fmt: skip


class Pods(Query):
    """The query of the list."""

    team_id: str | None = None
    user_id: str | None = None
    status: Literal["PENDING", "PROVISIONING", "RUNNING", "PAUSED", "ERROR", "TERMINATED"] | None = None
    is_active: Boolean | None = None
    labels: list[str] = Field(default_factory=list)
    page: Whole = Field(1, ge=1)
    per_page: Whole = Field(50, ge=1, le=1_000)


class LoosePods(Pods):
    """The same by an engineer who forgot the bounds."""

    page: Whole = 1
    per_page: Whole = 50


class Prime(Server):
    """The server."""

    slug = "prime"
    sql_credentials: ClassVar[str] = "SELECT person_id FROM persons WHERE token {match} ORDER BY rowid LIMIT 1"

    def route(self) -> None:
        self.get("/api/v1/sandbox", self.list_sandboxes)

    def secret(self, request: Request) -> str | None:
        return bearer(request.headers, self.build)

    def dialect(self, refusal: Refusal) -> tuple[int, Any]:
        status = refusal.status
        if refusal.kind == "validation":
            if self.build.takes("validation_status", "400"):
                status = 400
            match self.build.answer("validation_body"):
                case "detail":
                    return status, {
                        "detail": [{"loc": each.loc, "msg": each.msg, "type": each.type} for each in refusal.issues]
                    }
                case "errors":
                    return status, {
                        "errors": [{"param": str(each.loc[-1]), "details": each.msg} for each in refusal.issues]
                    }
        if self.build.takes("refusal_body", "error"):
            return status, {"error": refusal.sentence}
        return status, {"detail": refusal.sentence}

    # Who may see what.

    def role(self, team: str, person: str) -> str | None:
        """The role of a person in a team; a Refusal for a team that there is not."""
        if not self.rows("SELECT 1 FROM teams WHERE team_id = ?", [team]):
            raise self.refused_team("unknown_team")
        sql = "SELECT role FROM team_members WHERE team_id = ? AND person_id = ?"
        if self.build.has("admin_anywhere"):
            sql = "SELECT role FROM team_members WHERE ? <> '' AND person_id = ? ORDER BY role"
        found = self.rows(sql, [team, person])
        return found[0]["role"] if found else None

    def refused_team(self, variant: str) -> Refusal:
        match self.build.answer(variant):
            case "403":
                return Refusal(403, "forbidden", "You are not a member of this team")
            case "404":
                return Refusal(404, "not_found", "Team not found")
        return NothingToShow()

    def visible(self, asked: Pods, person: str) -> tuple[str, list[Any]]:
        """The condition that holds for what is asked for and may be seen, or a Refusal."""
        build, team, user = self.build, asked.team_id, asked.user_id
        if team == "":
            match build.answer("empty_team"):
                case "no filter":
                    team = None
                case "422":
                    raise invalid(
                        ("query", "team_id"), "String should have at least 1 character", "string_too_short", team
                    )
        if build.has("user_ignored"):
            user = None
        if team is None:
            if user is not None and user != person and not build.has("user_not_checked"):
                status = int(build.answer("other_user_alone"))
                if status == 422:
                    raise invalid(("query", "user_id"), "team_id is required for another user's sandboxes")
                raise Refusal(status, "forbidden", "Only an admin of the team may list another user's sandboxes")
            whose = user if user is not None else person
            if build.has("user_prefix"):
                return "s.user_id LIKE ? || '%'", [whose]
            match build.answer("without_team"):
                case "own, in any team":
                    return "s.user_id = ?", [whose]
                case "own and of no team":
                    return "s.user_id = ? AND s.team_id IS NULL", [whose]
            teams = "SELECT team_id FROM team_members WHERE person_id = ? AND role = 'admin'"
            if user is not None:
                return "s.user_id = ?", [whose]
            return f"(s.user_id = ? OR s.team_id IN ({teams}))", [person, person]
        role = None if build.has("team_not_checked") else self.role(team, person)
        if role is None and not build.has("team_not_checked"):
            raise self.refused_team("foreign_team")
        return self.in_team(team, user, person, role)

    def in_team(self, team: str, user: str | None, person: str, role: str | None) -> tuple[str, list[Any]]:
        """The same within a team of the caller's."""
        build = self.build
        if user is not None and user != person:
            if role != "admin" and not build.has("user_not_checked") and not build.has("team_not_checked"):
                raise Refusal(403, "forbidden", "Only an admin of the team may list another user's sandboxes")
            if build.has("team_or_user"):
                return "(s.team_id = ? OR s.user_id = ?)", [team, user]
            if build.has("team_forgotten_with_user"):
                return "s.user_id = ?", [user]
            return "s.team_id = ? AND s.user_id = ?", [team, user]
        everything = build.takes("team_list", "everything") or (build.takes("team_list", "by role") and role == "admin")
        if build.has("team_not_checked"):
            everything = True
        if user is None and everything:
            return "s.team_id = ?", [team]
        return "s.team_id = ? AND s.user_id = ?", [team, person]

    # The list.

    def filtered(self, asked: Pods) -> tuple[list[str], list[Any]]:
        """The conditions of the other filters."""
        build = self.build
        conditions: list[str] = []
        values: list[Any] = []
        if asked.status is not None:
            conditions.append("s.status = ?")
            values.append(
                "TERMINATED" if build.has("error_is_terminated") and asked.status == "ERROR" else asked.status
            )
        if asked.is_active is not None and not (build.has("status_beats_is_active") and asked.status):
            if asked.is_active:
                conditions.append("s.terminated_at IS NULL AND s.exit_code <> 0" if build.has("active_by_exit_code")
                                  else "s.status IN ('RUNNING')" if build.has("active_is_running")
                                  else "s.status <> 'TERMINATED'")  # fmt: skip
            elif build.takes("is_active_false", "terminated only"):
                conditions.append("s.status = 'TERMINATED'")
        labels = asked.labels
        if build.takes("label_commas", "split"):
            labels = [piece for label in labels for piece in label.split(",")]
        if build.takes("empty_label", "ignored"):
            labels = [label for label in labels if label]
        if build.has("last_label_only"):
            labels = labels[-1:]
        match = (
            "LIKE '%' || ? || '%'" if build.has("label_within")
            else "LIKE ?" if build.has("label_pattern")
            else "= ? COLLATE NOCASE" if build.has("labels_any_case")
            else "= ?"
        )  # fmt: skip
        found = [LABELLED.format(match=match) for _ in labels]
        if build.has("repeated_label_counted") and labels:
            found = [f"(SELECT COUNT(*) FROM pod_labels l WHERE l.pod_id = s.id AND l.label IN "
                     f"({', '.join('?' * len(labels))})) = {len(labels)}"]  # fmt: skip
        if found:
            conditions.append("(" + (" OR " if build.has("any_label") else " AND ").join(found) + ")")
            values += labels
        return conditions, values

    async def list_sandboxes(self, request: Request) -> Response:
        caller = await self.settled(self.caller(request))
        build, person = self.build, caller["person_id"]
        asked = self.asked(request)
        path = request.url.path
        keys = {
            "list_kept_by_user": (path, person),
            "list_kept_without_user": (path, query_without(request)),
            "list_kept_without_page": (path, person, query_without(request, "page")),
            "list_kept_without_size": (path, person, query_without(request, "per_page")),
            "team_kept_for_all": (path, query_without(request)) if asked.team_id else None,
        }
        try:
            body = self.cached(keys.get(build.bug), lambda: self.page(asked, person))
        except NothingToShow:
            body = self.envelope([], 0, asked)
        return self.render(body)

    def asked(self, request: Request) -> Pods:
        """The query, with what this build makes of its bounds."""
        build = self.build
        if build.takes("empty_status", "no filter") and request.query_params.get("status") == "":
            pairs = [pair for pair in request.query_params.multi_items() if pair != ("status", "")]
            request = Request({**request.scope, "query_string": encoded(pairs)})
        loose = build.has("page_zero_is_one") or build.has("per_page_clamped")
        asked = read(LoosePods if loose else Pods, request, build, frozenset({"labels"}))
        changes: dict[str, Any] = {}
        if build.has("page_zero_is_one"):
            changes["page"] = max(asked.page, 1)
        if build.has("per_page_clamped"):
            changes["per_page"] = min(max(asked.per_page, 1), 1_000)
        if build.has("default_size_20") and "per_page" not in asked.model_fields_set:
            changes["per_page"] = 20
        asked = asked.model_copy(update=changes)
        if build.takes("largest_page", "bounded") and asked.page > LARGEST_PAGE:
            raise invalid(("query", "page"), f"Input should be less than or equal to {LARGEST_PAGE}", "less_than_equal")
        return asked

    def page(self, asked: Pods, person: str) -> dict[str, Any]:
        """One page, with the total."""
        build = self.build
        seen, whose = self.visible(asked, person)
        conditions, values = self.filtered(asked)
        if build.has("brackets_forgotten") and asked.status and asked.team_id:
            seen = f"s.user_id = '{person}' OR {seen}"
        elif conditions and build.has("user_forgotten_with_labels") and asked.labels:
            seen, whose = "1", []
        else:
            seen = f"({seen})"
        where = " AND ".join([seen, *conditions])
        if build.has("stale_replica") and self.odd():
            where += f" AND s.created_at < {data.NEWEST - 3_600 * data.SECOND}"
        origin = "pods s"
        if build.has("join_duplicates") and asked.labels:
            origin = "pods s JOIN pod_labels j ON j.pod_id = s.id"
        if build.has("labels_required") and asked.status:
            origin = "pods s JOIN (SELECT DISTINCT pod_id FROM pod_labels) j ON j.pod_id = s.id"
        total = self.total(where, [*whose, *values], origin, person, seen, whose)
        offset = (asked.page - (0 if build.has("pages_from_zero") else 1)) * asked.per_page
        if not build.has("large_page_breaks"):
            offset = min(offset, LARGEST_OFFSET)
        sql = f"SELECT s.* FROM {origin} WHERE {where} ORDER BY {self.order(asked)} LIMIT ? OFFSET ?"
        if build.has("page_before_filter"):
            sql = (
                f"SELECT s.* FROM (SELECT s.*, s.rowid FROM pods s WHERE {seen} ORDER BY {self.order(asked)} "
                f"LIMIT ? OFFSET ?) s WHERE {' AND '.join(conditions) or '1'}"
            )
            rows = self.rows(sql, [*whose, asked.per_page, offset, *values])
        elif build.has("terminated_dropped_after_paging") and asked.is_active:
            plain = where.replace(" AND s.status <> 'TERMINATED'", "")
            rows = self.rows(sql.replace(where, plain), [*whose, *values, asked.per_page, offset])
            rows = [row for row in rows if row["status"] != "TERMINATED"]
        else:
            rows = self.rows(sql, [*whose, *values, asked.per_page, offset])
        if not rows and asked.page > 1 and build.takes("page_beyond", "404"):
            raise Refusal(404, "not_found", "This page does not exist")
        return self.envelope(self.shown(rows), len(rows) if build.has("total_of_the_page") else total, asked)

    def total(self, where: str, values: list[Any], origin: str, person: str, seen: str, whose: list[Any]) -> int:
        """How many rows there are in all."""
        build = self.build
        if build.has("total_unfiltered"):
            where, values = seen, whose
        if build.has("total_over_labels"):
            origin = f"{origin} LEFT JOIN pod_labels c ON c.pod_id = s.id"
        key = ("total", person) if build.has("total_kept_by_user") else None

        def counted() -> int:
            return int(self.rows(f"SELECT COUNT(*) AS n FROM {origin} WHERE {where}", values)[0]["n"])

        found: int = self.cached(key, counted)
        return found

    def order(self, asked: Pods) -> str:
        build = self.build
        if build.has("ties_by_page") and asked.page % 2 == 0:
            return f"{ORDERS[build.answer('order')]}, s.name"
        if build.has("workers_disagree") and self.odd():
            return f"{ORDERS[build.answer('order')]}, s.rowid DESC"
        return f"{ORDERS[build.answer('order')]}, {TIES[build.answer('ties')]}"

    def envelope(self, rows: list[dict[str, Any]], total: int, asked: Pods) -> dict[str, Any]:
        build = self.build
        more = asked.page * asked.per_page < total
        if build.has("has_next_too_long"):
            more = asked.page * asked.per_page <= total
        if build.has("has_next_when_full"):
            more = len(rows) == asked.per_page
        if build.has("has_next_never"):
            more = False
        return {
            "sandboxes": rows,
            "total": str(total) if build.has("total_as_text") else total,
            "page": 1 if build.has("page_echo_fixed") else asked.page,
            "per_page": len(rows) if build.has("per_page_echo_counts") else asked.per_page,
            "has_next": more,
        }

    def shown(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The rows as they are shown."""
        found: dict[str, list[str]] = {}
        ids = [row["id"] for row in rows]
        sql = f"SELECT pod_id, label FROM pod_labels WHERE pod_id IN ({', '.join('?' * len(ids))}) ORDER BY position"
        for each in self.rows(sql, ids):
            found.setdefault(each["pod_id"], []).append(each["label"])
        return [self.item(row, found.get(row["id"], [])) for row in rows]

    def item(self, row: dict[str, Any], labels: list[str]) -> dict[str, Any]:
        build, form = self.build, self.build.answer("instants")
        if build.has("naive_instants"):
            form = "naive"
        shown: dict[str, Any] = {
            "id": row["id"],
            "name": row["name"],
            "dockerImage": row["image"],
            "startCommand": row["start_command"],
            "cpuCores": str(row["cpu_cores"]) if build.has("cores_as_text") else row["cpu_cores"],
            "memoryGB": row["memory_gb"],
            "diskSizeGB": row["disk_gb"],
            "diskMountPath": "/workspace",
            "gpuCount": row["gpu_count"],
            "networkAccess": row["network_access"] if build.has("flags_as_numbers") else bool(row["network_access"]),
            "status": "STOPPED"
            if build.has("status_in_old_words") and row["status"] == "TERMINATED"
            else row["status"],
            "timeoutMinutes": row["timeout_minutes"],
            "environmentVars": row["environment"] and json.loads(row["environment"]),
            "advancedConfigs": None,
            "createdAt": row["created_at"] // data.SECOND
            if build.has("created_as_number")
            else stamp(row["created_at"], form),
            "updatedAt": stamp(row["updated_at"], form),
            "startedAt": stamp(row["started_at"], form),
            "terminatedAt": stamp(row["terminated_at"], form),
            "userId": row["user_id"],
            "teamId": row["team_id"],
            "kubernetesJobId": row["job_id"],
            "gpuType": row["gpu_type"],
            "vm": bool(row["vm"]),
            "labels": None if build.has("no_labels_null") and not labels else labels,
            "exitCode": row["exit_code"],
            "errorType": row["error_type"],
            "errorMessage": row["error_message"],
            "region": row["region"],
            "registryCredentialsId": None,
        }
        if build.takes("nulls", "left out"):
            shown = {name: value for name, value in shown.items() if value is not None or name not in OPTIONAL}
        return shown


class NothingToShow(Refusal):
    """A team that may not be seen, on a build that answers with an empty list."""

    def __init__(self) -> None:
        super().__init__(200, "nothing", "Nothing to show")


def encoded(pairs: list[tuple[str, str]]) -> bytes:
    """The pairs as a query."""
    return urlencode(pairs).encode()
