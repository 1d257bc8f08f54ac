"""Page 002: the caller's VMs, filtered by their metadata."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from fastapi import Request, Response
from pydantic import Field

from tests.kit.other_make import data
from tests.kit.other_make.asking import Issue, Query, Refusal, Whole, bearer, read, stamp
from tests.kit.other_make.containment import Containment, TooDeep
from tests.kit.other_make.web import Server, query_without

ORDERS = {"newest first": "v.started_at DESC", "oldest first": "v.started_at", "id": "v.vm_id"}
TIES = {"id": "v.vm_id", "id descending": "v.vm_id DESC", "insertion": "v.rowid"}


class Vms(Query):
    """The query of the list."""

    metadata: str | None = None
    limit: Whole = Field(100, ge=1, le=1_000)


class LooseVms(Vms):
    """The same by an engineer who forgot the bounds."""

    limit: Whole = 100


class Repeated(ValueError):
    """An object that has a key twice."""


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, or Repeated."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Repeated("a key is given twice")
    return found


def not_json(constant: str) -> Any:
    """Python's parser takes NaN and Infinity, which JSON has not."""
    raise ValueError(f"{constant} is not JSON")


class Instavm(Server):
    """The server."""

    slug = "instavm"
    credential_headers = ("authorization", "x-api-key")
    sql_credentials: ClassVar[str] = (
        "SELECT account_id, organization FROM accounts WHERE token {match} ORDER BY rowid LIMIT 1"
    )

    def route(self) -> None:
        self.get("/v1/sessions/sandboxes", self.list_sandboxes)

    def secret(self, request: Request) -> str | None:
        token, key = bearer(request.headers, self.build), request.headers.get("x-api-key")
        if self.build.takes("both_credentials", "key first"):
            return key if key is not None else token
        return token if token is not None else key

    def dialect(self, refusal: Refusal) -> tuple[int, Any]:
        build = self.build
        if refusal.kind == "validation" and refusal.issues and not build.has("detail_as_text"):
            issues = []
            for each in refusal.issues:
                issue: dict[str, Any] = {"loc": list(each.loc), "msg": each.msg, "type": each.type}
                if build.has("loc_as_text"):
                    issue["loc"] = ".".join(map(str, each.loc))
                if build.takes("issue_input", "shown"):
                    issue |= {"input": each.input, "ctx": {}}
                issues.append(issue)
            return refusal.status, {"detail": issues}
        return refusal.status, {"detail": refusal.sentence}

    def malformed(self, variant: str, msg: str, type: str) -> Refusal:
        """Metadata that cannot be read, refused with the status of this variant."""
        if self.build.takes(variant, "400"):
            return Refusal(400, "invalid", f"metadata: {msg}")
        return Refusal(422, "validation", msg, [Issue(("query", "metadata"), msg, type)])

    def wanted(self, text: str | None) -> dict[str, Any] | None:
        """The pairs to filter by; None where there is no filter."""
        build = self.build
        if text is None or (not text and build.takes("empty_metadata", "no filter")):
            return None
        if build.has("metadata_not_checked"):
            found = json.loads(text)
            return dict(found.items())
        twice = once if build.takes("repeated_key", "refused") else None
        constant = None if build.has("nan_is_taken") else not_json
        try:
            value = json.loads(text, object_pairs_hook=twice, parse_constant=constant)
        except RecursionError:
            if build.has("nesting_breaks"):
                raise
            raise self.malformed("deep_metadata", "metadata is nested too deeply", "json_invalid") from None
        except ValueError as error:
            if build.has("malformed_is_no_filter"):
                return None
            raise self.malformed("malformed_metadata", f"Invalid JSON: {error}", "json_invalid") from None
        if value is None and build.takes("null_metadata", "no filter"):
            return None
        if not isinstance(value, dict):
            if build.has("scalar_is_no_filter"):
                return None
            if build.has("scalar_breaks"):
                value = value.items()
            raise self.malformed("metadata_no_object", "Input should be a valid dictionary", "dict_type")
        if "\\u0000" in text and build.takes("nul", "refused"):
            raise self.malformed("malformed_metadata", "metadata holds a NUL character", "json_invalid")
        return value

    async def list_sandboxes(self, request: Request) -> Response:
        caller = await self.settled(self.caller(request))
        build = self.build
        loose = build.has("limit_clamped") or build.has("limit_not_checked")
        asked = read(LooseVms if loose else Vms, request, build)
        if "limit" not in asked.model_fields_set and build.has("default_limit_50"):
            asked = asked.model_copy(update={"limit": 50})
        if build.has("limit_clamped"):
            asked = asked.model_copy(update={"limit": min(max(asked.limit, 1), 1_000)})
        path = request.url.path
        keys = {
            "list_kept_by_user": (path, caller["account_id"]),
            "list_kept_without_user": (path, query_without(request)),
            "list_kept_without_limit": (path, caller["account_id"], query_without(request, "limit")),
            "list_kept_without_metadata": (path, caller["account_id"], asked.limit),
        }
        return self.answer(self.cached(keys.get(build.bug), lambda: self.found(caller, asked)))

    def answer(self, rows: list[dict[str, Any]]) -> Response:
        if self.build.has("list_in_an_object"):
            return self.render({"sandboxes": rows})
        return self.render(rows)

    def visible(self, caller: dict[str, Any]) -> tuple[str, list[Any]]:
        """The condition that holds for what the caller may see."""
        if self.build.takes("visibility", "organization"):
            return "v.account_id IN (SELECT account_id FROM accounts WHERE organization = ?)", [caller["organization"]]
        if self.build.has("account_prefix"):
            return "v.account_id LIKE ? || '%'", [caller["account_id"]]
        return "v.account_id = ?", [caller["account_id"]]

    def found(self, caller: dict[str, Any], asked: Vms) -> list[dict[str, Any]]:
        """The rows of the answer."""
        build = self.build
        seen, values = self.visible(caller)
        conditions = [seen]
        if build.takes("killed", "left out"):
            conditions.append("v.status <> 'killed'")
        wanted = self.wanted(asked.metadata)
        origin = "vms v LEFT JOIN snapshots t ON t.ref = v.parent_snapshot_ref"
        limit = asked.limit
        if wanted is not None:
            containment = Containment(build, "v.metadata")
            try:
                condition = containment.of(wanted)
            except TooDeep:
                if build.takes("deep_metadata", "nothing"):
                    return []
                raise self.malformed("deep_metadata", "metadata is nested too deeply", "json_invalid") from None
            filters, values_of = f"({condition})", containment.values
            if build.has("snapshot_required"):
                origin = origin.replace("LEFT JOIN", "JOIN")
            if build.has("account_forgotten_with_metadata"):
                conditions, values = [], []
            if build.has("limit_ignored_with_metadata"):
                limit = -1
            if build.has("limit_before_filter"):
                origin = origin.replace(
                    "vms v", f"(SELECT v.*, v.rowid FROM vms v WHERE {seen} ORDER BY {self.order()} LIMIT {limit}) v"
                )
                values = [*values, *values]
            if build.has("killed_left_out_with_metadata"):
                conditions.append("v.end_at IS NOT NULL AND v.status <> 'killed'")
            conditions.append(filters)
            values = [*values, *values_of]
        if build.has("join_by_prefix"):
            origin = origin.replace("t.ref = v.parent_snapshot_ref", "v.parent_snapshot_ref LIKE t.ref || '%'")
        if build.has("stale_replica") and self.odd():
            conditions.append(f"v.started_at < {data.NEWEST - 3_600 * data.SECOND}")
        offset = " OFFSET 1" if build.has("first_row_skipped_with_limit") and "limit" in asked.model_fields_set else ""
        sql = f"SELECT v.* FROM {origin} WHERE {' AND '.join(conditions)} ORDER BY {self.order()} LIMIT ?{offset}"
        try:
            rows = self.rows(sql, [*values, limit])
        except UnicodeEncodeError:
            if build.has("surrogate_breaks"):
                raise
            if build.takes("surrogate", "nothing"):
                return []
            raise self.malformed("malformed_metadata", "metadata holds half a surrogate pair", "json_invalid") from None
        return [self.item(row) for row in rows]

    def order(self) -> str:
        build = self.build
        if build.has("order_forgotten") and self.odd():
            return "v.rowid"
        return f"{ORDERS[build.answer('order')]}, {TIES[build.answer('ties')]}"

    def item(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row as it is shown."""
        build, form = self.build, self.build.answer("instants")
        snapshot, metadata = row["parent_snapshot_ref"], json.loads(row["metadata"])
        started: Any = stamp(row["started_at"], form)
        shown: dict[str, Any] = {
            "sandbox_id": row["vm_id"],
            "template_id": snapshot,
            "name": snapshot or (None if build.has("no_default_name") else "default"),
            "metadata": metadata,
            "started_at": row["started_at"] / data.SECOND if build.has("started_as_number") else started,
            "end_at": stamp(row["end_at"], form),
            "status": row["status"],
        }
        if build.has("metadata_as_text"):
            shown["metadata"] = row["metadata"]
        if build.has("empty_metadata_null") and not metadata:
            shown["metadata"] = None
        if build.has("status_left_out") and row["end_at"] is None:
            del shown["status"]
        if build.has("metadata_with_nan") and "ratio" in metadata:
            shown["metadata"]["ratio"] = float("nan")
        if build.takes("nulls", "left out"):
            return {name: value for name, value in shown.items() if value is not None}
        return shown
