"""Superserve's control plane as tests ask it: every answer is held against the spec."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from jsonschema_rs import Draft202012Validator

from fakeserver.serving.app import App
from tests.support.admin import admin, done
from tests.support.asgi import SPECS, Reply, Row, call, credential, resolved, served

JSON = {"content-type": "application/json"}
BEYOND = ("starting", "pausing", "migrating", "failed")
"""States that only the provider's server lists."""


@cache
def routes() -> tuple[tuple[str, re.Pattern[str], Row], ...]:
    """(method, path, operation), those that spell out more first."""
    found = sorted(served("superserve"), key=lambda each: each[1].count("{"))
    return tuple((method, re.compile(re.sub(r"\{[a-z_]+\}", "[^/]+", path)), each) for method, path, each in found)


@cache
def validator(operation: str, status: int) -> Draft202012Validator | None:
    """What an answer must be like; None where it has no JSON."""
    each = next(each for _, _, each in routes() if each["operationId"] == operation)
    content = resolved("superserve", each["responses"][str(status)]).get("content", {})
    if "application/json" not in content:
        return None
    schema = {**content["application/json"]["schema"], "components": SPECS["superserve"]["components"]}
    return Draft202012Validator(schema, validate_formats=True)


def ask(app: App, method: str, path: str, body: Any = None, *, who: str = "admin", ns: str = "", **more: str) -> Reply:
    """One request; whatever it is answered with is documented."""
    raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = credential("superserve", who) | JSON | {name.replace("_", "-"): text for name, text in more.items()}
    root = f"/ns/{ns}/superserve" if ns else "/superserve"
    reply = call(app, root + path, method=method, headers=headers, body=raw)
    plain = path.partition("?")[0]
    each = next(each for verb, pattern, each in routes() if verb == method and pattern.fullmatch(plain))
    assert str(reply.status) in each["responses"] or reply.status == 413, (method, path, reply.status, reply.body[:300])
    held = None if reply.status == 413 else validator(each["operationId"], reply.status)
    if held is not None:
        value = reply.value
        if each["operationId"] == "listSandboxes" and reply.status == 200:
            # With the switch `states: server` a list has states that the page has no word for.
            value = [row | ({"status": "active"} if row["status"] in BEYOND else {}) for row in value]
        assert [error.message for error in held.iter_errors(value)] == [], (method, path, reply.body[:300])
    elif reply.status == 204:
        assert reply.body == b""
    return reply


HOST = "sandbox.superserve.ai"


def plane(
    app: App, box: Row, method: str, path: str, body: Any = None, *, host: str = HOST, **headers: str | None
) -> Reply:
    """One request at a host of the data plane, with the token of a sandbox as some answer showed it, or with other
    headers; whatever it is answered with is documented."""
    raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"host": host, "x-superserve-sandbox-id": box["id"], "x-access-token": box["access_token"]} | (
        {} if isinstance(body, bytes) else JSON
    )
    for name, text in headers.items():
        sent[name.replace("_", "-")] = text
    given = {name: text for name, text in sent.items() if text is not None}
    reply = call(app, path, method=method, headers=given, body=raw)
    plain = path.partition("?")[0]
    each = next(each for verb, pattern, each in routes() if verb == method and pattern.fullmatch(plain))
    assert str(reply.status) in each["responses"] or reply.status == 413, (method, path, reply.status, reply.body[:300])
    if reply.media_type == "application/json" and reply.status != 413:
        held = validator(each["operationId"], reply.status)
        assert held is None or [error.message for error in held.iter_errors(reply.value)] == [], reply.body[:300]
    return reply


def events(reply: Reply) -> list[Row]:
    """Server-sent events, without the instants that each of them has."""
    assert (reply.status, reply.media_type) == (200, "text/event-stream")
    assert reply.body.endswith(b"\n\n")
    found = [json.loads(text.removeprefix("data: ")) for text in reply.body.decode().split("\n\n")[:-1]]
    instants = [each.pop("timestamp") for each in found]
    assert instants == sorted(instants)
    return found


def create(app: App, **body: Any) -> str:
    """The path of a new sandbox."""
    reply = ask(app, "POST", "/sandboxes", {"name": "mine", **body})
    assert reply.status == 201, reply.body
    return f"/sandboxes/{reply.value['id']}"


def status(app: App, path: str) -> str | None:
    """The state in which everybody sees a sandbox; None if there is none."""
    reply = ask(app, "GET", path)
    assert reply.status in (200, 404)
    return reply.value["status"] if reply.status == 200 else None


def message(reply: Reply) -> tuple[int, str, str]:
    """What a refusal says."""
    return reply.status, reply.value["error"]["code"], reply.value["error"]["message"]


def listed(app: App, query: str = "", **more: str) -> list[Row]:
    """The list, whose total agrees where it is whole."""
    reply = ask(app, "GET", f"/sandboxes{'?' if query else ''}{query}", **more)
    assert reply.status == 200
    rows: list[Row] = reply.value
    if "limit" not in query and "offset" not in query:
        assert reply.headers["x-total-count"] == str(len(rows))
    return rows


def found(app: App, path: str, query: str = "") -> bool:
    """Whether the list has a sandbox."""
    return any(path.endswith(row["id"]) for row in listed(app, query))


def change_settings(app: App, **settings: Any) -> None:
    done(admin(app, "PUT", "/settings", settings))


def switch(app: App, **choices: str) -> None:
    change_settings(app, switches={"superserve": choices})


def freeze(app: App) -> None:
    done(admin(app, "PUT", "/clock", {"action": "freeze"}))


def advance(app: App, seconds: float) -> None:
    done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": seconds}))
