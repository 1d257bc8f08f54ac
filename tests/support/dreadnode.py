"""Dreadnode's operations for tests: a caller in a world of its own, whose answers are held against the spec."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fakeserver.serving.app import App
from fakeserver.spec.breaches import Validator
from tests.support.admin import admin, done
from tests.support.asgi import SPECS, Reply, Row, app_of, call, credential, resolved

JSON = "application/json"
WORKSPACE = "/org/acme/ws/main"
RUNTIMES = f"{WORKSPACE}/runtimes"
ENVIRONMENTS = f"{WORKSPACE}/environments"
SANDBOXES = "/org/acme/sandboxes"
MANY = 120


@functools.cache
def declared() -> list[tuple[str, re.Pattern[str], Row]]:
    """Method, path and operation of all, those without parameters first."""
    found = [
        (method.upper(), path, operation)
        for path, methods in SPECS["dreadnode"]["paths"].items()
        for method, operation in methods.items()
    ]
    found.sort(key=lambda each: each[1].count("{"))
    return [(method, re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), each) for method, path, each in found]


@functools.cache
def validator(method: str, path: str, status: int) -> Validator | None:
    """What the spec says of an answer; None for one without a body."""
    operation = next(each for verb, pattern, each in declared() if verb == method and pattern.fullmatch(path))
    content = resolved("dreadnode", operation["responses"][str(status)]).get("content")
    return None if content is None else Validator({**SPECS["dreadnode"], **content[JSON]["schema"]}, {})


@dataclass(frozen=True)
class Caller:
    """Somebody who asks one world."""

    app: App
    who: str = "admin"

    def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
        """One request, with its answer as it came; a body of bytes is sent as it is."""
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {**credential("dreadnode", self.who), **({"content-type": JSON} if raw else {}), **(headers or {})}
        return call(self.app, f"/dreadnode/api/v1{path}", method=method, headers=sent, body=raw)

    def ask(self, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        """The value of an answer that has this status and is as the spec has it."""
        reply = self.send(method, path, body, headers)
        assert reply.status == status, (reply.status, reply.body[:500])
        if status == 204:
            assert reply.body == b""
            return None
        checked = validator(method, f"/api/v1{path.partition('?')[0]}", status)
        assert checked is not None
        assert [*checked.breaches(reply.value)] == []
        return reply.value

    def get(self, path: str) -> Any:
        return self.ask("GET", path)

    def post(self, path: str, body: Any = None) -> Any:
        return self.ask("POST", path, body)

    def refused(self, method: str, path: str, status: int, body: Any = None) -> Row:
        found: Row = self.ask(method, path, body, status)
        assert found["code"] == status
        return found

    def sandboxes(self, query: str = "") -> list[Row]:
        """The newest hundred of the list."""
        found: list[Row] = self.get(f"{SANDBOXES}?limit=100{query}")["items"]
        return found

    def states(self) -> dict[str, int]:
        """How many sandboxes are in each state, by the facets."""
        return {each["value"]: each["count"] for each in self.get(f"{SANDBOXES}/facets")["states"]}


def world(size: int = MANY, **settings: Any) -> Caller:
    """The admin of a new world, whose clock stands still until a test moves it."""
    app = app_of(size=size)
    done(admin(app, "PUT", "/clock", {"action": "freeze"}))
    if settings:
        done(admin(app, "PUT", "/settings", settings))
    return Caller(app)


def wait(caller: Caller, seconds: float) -> None:
    done(admin(caller.app, "PUT", "/clock", {"action": "advance", "seconds": seconds}))


def ensured(caller: Caller, key: str = "mine", **body: Any) -> Row:
    """A runtime with this key."""
    found: Row = caller.post(RUNTIMES, {"key": key, "name": key.title(), **body})
    return found


def started(caller: Caller, key: str = "mine", **body: Any) -> Row:
    """The same with a sandbox."""
    ensured(caller, key, **body)
    found: Row = caller.post(f"{RUNTIMES}/{key}/start", {})
    return found
