"""Page 004: the sandboxes of a key's team, filtered by their tags."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from fastapi import Request, Response

from tests.kit.other_make import data
from tests.kit.other_make.asking import Refusal, bearer, invalid, refuse_odd, stamp
from tests.kit.other_make.web import Server, query_without

PREFIX = "metadata."
LONGEST_VALUE = 2_048
RESERVED = "superserve."
STATUSES = ("active", "paused", "resuming")
ORDERS = {"newest first": "m.created_at DESC", "oldest first": "m.created_at", "name": "m.name"}
TIES = {"id": "m.id", "id descending": "m.id DESC", "insertion": "m.rowid"}
KNOWN = ("limit", "offset", "status")
"""Parameters that the page has not, and that a build may read all the same."""
Pairs = list[tuple[str, str]]


class Superserve(Server):
    """The server."""

    slug = "superserve"
    credential_headers = ("x-api-key",)
    sql_credentials: ClassVar[str] = "SELECT team_id FROM api_keys WHERE secret {match} ORDER BY rowid LIMIT 1"

    def route(self) -> None:
        self.get("/sandboxes", self.list_sandboxes)

    def secret(self, request: Request) -> str | None:
        key: str | None = request.headers.get("x-api-key")
        if key is None and self.build.takes("bearer", "accepted"):
            return bearer(request.headers, self.build)
        if key is not None and self.build.has("scheme_in_key"):
            return key.rpartition(" ")[2]
        return key

    def dialect(self, refusal: Refusal) -> tuple[int, Any]:
        status = refusal.status
        if refusal.kind == "validation" and not self.build.takes("validation_status", "422"):
            status = 400
        sentence = refusal.sentence
        match self.build.answer("refusal_body"):
            case "error object":
                return status, {"error": {"code": refusal.kind, "message": sentence}}
            case "error text":
                return status, {"error": sentence}
        return status, {"message": sentence}

    # Filters.

    def filters(self, request: Request) -> Pairs:
        """Keys and values to filter by, each key once, or a Refusal."""
        build = self.build
        found: dict[str, list[str]] = {}
        for name, text in request.query_params.multi_items():
            refuse_odd(name, text, build)
            if not name.startswith(PREFIX):
                self.other(name, text)
                continue
            key = name.removeprefix(PREFIX)
            if not key and not build.takes("empty_key", "matches nothing"):
                if build.takes("empty_key", "refused"):
                    raise invalid(("query", name), f"{name}: the key is empty")
                continue
            if len(text) > LONGEST_VALUE and build.takes("long_value", "refused"):
                raise invalid(("query", name), f"{name}: the value is longer than {LONGEST_VALUE} characters")
            if key.lower().startswith(RESERVED) and build.takes("reserved_key", "refused"):
                raise invalid(("query", name), f"{name}: the prefix {RESERVED} is reserved")
            found.setdefault(key, []).append(text)
        pairs: Pairs = []
        for key, texts in found.items():
            if len(texts) > 1 and build.takes("repeated_key", "refused"):
                raise invalid(("query", PREFIX + key), f"{PREFIX}{key} is given more than once")
            match build.answer("repeated_key"):
                case "first":
                    texts = texts[:1]
                case "last":
                    texts = texts[-1:]
            pairs += [(key, text) for text in texts]
        if build.has("last_pair_only"):
            pairs = pairs[-1:]
        if build.has("empty_value_is_no_filter"):
            pairs = [(key, text) for key, text in pairs if text]
        if build.has("null_is_no_filter"):
            pairs = [(key, text) for key, text in pairs if text not in ("null", "undefined")]
        return pairs

    def other(self, name: str, text: str) -> None:
        """A parameter that filters nothing by metadata."""
        build = self.build
        if name in KNOWN and build.takes("undocumented", "served"):
            if name == "status" and any(piece not in STATUSES for piece in text.split(",")):
                raise invalid(("query", name), f"{name}: unknown status")
            if name != "status" and text and not (text.isascii() and text.isdigit() and int(text) >= (name == "limit")):
                raise invalid(("query", name), f"{name} must be a positive integer")
        elif build.takes("undocumented" if name in KNOWN else "unknown_parameter", "refused"):
            raise invalid(("query", name), f"{name} is not a parameter of this list")

    def condition(self, pair: tuple[str, str]) -> tuple[str, list[Any]]:
        """The condition that a row has this tag."""
        build, (key, text) = self.build, pair
        if build.has("text_search"):
            held = "(SELECT json_group_object(t.key, t.value) FROM machine_tags t WHERE t.machine_id = m.id)"
            return f"{held} LIKE '%' || ? || '%'", [json.dumps(text, ensure_ascii=False)[1:-1]]
        if build.has("paths"):
            held = "(SELECT json_group_object(t.key, t.value) FROM machine_tags t WHERE t.machine_id = m.id)"
            return f"json_extract({held}, '$.{key.replace(chr(39), chr(39) * 2)}') = ?", [text]
        for_key = (
            "t.key = ? COLLATE NOCASE" if build.has("keys_any_case")
            else "t.key LIKE ? || '%'" if build.has("key_prefix")
            else "(? <> '' OR 1)" if build.has("any_key_will_do")
            else "t.key = ?"
        )  # fmt: skip
        for_value = (
            "t.value = ? COLLATE NOCASE" if build.has("values_any_case")
            else "t.value LIKE ?" if build.has("value_pattern")
            else "t.value LIKE ? || '%'" if build.has("value_prefix")
            else "instr(t.value, ?) > 0" if build.has("value_within")
            else "trim(t.value) = trim(?)" if build.has("padding_ignored")
            else "(t.value = ? OR (t.value <> '' AND t.value GLOB '[0-9]*' AND CAST(t.value AS NUMERIC) = "
                 "CAST(? AS NUMERIC)))" if build.has("values_as_numbers")
            else "(? <> '' OR 1)" if build.has("key_is_enough")
            else "t.value <> ?" if build.has("value_negated")
            else "t.value = ?"
        )  # fmt: skip
        held = f"EXISTS (SELECT 1 FROM machine_tags t WHERE t.machine_id = m.id AND {for_key} AND {for_value})"
        return held, [key, *[text] * for_value.count("?")]

    # The list.

    async def list_sandboxes(self, request: Request) -> Response:
        caller = await self.settled(self.caller(request))
        build, team, path = self.build, caller["team_id"], request.url.path
        pairs = self.filters(request)
        if build.has("nul_breaks") and any("\0" in text for _, text in pairs):
            raise ValueError("A string literal cannot contain NUL (0x00) characters.")
        if build.has("beyond_latin_breaks"):
            "".join(text for _, text in pairs).encode("latin-1")
        keys = {
            "list_kept_by_team": (path, team),
            "list_kept_without_team": (path, query_without(request)),
            "list_kept_by_keys": (path, team, tuple(key for key, _ in pairs)),
            "list_kept_by_values": (path, team, tuple(text for _, text in pairs)),
            "list_kept_in_lower_case": (path, team, query_without(request).lower()),
        }
        rows = self.cached(keys.get(build.bug), lambda: self.found(team, pairs))
        total = len(rows)
        if build.takes("undocumented", "served"):
            rows = self.cut(rows, request)
        headers = {"x-total-count": str(total)} if build.takes("total_header", "sent") else None
        return self.render({"data": rows} if build.has("list_in_an_object") else rows, headers=headers)

    def cut(self, rows: list[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
        """What a build makes of the parameters that the page has not."""
        asked = request.query_params
        if asked.get("status"):
            wanted = asked["status"].split(",")
            rows = [row for row in rows if row["status"] in wanted]
        start = int(asked.get("offset") or 0)
        return rows[start : start + int(asked["limit"])] if asked.get("limit") else rows[start:]

    def found(self, team: str, pairs: Pairs) -> list[dict[str, Any]]:
        """The rows of the answer."""
        build = self.build
        conditions: list[str] = []
        values: list[Any] = []
        for pair in pairs:
            condition, more = self.condition(pair)
            conditions.append(condition)
            values += more
        if build.has("any_pair") and conditions:
            conditions = [f"({' OR '.join(conditions)})"]
        seen = "m.team_id = ?"
        if pairs and build.has("brackets_forgotten"):
            conditions = [" AND ".join([seen, conditions[0]]) + "".join(f" OR {each}" for each in conditions[1:])]
            values = [team, *values]
        elif pairs and build.has("team_forgotten_with_filter"):
            pass
        else:
            conditions, values = [seen, *conditions], [team, *values]
        origin, group, limit = "machines m", "", -1
        if build.has("join_duplicates") and pairs:
            origin = "machines m JOIN machine_tags j ON j.machine_id = m.id"
        if build.has("uncapped_left_out_with_filter") and pairs:
            conditions.append("m.timeout_seconds IS NOT NULL")
        if build.has("snapshot_compared_with_null") and pairs:
            conditions.append("m.snapshot_id <> ''")
        if build.has("paused_left_out_with_filter") and pairs:
            conditions.append("m.status <> 'paused'")
        if build.has("one_per_instant") and pairs:
            group = " GROUP BY m.created_at"
        if build.has("hundred_rows"):
            limit = 100
        if build.has("fifty_with_filter") and pairs:
            limit = 50
        if build.has("filter_within_newest") and pairs:
            newest = f"SELECT id FROM machines m WHERE {seen} ORDER BY {self.order()} LIMIT 100"
            conditions.append(f"m.id IN ({newest})")
            values.append(team)
        if build.has("stale_replica") and self.odd():
            conditions.append(f"m.created_at < {data.NEWEST - 3_600 * data.SECOND}")
        sql = f"SELECT m.* FROM {origin} WHERE {' AND '.join(conditions)}{group} ORDER BY {self.order()} LIMIT {limit}"
        rows = self.rows(sql, values)
        return [self.item(row, tags) for row, tags in self.tagged(rows)]

    def order(self) -> str:
        build = self.build
        if build.has("order_forgotten") and self.odd():
            return "m.rowid"
        if build.has("workers_disagree") and self.odd():
            return f"{ORDERS[build.answer('order')]}, m.rowid DESC"
        return f"{ORDERS[build.answer('order')]}, {TIES[build.answer('ties')]}"

    def tagged(self, rows: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """The rows with their tags."""
        found: dict[str, dict[str, Any]] = {}
        for each in self.rows("SELECT machine_id, key, value FROM machine_tags"):
            found.setdefault(each["machine_id"], {})[each["key"]] = each["value"]
        return [(row, found.get(row["id"], {})) for row in rows]

    def item(self, row: dict[str, Any], tags: dict[str, Any]) -> dict[str, Any]:
        """A row as it is shown."""
        build = self.build
        network = row["network"] and json.loads(row["network"])
        if build.has("tags_typed"):
            tags = {key: int(text) if text.isdigit() else text for key, text in tags.items()}
        shown: dict[str, Any] = {
            "id": row["id"] if not build.has("id_shortened") else row["id"].replace("-", "")[:12],
            "name": row["name"],
            "status": "running" if build.has("status_in_old_words") and row["status"] == "active" else row["status"],
            "vcpu_count": row["vcpu_count"],
            "memory_mib": row["memory_mib"] + 0.5 if build.has("memory_with_fraction") else row["memory_mib"],
            "snapshot_id": row["snapshot_id"],
            "created_at": stamp(
                row["created_at"], "naive" if build.has("naive_instants") else build.answer("instants")
            ),
            "timeout_seconds": row["timeout_seconds"],
            "network": network,
            "metadata": tags,
        }
        kept = {"snapshot_as_null": "snapshot_id", "timeout_as_null": "timeout_seconds", "network_as_null": "network"}
        shown = {name: value for name, value in shown.items() if value is not None or kept.get(build.bug) == name}
        if build.has("network_empty") and network is None:
            shown["network"] = {}
        if build.has("no_tags_left_out") and not tags:
            del shown["metadata"]
        if build.has("no_tags_null") and not tags:
            shown["metadata"] = None
        return shown
