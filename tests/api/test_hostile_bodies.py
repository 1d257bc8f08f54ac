"""Hostile bodies of every operation that takes one, made from its spec: a clear refusal in the provider's dialect and
no failure of the server; what was refused has changed nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from fakeserver.serving.app import App
from fakeserver.spec.bodies import MAX_BODY_BYTES, MAX_BODY_VALUES
from fakeserver.spec.json_text import MAX_JSON_DEPTH
from tests.api.test_hostile import holds
from tests.support.asgi import SLUGS, Reply, Row, app_of, call, credential, resolved, schema_of, served
from tests.support.counting import steps

JSON = "application/json"
MARK = "a place for what is hostile"
MOST_LEVELS = 5
"""Levels of a body in which each place gets every hostile value."""
PATH_PARAMETER = re.compile(r"\{([a-z_]+)\}")
REFUSED = (400, 422)
"""How providers refuse a body that they have read; one that they have not is a 413."""
TOO_LONG = 413

Place = tuple[str | int, ...]
Ask = Callable[[str, str, Any], Any]


def dreadnode(ask: Ask) -> Row:
    place = {"org": "acme", "workspace": "main"}
    runtime = ask("POST", "/api/v1/org/acme/ws/main/runtimes", {"key": "mine", "name": "mine"})["id"]
    ask("POST", f"/api/v1/org/acme/ws/main/runtimes/{runtime}/start", {})
    environment = ask("POST", "/api/v1/org/acme/ws/main/environments", {"task_ref": "recon"})
    token = {"X-Environment-Token": f"Bearer {environment['execute_token']}"}
    return {**place, "runtime_id": runtime, "environment_id": environment["id"], **token}


def instavm(ask: Ask) -> Row:
    made = ask("POST", "/v1/vms", {})
    return {"vm_id": made["vm_id"], "session_id": made["session_id"]}


def prime(ask: Ask) -> Row:
    wish = {"name": "mine", "docker_image": "python:3.11", "vm": True}
    return {"sandbox_id": ask("POST", "/api/v1/sandbox", wish)["id"]}


def superserve(ask: Ask) -> Row:
    sandbox = ask("POST", "/sandboxes", {"name": "mine"})["id"]
    return {"sandbox_id": sandbox, "snapshot_id": ask("POST", f"/sandboxes/{sandbox}/snapshot", {})["id"]}


THINGS: Mapping[str, Callable[[Ask], Row]] = {
    "dreadnode": dreadnode,
    "instavm": instavm,
    "prime": prime,
    "superserve": superserve,
}
"""What makes the things that a provider's operations name in path and headers, by the names of their parameters."""
WANTED: Mapping[str, Row] = {"prime-createSandbox": {"docker_image": "python:3.11"}}
"""What an operation asks for and its schema does not."""

OPERATIONS = {
    f"{slug}-{operation['operationId']}": (slug, method, path, operation)
    for slug in SLUGS
    for method, path, operation in served(slug)
    if JSON in resolved(slug, operation.get("requestBody", {})).get("content", ()) and not path.startswith("/gateway/")
}
"""By name, those whose bodies are JSON."""


class Target:
    """An operation of a small server, with things there that its path names."""

    def __init__(self, name: str) -> None:
        self.slug, self.method, self.path, self.operation = OPERATIONS[name]
        self.required = resolved(self.slug, self.operation["requestBody"]).get("required", False)
        self.schema = resolved(self.slug, self.operation["requestBody"])["content"][JSON]["schema"]
        self.headers: dict[str, str] = {}
        self.app: App = app_of(size=10)
        self.renew()

    def renew(self) -> None:
        """Other things, since those there were may be gone."""
        found = THINGS[self.slug](self._done)
        self.place = PATH_PARAMETER.sub(lambda match: found[match[1]], self.path)
        declared = [resolved(self.slug, each) for each in self.operation.get("parameters", ())]
        self.headers = {each["name"]: found[each["name"]] for each in declared if each["in"] == "header"}

    def _done(self, method: str, path: str, body: Any) -> Any:
        reply = self._send(method, path, json.dumps(body).encode(), JSON)
        assert reply.status < 300, reply.body
        return reply.value

    def _send(self, method: str, path: str, body: bytes, content_type: str) -> Reply:
        headers = credential(self.slug) | self.headers | ({"content-type": content_type} if content_type else {})
        return call(self.app, f"/{self.slug}{path}", method=method, headers=headers, body=body)

    def send(self, body: bytes, content_type: str = JSON) -> Reply:
        """The answer, which is sound, and behind which nothing has changed if it says no."""
        version = self.app.world.version
        reply = self._send(self.method, self.place, body, content_type)
        if reply.status == 204:
            assert reply.body == b""
        else:
            holds(self.slug, reply)
        if reply.status >= 400:
            assert self.app.world.version == version, body[:200]
        return reply


@pytest.fixture(params=OPERATIONS)
def target(request: pytest.FixtureRequest) -> Target:
    return Target(request.param)


# Bodies from the spec


def parts(slug: str, schema: Any) -> Iterator[Row]:
    """A schema and what it is made of, without references; of alternatives, all."""
    found = resolved(slug, schema)
    if isinstance(found, dict):
        yield found
        for name in ("allOf", "anyOf", "oneOf"):
            for each in found.get(name, ()):
                yield from parts(slug, each)


def types(slug: str, schema: Any) -> list[str]:
    found = [each["type"] for each in parts(slug, schema) if "type" in each]
    return [name for each in found for name in (each if isinstance(each, list) else [each])]


def sound(slug: str, schema: Any) -> Any:
    """The least that a schema asks for."""
    for part in parts(slug, schema):
        for name in ("default", "const"):
            if name in part:
                return part[name]
        if "enum" in part:
            return part["enum"][0]
    facts = {name: value for part in parts(slug, schema) for name, value in part.items()}
    match types(slug, schema)[:1]:
        case ["object"]:
            wanted = {name for part in parts(slug, schema) for name in part.get("required", ())}
            return {name: sound(slug, member) for name, member in members(slug, schema).items() if name in wanted}
        case ["array"]:
            return [sound(slug, facts["items"]) for _ in range(facts.get("minItems", 0))]
        case ["integer" | "number"]:
            return facts.get("minimum", 1)
        case ["boolean"]:
            return True
        case ["null"]:
            return None
    return "a" * max(1, facts.get("minLength", 1))


def members(slug: str, schema: Any) -> dict[str, Any]:
    return {name: each for part in parts(slug, schema) for name, each in part.get("properties", {}).items()}


def places(slug: str, schema: Any, place: Place = ()) -> Iterator[Place]:
    """Every member and item that a schema knows, and one of those whose names are free."""
    if len(place) == MOST_LEVELS:
        return
    inner: dict[Any, Any] = dict(members(slug, schema))
    for part in parts(slug, schema):
        if isinstance(part.get("additionalProperties"), dict):
            inner["k"] = part["additionalProperties"]
        if "items" in part:
            inner[0] = part["items"]
    for name, each in inner.items():
        yield (*place, name)
        yield from places(slug, each, (*place, name))


def put(slug: str, schema: Any, place: Place, value: Any) -> Any:
    """The least that a schema asks for, with this value at a place."""
    if not place:
        return value
    name, *rest = place
    base = sound(slug, schema)
    if isinstance(name, int):
        items = next(part["items"] for part in parts(slug, schema) if "items" in part)
        return [put(slug, items, tuple(rest), value)]
    known = members(slug, schema).get(name)
    free: Any = next((each for part in parts(slug, schema) if (each := part.get("additionalProperties"))), {})
    within = put(slug, free if known is None else known, tuple(rest), value)
    return {**(base if isinstance(base, dict) else {}), name: within}


UNREADABLE = {
    "a number without end": "1e999",
    "NaN": "NaN",
    "30 digits": "9" * 30,
    "5,000 digits": "-" + "9" * 5_000,
    "NUL": '"a\\u0000"',
    "a lone surrogate": '"\\ud800"',
    "a name twice": '{"a": 1, "b": 2, "a": 3}',
    "depth": "[" * MAX_JSON_DEPTH + "]" * MAX_JSON_DEPTH,
    "great depth": '{"a":' * 4_000 + "1" + "}" * 4_000,
    "no end": '"',
}
"""Texts that no operation takes anywhere."""
STRANGE = {
    "null": "null",
    "true": "true",
    "zero": "0",
    "below zero": "-1",
    "a fraction": "1.5",
    "a large number": "1e308",
    "18 digits": "9" * 18,
    "nothing": '""',
    "blanks": '" \\t\\n"',
    "a long text": json.dumps("x" * 70_000),
    "another script": json.dumps("\u202e\U0001f4a5\uffff' OR 1=1 --"),
    "a path": '"../../etc/passwd"',
    "an empty list": "[]",
    "lists": "[[], [[]], null]",
    "an empty object": "{}",
    "objects": '{"": {"": {}}, "__proto__": 1}',
    "a long list": json.dumps([0] * 3_000),
    "many texts": json.dumps(["a"] * 3_000),
    "many members": json.dumps({f"k{number}": "v" for number in range(3_000)}),
}
"""Values that some operations take in some places, as their schemas say."""


@cache
def bodies(name: str) -> list[tuple[Place, str]]:
    """Each place of an operation's body, with the JSON text of a body that has the mark there."""
    slug, _, _, operation = OPERATIONS[name]
    schema = resolved(slug, operation["requestBody"])["content"][JSON]["schema"]
    return [
        (place, json.dumps({**WANTED.get(name, {}), **put(slug, schema, place, MARK)}))
        for place in dict.fromkeys(places(slug, schema))
    ]


def test_all_operations_with_bodies_are_looked_at() -> None:
    """Each has places, and in each provider one at least reaches into objects inside of bodies."""
    assert {slug for slug, *_ in OPERATIONS.values()} == THINGS.keys()
    assert all(bodies(name) for name in OPERATIONS)
    for slug in THINGS:
        assert max(len(place) for name in OPERATIONS if name.startswith(slug) for place, _ in bodies(name)) > 1


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONS)
def test_hostile_values_in_every_place(name: str) -> None:
    """What is no sound JSON is refused wherever it stands, and what the schema does not allow as well; whatever the
    schema allows is answered in one way or another."""
    target = Target(name)
    validator = Draft202012Validator(schema_of(target.slug, target.schema))
    for place, body in bodies(name):
        assert body.count(json.dumps(MARK)) == 1
        for what, text in (UNREADABLE | STRANGE).items():
            raw = body.replace(json.dumps(MARK), text)
            reply = target.send(raw.encode())
            if what in UNREADABLE or not validator.is_valid(json.loads(raw)):
                assert reply.status in REFUSED, (place, what, reply.status, reply.body[:300])
            if reply.status < 300:
                target.renew()


WHOLE = {
    "no JSON": b"{",
    "two values": b"{}{}",
    "something behind": b"{}x",
    "single quotes": b"{'name': 'x'}",
    "a trailing comma": b'{"name": "x",}',
    "a comment": b'{"name": "x" /* mine */}',
    "a list": b"[]",
    "a list of objects": b"[{}]",
    "a text": b'"x"',
    "a number": b"7",
    "null": b"null",
    "true": b"true",
    "30 digits": b"9" * 30,
    "a byte-order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "no UTF-8": b'{"name": "\xff"}',
    "an overlong NUL": b'{"name": "\xc0\x80"}',
    "a surrogate in UTF-8": b'{"name": "\xed\xa0\x80"}',
    "a NUL": b'{"name": "a\0"}',
    "a form": b"name=x&docker_image=y",
    "a name twice": b'{"name": "x", "name": "y"}',
    "a name with NUL": b'{"\\u0000": 1}',
    "blanks": b" " * MAX_BODY_BYTES,
    "deep and unfinished": b"[" * 4_000,
    "a megabyte that is no text": b"\xff" * MAX_BODY_BYTES,
}
LARGE = {
    "a byte more": b" " * (MAX_BODY_BYTES + 1),
    "ten megabytes": b'{"name": "' + b"x" * 10_000_000 + b'"}',
    "a value more": b'{"name": [' + b"1," * MAX_BODY_VALUES + b"1]}",
    "a megabyte of lists": b'{"name": [' + b"[]," * 300_000 + b"[]]}",
    "a megabyte of names": b"{" + b",".join(b'"%d":0' % number for number in range(90_000)) + b"}",
    "a megabyte of brackets": b"[" * MAX_BODY_BYTES,
    "a megabyte of objects": b'{"a":' * 200_000,
}


def test_hostile_bodies_as_a_whole(target: Target) -> None:
    """What no object is, in a coding that JSON has not, or larger than is looked at, is refused by every operation."""
    for what, raw in WHOLE.items():
        assert target.send(raw).status in REFUSED, what
    for what, raw in LARGE.items():
        assert target.send(raw).status == TOO_LONG, what
    assert (target.send(b"").status in REFUSED) is target.required


CONTENT_TYPES = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "*/*",
    ";",
    "json",
]


def test_bodies_that_are_sent_as_something_else(target: Target) -> None:
    body = json.dumps(sound(target.slug, target.schema)).encode()
    for content_type in CONTENT_TYPES:
        assert target.send(body, content_type).status in REFUSED, content_type


def test_members_that_nobody_knows(target: Target) -> None:
    """They are refused exactly where the schema says so, under whatever names."""
    validator = Draft202012Validator(schema_of(target.slug, target.schema))
    base = sound(target.slug, target.schema)
    for name in ("nobody", "", "__proto__", "constructor", "n" * 50_000, "\u202e", "\uffff", "id", "tenant", "status"):
        body = {**base, name: {"a": [1]}}
        reply = target.send(json.dumps(body).encode())
        if not validator.is_valid(body):
            assert reply.status in REFUSED, name
        if reply.status < 300:
            target.renew()


SIZE = 400
GROWING: dict[str, Callable[[int], bytes]] = {
    "items": lambda count: b'{"name": [' + b"0," * count + b"0]}",
    "lists": lambda count: b'{"labels": [' + b"[]," * count + b"[]]}",
    "members": lambda count: json.dumps({f"k{number}": 0 for number in range(count)}).encode(),
    "pairs": lambda count: json.dumps({"name": "a", "metadata": {f"k{number}": 0 for number in range(count)}}).encode(),
    "names twice": lambda count: b"{" + b'"a":0,"b":0,' * count + b'"a":0}',
    "depth": lambda count: b"[" * count + b"]" * count,
    "rules": lambda count: json.dumps({"name": "a", "network": {"allow_out": ["1.1.1.1/8"] * count}}).encode(),
    "quotes": lambda count: b'{"name": "' + b'\\"' * count,
    "too many": lambda count: b"[" * (count + MAX_BODY_VALUES),
}


@pytest.mark.parametrize("how", GROWING)
def test_a_hostile_body_costs_what_its_size_costs(target: Target, how: str) -> None:
    """Twice as much of the same takes twice the steps at most: nothing grows with the square of what arrives. What
    others wait for such an answer is bounded thereby, since a body has a largest size; `make bench` measures it."""

    def send(count: int) -> Callable[[], Reply]:
        return lambda: target._send(target.method, target.place, GROWING[how](count), JSON)

    # The very body that came just before would not be read again.
    send(SIZE - 1)()
    once, twice = steps(send(SIZE)), steps(send(2 * SIZE))
    assert twice < 2 * once + SIZE
