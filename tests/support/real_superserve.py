"""A server that answers as Superserve's own is known to (a listing of its newest version), not as its page says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from contract_tests.planted.false_alarms import handler
from tests.support.deployments import Answered

KEY = "superserve-admin-key"
STATES = ("starting", "active", "pausing", "paused", "resuming", "migrating", "failed", "deleted")
MOST = 200
TEXT = {"content-type": "text/plain"}
JSON = {"content-type": "application/json; charset=utf-8"}
NOT_FOUND: Answered = (404, TEXT, b"404 page not found")


def rows_of_a_live_team(size: int = 60) -> list[dict[str, Any]]:
    """Rows in every state that such a team has, newest first; those of one instant by no order at all."""
    _, _, body = handler("superserve", 0, size)("GET", "/sandboxes", b"", {"x-api-key": KEY})
    rows: list[dict[str, Any]] = json.loads(body)
    for row, state in zip(rows[3::7], ("starting", "pausing", "migrating", "failed"), strict=False):
        row["status"] = state
        row.pop("snapshot_id", None)
    for row in rows:
        row["preview_access"] = "private"
    for one, two in zip(rows[::10], rows[1::10], strict=False):
        two["created_at"] = one["created_at"]
        one["id"], two["id"] = sorted((one["id"], two["id"]), reverse=True)
    return rows


def refused(message: str) -> Answered:
    return 400, JSON, json.dumps({"error": {"code": "bad_request", "message": message}}).encode()


class RealSuperserve:
    """`change` is a bug on top: it may answer a request (path and query) in the server's place, or not."""

    def __init__(
        self, rows: Sequence[dict[str, Any]], change: Callable[[str, bytes], Answered | None] = lambda path, query: None
    ) -> None:
        self.rows, self.change = rows, change

    def __call__(self, method: str, path: str, query: bytes, headers: Mapping[str, str]) -> Answered:
        if method != "GET" or path != "/sandboxes":
            return NOT_FOUND
        if headers.get("x-api-key") != KEY:
            error = {"code": "auth_failed", "message": "Invalid or missing X-API-Key header."}
            return 401, JSON, json.dumps({"error": error}).encode()
        changed = self.change(path, query)
        return changed or self.list(parse_qsl(query.decode(), keep_blank_values=True))

    def list(self, pairs: Sequence[tuple[str, str]]) -> Answered:
        tags: dict[str, str] = {}
        for name, text in pairs:
            key = name.removeprefix("metadata.")
            if key == name:
                continue
            if not key:
                return refused("metadata filter key cannot be empty")
            if key in tags:
                return refused(f'metadata filter "{key}" has multiple values; only one allowed')
            if len(text) > 2048:
                return refused(f'metadata value for key "{key}" is {len(text)} bytes, max is 2048')
            if len(key) > 256 or key.startswith("superserve."):
                return refused(f'metadata key "{key}" cannot be used')
            tags[key] = text
        if sum(map(len, (*tags, *tags.values()))) > 16384:
            return refused("metadata exceeds 16384 bytes total")
        if any("\x00" in text for text in (*tags, *tags.values())):
            return 500, JSON, b'{"error":{"code":"internal_error","message":"A problem occurred."}}'
        return self.cut(pairs, [row for row in self.rows if tags.items() <= row["metadata"].items()])

    def cut(self, pairs: Sequence[tuple[str, str]], rows: Sequence[dict[str, Any]]) -> Answered:
        given = dict(reversed(pairs))  # Of repeated ones the first counts.
        for name, least, what in (("limit", 1, "a positive"), ("offset", 0, "a non-negative")):
            text = given.get(name, "")
            if text and not (text.removeprefix("+").isdigit() and least <= int(text) < 2**63):
                return refused(f"{name} must be {what} integer")
        states = [piece for name, text in pairs if name == "status" and text for piece in text.split(",")]
        if any(state not in STATES for state in states):
            return refused(f"status must be one or more of: {', '.join(STATES)}")
        found = [row for row in rows if not states or row["status"] in states]
        start = int(given.get("offset") or 0)
        end = start + min(MOST, int(given["limit"])) if given.get("limit") else None
        return 200, {**JSON, "x-total-count": str(len(found))}, json.dumps(found[start:end]).encode()
