"""Vectors: requests and the server's answers to them, by a seed. `python -m tests.support.vectors` writes the small
ones of tests/vectors.

Vectors of one `world` are asked one after the other of a server that begins anew with it, `at` milliseconds after the
epoch; those of world 0 change nothing.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock
from urllib.parse import quote, unquote, urlencode

from fakeserver.export.source import Source
from fakeserver.export.table import Table
from fakeserver.faults.scenarios import SCENARIOS
from fakeserver.lifecycle.calls import Call
from fakeserver.listing.listing import Facets, Listing
from fakeserver.listing.pages import Cursor
from fakeserver.pipeline.routes import Route
from fakeserver.problems import Moved, Problem
from fakeserver.serving.app import App
from fakeserver.spec.bodies import RequestBody
from fakeserver.worlds.world import World
from tests.support.asgi import ROOT, SLUGS, Row, app_of, call

FOLDER = ROOT / "tests" / "vectors"
SIZE = 200
"""Documents of the world that is asked."""
SMALL, MOST_SMALL_BODY = 100, 2_000
"""Vectors of a provider that are committed, and the characters of the longest body among them."""
LONGEST_TARGET = 300
COMPARED = (
    *("content-type", "allow", "retry-after", "location", "x-next-token", "x-total-count", "www-authenticate"),
    *("x-fakeserver-fault", "preference-applied", "x-fakeserver-scenario", "x-fakeserver-outside-schema"),
)
HOST = "127.0.0.1:8000"
STEPS = 24
"""Requests of one life."""
DEEP, TOO_DEEP = "[" * 64 + "]" * 64, "[" * 65 + "]" * 65
JUNK = (
    *("", " ", "0", "1", "-1", "2", "3", "5", "007", "1_0", "1.0", "1e3", "99999", "9" * 25, "9" * 4_400, "1.50"),
    *("true", "TRUE", "no", "maybe", "null", "a", "A b", "ä", "日本", "é" * 30, "\u00ad", "\U0001f600", "main", "acme"),
    *("'", '"', "it's", "both ' and \"", "\\", "a,b", ",", ",,", "%", "\t", "\n"),
    *("{}", "[]", "[1", '{"a":1}', '{"a":1.0}', '{"a":[1]}', '"x"', DEEP, TOO_DEEP, '{"a":"\\ud800"}', '{"n":NaN}'),
)
RARE = 1_000
"""Characters of junk that is not sent as often as the rest."""


WISHES: dict[str, dict[str, list[Row]]] = {
    "dreadnode": {
        "ensureRuntime": [{"key": "web-1", "name": "Web"}, {"key": "api", "name": "API", "config": {"version": "v2"}}],
        "startRuntime": [{}, {"requested_runtime_limit_seconds": 600}],
        "keepaliveRuntime": [{"extend_seconds": 300}],
        "createEnvironment": [{"task_ref": "acme/web-login@1"}],
    },
    "instavm": {
        "createSandbox": [{"vm_lifetime_seconds": 300}, {"metadata": {"env": "prod", "10": 1}, "auto_suspend": True}],
        "createSession": [{"api_key": "instavm-member-key"}, {"api_key": "nobody"}, {"vm_lifetime_seconds": 600}],
        "cloneSandbox": [{}, {"snapshot_name": "copy"}],
        "createSnapshot": [{"name": "mine"}],
    },
    "prime": {
        "createSandbox": [
            {"name": "web-1", "docker_image": "python:3.12", "vm": True},
            {"name": "api", "docker_image": "node:22", "labels": ["a", "b"], "cpu_cores": 2.0, "memory_gb": 4},
            {"name": "one", "docker_image": "x", "idempotency_key": "once", "timeout_minutes": 10},
            {"name": "team", "docker_image": "x", "team_id": "research", "vm": True, "idle_timeout_minutes": 5},
        ]
    },
    "superserve": {
        "createSandbox": [
            {"name": "web-1"},
            {"name": "api", "metadata": {"env": "prod", "2": "two", "10": "ten"}, "timeout_seconds": 3600},
            {"name": "net", "network": {"allow_out": ["example.com", "10.0.0.1"], "deny_out": ["0.0.0.0/0"]}},
            {"name": "off", "auto_delete_seconds": 60},
        ],
        "updateSandbox": [{"metadata": {"a": "b"}}, {"timeout_seconds": None}, {"auto_delete_seconds": 5}],
        "createSnapshot": [{"name": "mine"}],
        "createTemplate": [
            {"name": "mine", "build_spec": {"from": "debian:12"}},
            {
                "name": "other",
                "vcpu": 2,
                "build_spec": {"from": "debian:12", "steps": [{"run": "true"}, {"workdir": "/w"}]},
            },
        ],
    },
}
"""Bodies that the servers take, by provider and operation."""


CYCLES = {
    "dreadnode": (
        *("ensureRuntime", "startRuntime", "getRuntime", "listSandboxes", "pauseRuntime", "listSandboxes"),
        *("getSandboxFacets", "resumeRuntime", "getSandbox", "deleteSandbox", "listSandboxes", "getRuntime"),
    ),
    "instavm": (
        *("createSandbox", "getSandbox", "listSandboxes", "pauseSandbox", "listSandboxes", "resumeSandbox"),
        *("listSandboxes", "deleteSandbox", "deleteSandbox", "listSandboxes"),
    ),
    "prime": (
        *("createSandbox", "getSandbox", "listSandboxes", "pauseSandbox", "listSandboxes", "resumeSandbox"),
        *("listSandboxes", "deleteSandbox", "pauseSandbox", "listSandboxes"),
    ),
    "superserve": (
        *("createSandbox", "getSandbox", "listSandboxes", "pauseSandbox", "listSandboxes", "resumeSandbox"),
        *("listSandboxes", "updateSandbox", "deleteSandbox", "getSandbox", "listSandboxes"),
    ),
}
"""A life from its beginning to its end, by provider: what is called, and looked at in between."""


class Asker:
    """Draws requests for one provider and asks the server."""

    def __init__(self, app: App, slug: str, table: Table, seed: int) -> None:
        self.app, self.slug, self.table, self.chance = app, slug, table, random.Random(f"{slug} {seed}")
        self.service = app.services[slug]
        self.table_data = table.describe()
        self.served = [each for each in self.service.routes if each.operation.id in self.table_data["operations"]]
        self.exported = [each for each in self.served if isinstance(each.meaning, Listing | Facets)]
        self.calls = [each for each in self.served if isinstance(each.meaning, Call)]
        self.now: Pinned
        self.known: dict[str, list[str]] = {}
        self.rows = [row for each in app.world.advance(self.service.provider).values() for row in each.documents()]
        self.tenants = [*app.world.advance(self.service.provider)]
        self.keys = [*self.service.fixture.callers]
        self.fields = {
            each.parameter: each.field
            for route in self.exported
            if isinstance(route.meaning, Listing | Facets)
            for each in route.meaning.filters
        }
        self.cursors: list[str] = []

    def vectors(self, count: int) -> list[Row]:
        found: dict[str, Row] = {}
        while len(found) < count:
            method, target, headers = self.draw()
            key = json.dumps([method, target, headers])
            if key not in found and self.answers(method, target):
                found[key] = self.ask(method, target, headers)
        return [*found.values()]

    def answers(self, method: str, target: str) -> bool:
        """Whether the export has what is asked for, or nobody has it."""
        try:
            route, _ = self.service.match(method, unquote(target.partition("?")[0]))
        except (Problem, Moved) as error:
            return isinstance(error, Moved) or error.kind != "unserved"
        return route in self.served

    def ask(self, method: str, target: str, headers: dict[str, str]) -> Row:
        reply = call(self.app, f"/{self.slug}{target}", method=method, headers={"host": HOST, **headers})
        self.keep_cursor(target, headers, reply.headers.get("x-next-token"), reply.body)
        sent = {name: reply.headers[name] for name in COMPARED if name in reply.headers}
        return {"method": method, "target": target, "headers": headers, "status": reply.status, "sent": sent,
                "body": reply.body.decode()}  # fmt: skip

    def keep_cursor(self, target: str, headers: dict[str, str], header: str | None, body: bytes) -> None:
        """Follow a page to the next one, sometimes: the same request with the cursor that it was given."""
        cursor = header
        if cursor is None and b'"next_cursor":"' in body:
            cursor = json.loads(body)["next_cursor"]
        if cursor is not None:
            self.cursors.append(json.dumps([target, headers, cursor]))

    def draw(self) -> tuple[str, str, dict[str, str]]:
        chance = self.chance
        route = chance.choice(self.exported)
        name = cursor_of(route)
        if name and self.cursors and chance.random() < 0.25:
            return self.follow(name)
        path = route.operation.path
        for parameter in route.operation.parameters:
            if parameter.where == "path":
                text = quote(self.value(parameter.name, 0.15, path=True), safe="")
                path = path.replace(f"{{{parameter.name}}}", text)
        query = [*self.query(route)]
        headers = self.credential(route)
        method = "GET"
        if chance.random() < 0.12:
            self.ask_for(query, headers, route)
        if chance.random() < 0.03:
            method = chance.choice(("POST", "DELETE", "PUT", "PATCH"))
        if chance.random() < 0.03:
            path += chance.choice(("/", "//", "/nothing/at/all", "%2F", "%0A"))
        text = urlencode(query)
        if chance.random() < 0.5:
            text = text.replace("+", "%20")
        return method, path + (f"?{text}" if text else ""), headers

    def follow(self, name: str) -> tuple[str, str, dict[str, str]]:
        target, headers, cursor = json.loads(self.chance.choice(self.cursors))
        path, _, query = target.partition("?")
        kept = "&".join(part for part in query.split("&") if part and not part.startswith(f"{name}="))
        if self.chance.random() < 0.2:
            at = self.chance.randrange(len(cursor))
            cursor = self.chance.choice((cursor[:at] + "A" + cursor[at + 1 :], cursor[:at], cursor + "=", cursor + "é"))
        if self.chance.random() < 0.1:
            kept = ""
        return "GET", f"{path}?{kept}{'&' if kept else ''}{name}={quote(cursor)}", headers

    def query(self, route: Route) -> Iterator[tuple[str, str]]:
        missing = self.table_data["operations"][route.operation.id]["missing"]
        odd = self.chance.choice((0.0, 0.0, 0.1, 0.5))
        for parameter in route.operation.parameters:
            if parameter.where != "query" or parameter.name in missing or self.chance.random() < 0.55:
                continue
            for _ in range(self.chance.choice((1, 1, 1, 2))):
                text = self.value(parameter.name, odd, parameter.schema)
                if parameter.schema.get("type") == "array" and self.chance.random() < 0.5:
                    text += "," + self.value(parameter.name, odd, parameter.schema)
                yield parameter.name, text
        if self.chance.random() < 0.03:
            yield "unknown", "x"

    def value(self, name: str, odd: float, schema: Row | None = None, *, path: bool = False) -> str:
        """A text for a parameter: mostly one that documents have, or that the spec names, sometimes an odd one."""
        chance = self.chance
        if chance.random() < odd:
            return self.junk() or ("x" if path else "")
        schema = schema or {}
        choices = schema.get("items", schema).get("enum")
        if choices:
            return str(chance.choice(choices))
        if schema.get("type") == "integer":
            return str(chance.choice((1, 2, 3, 5, 10, 20, 100)))
        if schema.get("type") == "boolean":
            return chance.choice(("true", "false"))
        if path:
            return chance.choice([self.service.provider.default_tenant] * 3 + self.tenants)
        row = chance.choice(self.rows)
        field = self.fields.get(name, name)
        held = row.get(field)
        if isinstance(held, dict):
            return json.dumps(dict(chance.sample([*held.items()], min(len(held), chance.randrange(1, 3)))))
        if isinstance(held, list):
            return str(chance.choice(held)) if held else "none"
        return str(held)[: chance.choice((4, 1_000))] if name == "q" else str(held)

    def junk(self) -> str:
        return self.chance.choice([each for each in JUNK if len(each) < RARE or self.chance.random() < 0.02])

    def credential(self, route: Route) -> dict[str, str]:
        chance = self.chance
        if chance.random() < 0.03:
            return {}
        scheme = chance.choice(route.operation.security)
        key = "a-key-that-nobody-has" if chance.random() < 0.03 else chance.choice([self.keys[0], *self.keys])
        if chance.random() < 0.03:
            key += f"+code={chance.choice([*route.operation.responses])}"
        prefix = {"": "", "bearer": chance.choice(("Bearer ", "bearer "))}.get(scheme.prefix, f"{scheme.prefix} ")
        return {scheme.header: prefix + key}

    def ask_for(self, query: list[tuple[str, str]], headers: dict[str, str], route: Route) -> None:
        code = self.chance.choice([*route.operation.responses, 418])
        kind = self.chance.random()
        if kind < 0.55:
            name = self.chance.choice([*SCENARIOS, "emtpy", "none"])
            if name == "slow":
                name = "churn"
            way = self.chance.random()
            if way < 0.4:
                headers["prefer"] = f"scenario={name}"
            elif way < 0.7 or not headers:
                query.append(("__scenario", name))
            else:
                held = next(iter(headers))
                headers[held] += f"+scenario={name}"
        elif kind < 0.65:
            asked = (
                "code=503, times=1",
                "times=2",
                "delay=0",
                "handling=lenient, code=599",
                "codee=3",
                "wait=1",
                "code=x",
            )
            headers["prefer"] = self.chance.choice(asked)
        elif kind < 0.8:
            query.append(("__code", str(code)))
        else:
            examples = route.operation.responses[code].examples if code != 418 else {}
            example = f", example={self.chance.choice([*examples])}" if examples and self.chance.random() < 0.5 else ""
            headers["prefer"] = f"code={code}{example}"

    # Lives

    def lives(self, count: int) -> list[Row]:
        """Sequences of calls and lists, each in a world of its own."""
        found: list[Row] = self.cycle(1)
        world = 1
        while len(found) < count:
            world += 1
            found += self.life(world)
        return found[:count]

    def life(self, world: int) -> list[Row]:
        """One sequence: what is made is looked at, changed and ended, while time passes."""
        chance, app = self.chance, app_of(size=SIZE)
        now = self.now = Pinned(app.world)
        self.app, found = app, list[Row]()
        self.known = {}
        keys = [self.keys[0], self.keys[0], chance.choice(self.keys)]
        for step in range(STEPS):
            if chance.random() < 0.3:
                now.move(chance.choice((1, 1_000, 20_000, 600_000, 7_200_000)))
            making = [
                each for each in self.calls if each.operation.body is not None and each.operation.method == "POST"
            ]
            if step % 4 == 3:
                route = chance.choice(self.exported)
            else:
                route = chance.choice(making if making and chance.random() < 0.3 else self.calls)
            found.append(self.step(route, chance.choice(keys), now.milliseconds) | {"world": world})
        return found

    def cycle(self, world: int) -> list[Row]:
        """A whole life: created, listed, paused, listed, resumed, ended, listed."""
        self.app = app_of(size=SIZE)
        now = self.now = Pinned(self.app.world)
        found: list[Row] = []
        routes = {each.operation.id: each for each in self.served}
        names = {"org": self.service.provider.default_tenant, "workspace": "main"}
        for identity in CYCLES[self.slug]:
            now.move(1_500)
            found.append(self.step(routes[identity], self.keys[0], now.milliseconds, names) | {"world": world})
            learn(names, found[-1]["body"])
        return found

    def step(self, route: Route, key: str, at: int, names: dict[str, str] | None = None) -> Row:
        """One request; with `names` it is a plain one about what they name."""
        chance, operation = self.chance, route.operation
        path, plain = operation.path, names is not None
        for parameter in operation.parameters:
            if parameter.where == "path":
                name = self.name_for(parameter.name) if names is None else names[parameter.name]
                path = path.replace(f"{{{parameter.name}}}", quote(name, safe=""))
        query = (
            [(each.name, "2") for each in operation.parameters if each.name in ("limit", "per_page")]
            if plain
            else [
                (each.name, self.value(each.name, 0.1, each.schema))
                for each in operation.parameters
                if each.where == "query" and each.json is False and each.pairs is None and chance.random() < 0.2
            ]
        )
        headers = {"host": HOST}
        if operation.security:
            scheme = chance.choice(operation.security)
            outcome = (
                f"+outcome={chance.choice(operation.outcomes)}"
                if operation.outcomes and not plain and chance.random() < 0.15
                else ""
            )
            headers[scheme.header] = (
                {"": "", "bearer": "Bearer "}.get(scheme.prefix, f"{scheme.prefix} ") + key + outcome
            )
        content = None
        if isinstance(operation.body, RequestBody):
            schema = operation.body.schema
            wishes = WISHES.get(self.slug, {}).get(operation.id)
            value = self.body(schema, schema)
            if wishes and (plain or chance.random() < 0.5):
                value = wishes[0] if plain else chance.choice(wishes)
            content = json.dumps(value, ensure_ascii=chance.random() < 0.5)
            if not plain and chance.random() < 0.05:
                content = chance.choice(
                    ("", "{", "[]", '{"a":1,"a":2}', "null", content[:-1] + ',"x":1}', '{"name":"\\ud800"}')
                )
            headers["content-type"] = "application/json"
        target = path + (f"?{urlencode(query)}" if query else "")
        sent = (content or "").encode()
        with self.now.wall():
            reply = call(self.app, f"/{self.slug}{target}", method=operation.method, headers=headers, body=sent)
        self.remember(reply.body)
        shown = {name: reply.headers[name] for name in COMPARED if name in reply.headers}
        del headers["host"]
        return {"at": at, "method": operation.method, "target": target, "headers": headers,
                **({} if content is None else {"content": content}),
                "status": reply.status, "sent": shown, "body": reply.body.decode()}  # fmt: skip

    def name_for(self, parameter: str) -> str:
        """What stands in a path: mostly the name of something that an answer has shown."""
        chance, known = self.chance, self.known
        wanted = {"sandbox_id": ("sandbox_id", "vm_id", "id"), "vm_id": ("vm_id", "sandbox_id")}.get(
            parameter, (parameter,)
        )
        fitting = [text for name in (*wanted, parameter.removesuffix("_id"), "id") for text in known.get(name, ())]
        if parameter in ("org",):
            return chance.choice([self.service.provider.default_tenant] * 9 + self.tenants)
        if parameter in ("workspace", "project"):
            fitting += [
                each["key"]
                for each in self.service.fixture.vocabularies.get(f"{parameter}s", ())
                if isinstance(each, dict)
            ] * 3
        if fitting and chance.random() < 0.85:
            return chance.choice(fitting[-6:] if chance.random() < 0.8 else fitting)
        row = chance.choice(self.rows)
        own = next((row[name] for name in (*wanted, "sandbox_id", "id") if name in row), "x")
        return chance.choice((str(own), str(own), "nothing", self.junk() or "x"))

    def remember(self, body: bytes) -> None:
        """Keep the names that an answer has shown."""

        def walk(value: Any) -> None:
            if isinstance(value, list):
                for each in value[:3]:
                    walk(each)
            elif isinstance(value, dict):
                for name, each in value.items():
                    if isinstance(each, str) and (name == "id" or name.endswith("_id") or name == "key"):
                        self.known.setdefault(name, []).append(each)
                    walk(each)

        try:
            walk(json.loads(body))
        except ValueError:
            return

    def body(self, schema: Any, root: Any) -> Any:
        """A value by a schema, and now and then one that is not by it."""
        chance = self.chance
        while isinstance(schema, dict) and "$ref" in schema:
            schema = root["$defs"][schema["$ref"].rpartition("/")[2]] | {k: v for k, v in schema.items() if k != "$ref"}
        if not isinstance(schema, dict) or chance.random() < 0.015:
            return chance.choice(("x", 7, 1.5, True, None, [], {}, "y" * 300, -3, 2.0, {"k": "v"}))
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                return self.body(chance.choice(schema[keyword]), root)
        for part in schema.get("allOf", ()):
            schema = {**part, **schema} if isinstance(part, dict) and "$ref" not in part else schema
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return chance.choice(schema["enum"])
        kinds = schema.get("type", "object" if "properties" in schema else "string")
        kind = chance.choice(kinds) if isinstance(kinds, list) else kinds
        makers: dict[str, Callable[[], Any]] = {
            "null": lambda: None,
            "boolean": lambda: chance.random() < 0.5,
            "integer": lambda: self.number(schema),
            "number": lambda: chance.choice((self.number(schema), 0.5, 2.0)),
            "string": lambda: self.text(schema),
            "array": lambda: [self.body(schema.get("items", {}), root) for _ in range(chance.choice((0, 1, 1, 2)))],
            "object": lambda: self.members(schema, root),
        }
        return makers[kind]()

    def number(self, schema: Row) -> int:
        least = int(schema.get("minimum", 0))
        most = int(schema.get("maximum", least + 100))
        return self.chance.choice((least, most, *([least - 1, most + 1] if self.chance.random() < 0.1 else []),
                                   min(most, least + 1), self.chance.randint(least, most)))  # fmt: skip

    def text(self, schema: Row) -> str:
        if schema.get("format") == "uuid":
            known = [each for each in self.known.get("id", ()) if len(each) == 36]
            return self.chance.choice([*known[-3:], "0190a7e0-0000-4000-8000-00000000000a", "x"])
        return self.chance.choice(
            ("web-1", "web-1", "api", "a b", "é", "10.0.0.0/8", "example.com", "*.example.com", "x" * 70, "", "A=1",
             "python:3.12", "::1", "bash", "2001:db8::/32", "1", "superserve/base")
        )  # fmt: skip

    def members(self, schema: Row, root: Row) -> Row:
        chance, found = self.chance, dict[str, Any]()
        required = schema.get("required", ())
        properties = schema.get("properties", {})
        often = min(0.3, 1.2 / max(1, len(properties)))
        for name, member in properties.items():
            if (name in required and chance.random() < 0.98) or chance.random() < often:
                found[name] = self.body(member, root)
        others = schema.get("additionalProperties")
        if isinstance(others, dict) and chance.random() < 0.6:
            for name in chance.sample(("env", "b", "10", "2", "user name", "A"), 2):
                found[name] = self.body(others, root)
        return found


def learn(names: dict[str, str], body: str) -> None:
    """What paths call the sandbox that an answer is about."""
    found = json.loads(body) if body else None
    if isinstance(found, dict) and "id" in found:
        names["runtime_id" if "config_digest" in found else "sandbox_id"] = found["id"]
    if isinstance(found, dict) and "vm_id" in found:
        names["vm_id"] = found["vm_id"]
    if isinstance(found, dict) and isinstance(found.get("instance"), dict):
        names["provider_sandbox_id"] = found["instance"]["provider_sandbox_id"]


class Pinned:
    """A world's clock, which begins at the epoch and moves when somebody moves it."""

    def __init__(self, world: World) -> None:
        self.milliseconds = 0
        clock = world.clock
        clock._wall, clock._machine = (lambda: world.epoch), lambda: self.milliseconds * 1_000
        clock.reset()
        self.world = world

    @contextmanager
    def wall(self) -> Iterator[None]:
        """The clock on the wall shows the same: tokens expire by it."""
        shown = SimpleNamespace(time_ns=lambda: (self.world.epoch + self.milliseconds * 1_000) * 1_000)
        with mock.patch("fakeserver.listing.meaning.time", shown):
            yield

    def move(self, milliseconds: int) -> None:
        self.milliseconds += milliseconds


def cursor_of(route: Route) -> str:
    """The parameter that a list takes cursors by, if it has any."""
    meaning = route.meaning
    return (
        meaning.pages.position.cursor
        if isinstance(meaning, Listing) and isinstance(meaning.pages.position, Cursor)
        else ""
    )


def asker(app: App, slug: str, seed: int = 0) -> Asker:
    """What asks this server about a provider, of an export of the same world."""
    return Asker(app, slug, Table(source_of(app, slug)), seed)


def source_of(app: App, slug: str) -> Source:
    return Source(app.services[slug], app.world.seeding)


def small(reading: list[Row], lives: list[Row]) -> list[Row]:
    """Those that are committed."""
    found = [each for each in reading if len(each["body"]) <= MOST_SMALL_BODY and len(each["target"]) <= LONGEST_TARGET]
    return found[: SMALL - len(lives)] + lives


def text_of(vectors: list[Row]) -> str:
    """A vector a line."""
    return "[\n" + ",\n".join(json.dumps(each, ensure_ascii=False) for each in vectors) + "\n]\n"


def main() -> None:
    for slug in SLUGS:
        found = asker(app_of(size=SIZE), slug)
        vectors = small(found.vectors(5 * SMALL), found.cycle(1))
        (FOLDER / f"{slug}.json").write_text(text_of(vectors), encoding="utf-8")


if __name__ == "__main__":
    main()
