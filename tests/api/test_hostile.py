"""Hostile requests: never a 500, a hang or a plain-text body, whatever reaches the app."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakeserver.providers import PROVIDERS
from tests.support.asgi import (
    FACETS,
    PATHS,
    SLUGS,
    SPECS,
    Reply,
    app_of,
    call,
    credential,
    operations,
    resolved,
    served,
)
from tests.support.counting import steps
from tests.support.server import Live
from tests.support.soak import every_pair, examples

TYPES = frozenset(SPECS["dreadnode"]["components"]["schemas"]["APIErrorPayload"]["properties"]["type"]["enum"])
OWN = "application/problem+json"
EVENTS = "text/event-stream"
METHODS = [
    *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"),
    *("PROPFIND", "BREW", "get", "M-SEARCH", "X" * 200, "A1", "PURGE"),
]
METHODS_SERVED = {slug: {"GET"} if PROVIDERS[slug].routing.head == "refused" else {"GET", "HEAD"} for slug in PATHS}
"""Of an operation that has a reference page."""
OPERATIONS = [*((slug, path) for slug, path in PATHS.items()), ("dreadnode", FACETS)]


@cache
def app() -> Any:
    return app_of(size=40)


def short(value: Any) -> str:
    """The beginning of a value, as the name of a test."""
    if isinstance(value, tuple):
        return "-".join(map(short, value))
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    return text[:40].encode("unicode_escape").decode()


def writes_at(slug: str, path: str) -> set[str]:
    """The methods of operations without a reference page that a path has."""
    return {method for method, each, _ in served(slug) if path == each.replace("{org}", "acme")} - {"GET"}


@cache
def declared(slug: str, path: str) -> frozenset[bytes]:
    """What the operation's parameters are called."""
    (operation,) = (operation for each, operation in operations(slug) if path == each.replace("{org}", "acme"))
    names = (resolved(slug, each)["name"] for each in operation.get("parameters", ()))
    return frozenset(name.encode() for name in names)


def concerns(operation: tuple[str, str], query: bytes) -> bool:
    """Whether a query names a parameter that the operation declares."""
    return any(query.startswith(name + mark) for name in declared(*operation) for mark in (b"=", b"."))


def speaks(slug: str, value: Any, status: int) -> bool:
    """The body of a refusal is in the provider's dialect."""
    if not isinstance(value, dict):
        return False
    if slug == "dreadnode":
        return value.get("code") == status and value.get("type") in TYPES and isinstance(value.get("detail"), str)
    if slug == "superserve":
        error = value.get("error")
        return isinstance(error, dict) and {str} == {type(error.get(name)) for name in ("code", "message")}
    if slug == "prime" and "errors" in value:
        return bool(value["errors"]) and all(set(each) == {"param", "details"} for each in value["errors"])
    detail = value.get("detail")
    return isinstance(detail, str) or (
        isinstance(detail, list)
        and bool(detail)
        and all({"type", "loc", "msg"} <= set(each) <= {"type", "loc", "msg", "input", "ctx"} for each in detail)
    )


def holds(slug: str, reply: Reply, *, method: str = "GET", asked_for: int | None = None) -> None:
    """What is true of every answer: no unforeseen 5xx, JSON in the right dialect, at once, its length told truly."""
    shown = (reply.status, reply.headers, reply.body[:200])
    unserved = reply.status == 501 and "x-fakeserver-unserved" in reply.headers
    assert reply.status < 500 or reply.status == asked_for or unserved, shown
    assert reply.status >= 200, shown
    assert reply.seconds == 0
    if reply.status == 307:
        assert (reply.body, reply.media_type, reply.headers["content-length"]) == (b"", "", "0")
        assert reply.headers["location"].startswith(f"/{slug}/")
        return
    if reply.media_type == EVENTS and reply.status == 200:
        assert all(json.loads(line.removeprefix("data:")) for line in reply.body.decode().split("\n\n") if line)
        return
    assert reply.media_type in ("application/json", OWN), shown
    if method == "HEAD":
        assert reply.body == b""
        return
    assert reply.headers.get("content-length") in (None, str(len(reply.body)))
    value = json.loads(reply.body)
    reply.body.decode()  # UTF-8, no lone surrogates
    if reply.media_type == OWN:
        assert {"type", "title", "status", "detail"} <= set(value)
        assert value["status"] == reply.status
    elif reply.status >= 400:
        assert speaks(slug, value, reply.status), shown


def ask(slug: str, query: str | bytes = "", *, path: str = "", **more: Any) -> Reply:
    raw = query.encode() if isinstance(query, str) else query
    headers = more.pop("headers", credential(slug))
    return call(app(), f"/{slug}{path or PATHS[slug]}".encode() + (b"?" + raw if raw else b""), headers=headers, **more)


# Routes and methods.

STRANGE_PATHS = [
    *("", "/", "//", "/.", "/..", "/../..", "/%2e%2e/%2e%2e/etc/passwd", "/v1", "/api/v1/org", "/favicon.ico", "/*"),
    *("{path}/", "/{path}", "{path}//", "{path}/x", "{path}%2F", "{path}%0A", "{path}%00", "{path}%20", "{path};a=1"),
    *("{path}%3Flimit=1", "{path}%23", "{path}.json", "{path}/..", "{PATH}", "{path}%", "{path}%zz", "{path}%ff%fe"),
    *("{path}%ED%A0%80", "{path}%E2%80%AE", "{path}%F0%9F%98%80", "/%FF", "/%00", "/%0A", "/%0D%0A", "/%2F%2F", "/%25"),
    *("/api/v1/org//sandboxes", "/api/v1/org/%2F/sandboxes"),
    *("/api/v1/org/a%2Fb/sandboxes", "/api/v1/org/%0A/sandboxes"),
    *("/api/v1/org/acme%0A/sandboxes", "/api/v1/org/%00/sandboxes"),
    *("/api/v1/org/%FF/sandboxes", "/api/v1/org/%/sandboxes"),
    *("/api/v1/org/acme/sandboxes%0A", "/api/v1/org/acme/sandboxes/facets%0A"),
    "/api/v1/org/%ED%A0%80/sandboxes/facets",
    *("/api/v1/org/" + "a" * 50_000 + "/sandboxes", "/" + "a/" * 20_000, "/" + "%20" * 20_000),
]  # fmt: skip


@pytest.mark.parametrize(
    ("slug", "template"),
    every_pair(SLUGS, STRANGE_PATHS, name=short, also=lambda slug, text: slug == "dreadnode" and "/org/" in text),
)
def test_strange_paths(slug: str, template: str) -> None:
    """An unknown or malformed path is a refusal in the dialect of the provider that it is sent to."""
    path = template.format(path=PATHS[slug], PATH=PATHS[slug].upper())
    reply = call(app(), f"/{slug}{path}", headers=credential(slug))
    holds(slug, reply)
    if slug != "superserve" and unquote(path).endswith("/") and unquote(path).rstrip("/") == PATHS[slug]:
        assert reply.status == 307
        return
    assert reply.media_type == "application/json"
    org_exists = "%ED" not in path and path.rstrip("%") in (PATHS[slug], FACETS)
    if "x-fakeserver-unserved" in reply.headers:
        assert reply.status == 501, path
    else:
        bad_id = slug == "superserve" and re.fullmatch(r"/sandboxes/[^/?]+", path) is not None
        expected = 400 if bad_id else 200 if org_exists and not path.endswith("%") else 404
        assert reply.status == expected, path


PATHS_OF_NOBODY = [
    *("/", "//", "/nobody", "/%70rime%0A/api/v1/sandbox"),
    *("/PRIME/api/v1/sandbox", "/%2Fprime/api/v1/sandbox", "/%00"),
    *("/prime%0A", "/ prime".replace(" ", "%20")),
    *("/favicon.ico", "/robots.txt", "/" + "x" * 60_000),
    *("/__admin", "/__admin/", "/__admin/nobody", "/__admin/health/", "/__admin/health%0A", "/__admin/%00"),
    *("/__admin/errors/", "/__admin//health", "/__admin%0A/health", "/__admin/health%2F", "/__admin/%ED%A0%80"),
    *("/ns", "/ns/", "/ns//prime", "/ns/%0A/prime/api/v1/sandbox"),
    *("/ns/a%20b/prime", "/ns/%00/prime", "/ns/..", "/ns/ok"),
    *("/ns/ok/", "/ns/ok/nobody", "/ns/ok/__admin/"),
    *("/ns/ok/__admin/nobody", "/ns/ok/ns/ok/prime", "/ns/" + "x" * 65),
]  # fmt: skip


PAGES = ("/", "/ns/ok", "/ns/ok/")
"""What a browser finds something at."""


@pytest.mark.parametrize(
    ("method", "path"),
    [
        each
        for each in every_pair(["GET", "POST", "DELETE", "BREW"], PATHS_OF_NOBODY, name=short)
        if each.values not in [("GET", page) for page in PAGES]
    ],
)
def test_paths_of_nobody(path: str, method: str) -> None:
    """Where no provider answers the fake speaks for itself, as problem+json."""
    reply = call(app(), path, method=method)
    holds("", reply)
    assert reply.media_type == OWN
    assert 400 <= reply.status < 500


@pytest.mark.parametrize("method", METHODS, ids=lambda text: text[:20])
@pytest.mark.parametrize(("slug", "path"), OPERATIONS)
def test_every_method(slug: str, path: str, method: str) -> None:
    """GET is served, and HEAD unless the provider's framework refuses it; a method that writes refuses this body; any
    other is refused in the dialect, whether the provider has it (501) or not (a 405 that names those which it has; a
    framework names GET alone)."""
    reply = call(app(), f"/{slug}{path}", method=method, headers=credential(slug), body=b'{"a": 1}')
    holds(slug, reply, method=method)
    if method in METHODS_SERVED[slug]:
        assert reply.status == 200
        return
    if (method, path) == ("DELETE", FACETS):
        assert reply.status == 404, "to Dreadnode, what stands there names a sandbox"
        return
    writes = writes_at(slug, path)
    if method in writes:
        assert reply.status in (400, 422)
        return
    known = {each.method: each.path for each in PROVIDERS[slug].unserved if each.pattern.fullmatch(path)}
    if method in known:
        assert (reply.status, reply.headers["x-fakeserver-unserved"]) == (501, f"{method} {known[method]}")
        return
    assert reply.status == 405
    told = METHODS_SERVED[slug] | ({*known} | writes if PROVIDERS[slug].routing.allow == "all" else set())
    assert {each.strip() for each in reply.headers["allow"].split(",")} == told
    assert call(app(), f"/{slug}/nobody", method=method).status == 404


@pytest.mark.parametrize(("slug", "path"), OPERATIONS)
def test_head_has_the_head_of_get(slug: str, path: str) -> None:
    """HEAD answers like GET, refusals too, without a body; where it is refused, it has none either."""
    if "HEAD" not in METHODS_SERVED[slug]:
        assert call(app(), f"/{slug}{path}", headers=credential(slug), method="HEAD").body == b""
        return
    for query, headers in (("", credential(slug)), ("", {}), ("?limit=0&state=x&page=0", credential(slug))):
        got = call(app(), f"/{slug}{path}{query}", headers=headers)
        head = call(app(), f"/{slug}{path}{query}", headers=headers, method="HEAD")
        assert head.body == b""
        assert (head.status, head.steady_headers) == (got.status, got.steady_headers)


# Queries.

FLOOD = 300
DEEP = "[" * 15_000
TEXTS = [
    *("", "%", "%%", "%zz", "%2", "%ff", "%fe%ff", "%ED%A0%80"),
    *("%00", "%0A", "%0D%0A", "+", "%2B", "&", "=", "==", "%26"),
    *("9" * 30, "-" + "9" * 30, "1" * 5_000, "٣".encode().hex()),
    *("%D9%A3", "%EF%BC%93", "1e400", "NaN", "Infinity", "-0", "0x10"),
    *("null", "true", "[]", "{}", '{"a":NaN}', '{"a":Infinity}'),
    *('{"a":"\\ud800"}', '{"a":"\\u0000"}', '{"a":1e999999}', "\\ud800"),
    *('{"a":' + DEEP + "}", DEEP, '{"a":' * 3_000, "[" * 7_500 + "]" * 7_500),
    *('{"a":' + "9" * 4_400 + "}", '{"a":1e-999999999}'),
    *('{"":{"":{"":[]}}}', '{"a":' + "1" * 30 + "}", "'", '"'),
    *("<script>", "../../etc/passwd", "a" * 30_000, "%C3%A9" * 5_000),
    *("running,running", ",", ",,,,", "," * 20_000, "%E2%80%AE"),
    *("%F0%9F%98%80", "\\", "%5C", "${jndi:x}", "%7B%7B1%7D%7D"),
]  # fmt: skip
NAMES = [
    *("limit", "state", "project_id", "cursor", "team_id", "user_id"),
    *("status", "is_active", "labels", "page", "per_page"),
    *("metadata", "metadata.", "metadata.a", "metadata.%00"),
    *("metadata.%ED%A0%80", "offset", "__code", "__example", "nobody"),
    *("", "%", "limit[]", "limit%00", "LIMIT", "__times", "__delay%00"),
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=lambda text: text or "empty")
@pytest.mark.parametrize(("slug", "path"), OPERATIONS)
def test_strange_values(slug: str, path: str, name: str) -> None:
    """No value of any parameter, declared or not, gets anything but an answer or a refusal in the dialect."""
    for text in TEXTS:
        query = f"{name}={text}".encode()
        holds(slug, ask(slug, query, path=path))


STRANGE_QUERIES = [
    *(b"", b"&", b"&&&&", b"=", b"==", b"?", b"??", b"#", b"%"),
    *(b"a", b"a&b&c", b";", b"a;b=1", b"=1", b"\xff=\xfe"),
    *(b"limit=\xd9\xa3", b"state=\xed\xa0\x80", b"metadata=\xff\xfe"),
    *(b"metadata.\xff=\xff", b"\x00=\x00", b"limit=1\n"),
    *(b"limit=1\r\nX: y", b"labels=\x80" * 50, "größe=ß".encode("latin-1"), "größe=ß".encode("utf-16")),
    *(b"&".join([b"limit=5"] * 900), b"&".join([b"state=running"] * 900), b"&".join([b"labels=a"] * 900)),
    *(b"a=" + b"b" * 100_000, b"metadata.a=" + b"b" * 100_000, b"x" * 100_000, b"&" * 100_000),
    b"&".join(b"f%d=%d" % (n, n) for n in range(10_000)),
    b"&".join(b"metadata.k%d=v" % n for n in range(10_000)),
    *(b"&".join(b"metadata.k%d=v" % n for n in range(900)), b"limit=1&" * 10_000, b"__code=404&" * 5_000),
    *(b"state=" + b"running," * 4_000, b"state=" + b"x," * 12_000, b"cursor=" + b"A" * 30_000, b"%" * 30_000),
]  # fmt: skip


@pytest.mark.parametrize(("slug", "path", "query"), every_pair(OPERATIONS, STRANGE_QUERIES, name=short, also=concerns))
def test_strange_queries(slug: str, path: str, query: bytes) -> None:
    """Floods, raw bytes and malformed queries are answered or refused in the dialect."""
    holds(slug, ask(slug, query, path=path))


@pytest.mark.parametrize("slug", SLUGS)
def test_floods_are_refused(slug: str) -> None:
    """A query of 100 kB and one of 10,000 fields are refused as too long and too many."""
    assert ask(slug, "a=" + "b" * 100_000).status == 414
    assert ask(slug, "&".join(f"f{n}" for n in range(5_000))).status == 400


FLOODS: dict[str, tuple[Callable[[int], str], Callable[[int], dict[str, str]]]] = {
    "fields": (lambda count: "&".join(f"f{number}=x" for number in range(count)), lambda count: {}),
    "one field": (lambda count: "limit=5&" * count, lambda count: {}),
    "values": (lambda count: "&".join(["state=running", "labels=a", "status=active"] * (count // 3)), lambda count: {}),
    "commas": (lambda count: "state=" + "running," * count, lambda count: {}),
    "keys": (lambda count: "&".join(f"metadata.k{number}=v" for number in range(count)), lambda count: {}),
    "nested": (lambda count: 'metadata={"a":' + "[" * count + "]" * count + "}", lambda count: {}),
    "escapes": (lambda count: "cursor=" + "%20" * count, lambda count: {}),
    "wishes": (lambda count: "__code=404&" * count, lambda count: {}),
    "preferences": (lambda count: "", lambda count: {"prefer": "wait=1, " * count}),
    "quotes": (lambda count: "", lambda count: {"prefer": 'a="' + "\\x" * count}),
    "header": (lambda count: "", lambda count: {"x-other": "y" * count}),
}


@pytest.mark.parametrize("flood", FLOODS)
@pytest.mark.parametrize("slug", SLUGS)
def test_a_flood_costs_what_its_size_costs(slug: str, flood: str) -> None:
    """Twice as much of the same takes twice the steps at most: nothing grows with the square of what arrives."""
    query, headers = FLOODS[flood]

    def ask_for(count: int) -> Callable[[], Reply]:
        return lambda: ask(slug, query(count), headers=credential(slug) | headers(count))

    ask_for(1)()
    once, twice = steps(ask_for(FLOOD)), steps(ask_for(2 * FLOOD))
    assert twice < 2 * once + FLOOD


# Headers.

PREFERENCES = [
    *("", " ", ",", ",,,", ";", "=", "code", "code=", "code= "),
    *("=429", "code==429", "code=429=429", "code=4 2 9", "code=0429"),
    *("code=abc", "code=-1", "code=99", "code=600", "code=1000"),
    *("code=٤٢٩", "code=429;", 'code="429', 'code="42\\9"', "code='429'"),
    *("code=" + "9" * 50_000, "code=100", "code=199", "code=418, handling=lenient"),
    *("code=999, handling=lenient", "handling=nobody"),
    *("code=100, handling=lenient", "handling=lenient", "example="),
    *("example=nobody", "example=%00", "é=é", "code=é", "example=é"),
    *("x" * 50_000, "a=b," * 10_000, " " * 50_000, "a" + " " * 50_000 + '"'),
    *('"' * 50_000, "a=" + '"\\' * 20_000, ";" * 50_000),
    *("code=429\t", "\tcode=429", "code=429,,", "code=429, code=500"),
    *("CODE=429", "respond-async, wait=10", "return=minimal"),
    *("times=x", "code=429, times=-1", "code=429, times=x"),
    *("code=429, after=9" * 10, "delay=x", "delay=-1", "delay=99999999"),
    *("fault=nobody", "phase=nobody", "code=429, phase=x"),
    *("code=500, times=" + "9" * 40, "delay=nan", "delay=1e9", "times=1"),
]  # fmt: skip


def documented(slug: str) -> set[int]:
    return {int(code) for _, operation in operations(slug) for code in operation["responses"]}


def forced(slug: str, reply: Reply) -> int | None:
    """The status, where the answer says that somebody asked for it, or that the fake has no such operation."""
    return reply.status if {"preference-applied", "x-fakeserver-unserved"} & reply.headers.keys() else None


@pytest.mark.parametrize(("slug", "text"), every_pair(SLUGS, PREFERENCES, name=short))
def test_strange_preferences(slug: str, text: str) -> None:
    """A Prefer header that makes no sense is refused as problem+json, or ignored; it never breaks the answer."""
    raw = [(name.encode(), value.encode()) for name, value in credential(slug).items()]
    reply = call(app(), f"/{slug}{PATHS[slug]}", headers=[*raw, (b"prefer", text.encode())])
    holds(slug, reply, asked_for=forced(slug, reply))


STRANGE_CODES = [
    *("", "abc", "0", "99", "100", "199", "600", "1000", "4 29", "%D9%A4", "429%00", "4" * 9_000, "-429", "429.0"),
]  # fmt: skip


@pytest.mark.parametrize(("slug", "code"), every_pair(SLUGS, STRANGE_CODES, name=short))
def test_strange_codes(slug: str, code: str) -> None:
    """A `__code`, or a credential's suffix, that is no status is refused as problem+json."""
    for reply in (
        ask(slug, f"__code={quote(code, safe='%')}"),
        ask(slug, headers=credential(slug, suffix=f"+code={code}")),
    ):
        holds(slug, reply)
        assert (reply.status, reply.media_type) == (400, OWN)


SUFFIXES = [
    *("+", "++", "+code", "+code=", "+code=,", "+code=429,", "+code=429,,"),
    *("+code=429,times=", "+code=429,times=x", "+nobody=1"),
    *("+code=429,nobody=1", "+code=429+code=500", "+example="),
    *("+example=nobody", "+code=é", "+code=429,example=é"),
    *("+" * 50_000, "+code=" * 10_000, "+code=429" + "," * 50_000),
    *("+code=429" * 5_000, "x" * 100_000, "+code=\x00", "\x00", "\x7f"),
    *("+delay=x", "+fault=x", "+code=429,delay=-1"),
    *("+code=429,fault=nobody", " +code=429", "+ code=429", "+CODE=429"),
]  # fmt: skip


@pytest.mark.parametrize(("slug", "suffix"), every_pair(SLUGS, SUFFIXES, name=short))
def test_strange_credentials(slug: str, suffix: str) -> None:
    """Garbage behind a credential, and huge credentials, are refused; they never break the answer."""
    reply = ask(slug, headers=credential(slug, suffix=suffix))
    holds(slug, reply, asked_for=forced(slug, reply))
    assert reply.status != 200


@pytest.mark.parametrize("slug", SLUGS)
def test_header_floods(slug: str) -> None:
    """Hundreds of headers, one header thousands of times, huge values and bytes of any script are survived."""
    good = [(name.encode(), value.encode()) for name, value in credential(slug).items()]
    target = f"/{slug}{PATHS[slug]}"
    floods: list[tuple[list[tuple[bytes, bytes]], int | None]] = [
        ([*good, *((b"x-%d" % n, b"y") for n in range(1_000))], 431),
        ([*good, *((b"x-same", b"y") for _ in range(10_000))], 200),
        ([*good, *((b"prefer", b"wait=1") for _ in range(10_000))], 200),
        ([*good, (b"x-big", b"y" * 1_000_000)], 200),
        ([*good, (b"x-\xff\xfe", b"\xff\x00\xfe\x80")], 200),
        ([*good, (b"", b"")], 200),
        ([*good, (b"cookie", "größe=日本".encode())], 200),
        ([*good, (b"content-length", b"-1"), (b"content-type", b"text/\xff")], 200),
        ([*good, (b"accept", b"text/html"), (b"accept-encoding", b"x" * 9_000), (b"range", b"bytes=0-1")], 200),
        ([*good, (b"host", b"[::1"), (b"host", b"\xff")], 200),
        ([(b"authorization", b"\xff" * 5_000), (b"x-api-key", b"\xff" * 5_000)], 401),
        ([(b"authorization", b"Bearer " * 5_000), (b"x-api-key", b"\x00")], 401),
        ([*good, *good, *good], 200),
    ]
    for headers, status in floods:
        reply = call(app(), target, headers=headers)
        holds(slug, reply)
        assert reply.status == status, headers[-1][0]


@pytest.mark.parametrize(
    "host", ["", "[", "[::1", "a b", "\xff", "x" * 5_000, "a:b:c", "http://x/", "\x00", ":99999999"]
)
@pytest.mark.parametrize("path", ["/__admin/settings", "/__admin/settings/", "/__admin/nobody/", "/prime/nobody/"])
def test_strange_hosts(path: str, host: str) -> None:
    """Whatever the Host header says, a provider answers alike, and the admin API refuses what is no loopback name."""
    reply = call(app(), path, headers=[(b"host", host.encode("latin-1"))])
    holds("prime", reply)
    assert reply.status == (403 if path == "/__admin/settings" else 404)


ORIGINS = [
    *("", "null", "http://localhost:3000", "http://evil.example", "http://localhost.evil.example"),
    *("\xff", "http://127.0.0.1\n", "http://[::1]:5", "x" * 9_000),
]
PREFLIGHTS = [
    (method, asked) for method in ("GET", "HEAD", "POST", "OPTIONS") for asked in ("", "GET", "BREW", "-", "\xff")
]
"""Methods, each with the one that a browser asks about before it uses it; a dash is a request without that header."""


@pytest.mark.parametrize(
    ("origin", "method", "asked"),
    every_pair(ORIGINS, PREFLIGHTS, name=short, also=lambda origin, preflight: preflight == ("OPTIONS", "GET")),
)
def test_strange_origins(origin: str, method: str, asked: str) -> None:
    """Any Origin, with or without a preflight's headers, gets JSON or a 204 without a body; only loopback is let in."""
    headers = [(b"origin", origin.encode("latin-1")), (b"authorization", b"Bearer prime-admin-key")]
    if asked != "-":
        headers.append((b"access-control-request-method", asked.encode("latin-1")))
        headers.append((b"access-control-request-headers", b"authorization, x-\xff"))
    reply = call(app(), f"/prime{PATHS['prime']}", method=method, headers=headers)
    if reply.status == 204:
        assert (method, reply.body) == ("OPTIONS", b"")
    else:
        holds("prime", reply, method=method)
    local = origin in ("http://localhost:3000", "http://[::1]:5")
    assert (reply.headers.get("access-control-allow-origin") == origin) is local or reply.status in (403, 405)
    assert local or "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize("body", [b"", b"{}", b"x" * 100_000, b"\xff\xfe", b"limit=0", b"[" * 15_000])
@pytest.mark.parametrize("slug", SLUGS)
def test_bodies_of_a_get_are_ignored(slug: str, body: bytes) -> None:
    """A body on a GET changes nothing."""
    headers = credential(slug) | {"content-type": "application/x-www-form-urlencoded"}
    plain = ask(slug)
    with_body = ask(slug, headers=headers, body=body)
    assert (with_body.status, with_body.body) == (200, plain.body)


# The admin API's bodies.

BODIES = [
    *(b"", b" ", b"x", b"{", b"}", b"[", b"[]", b"{}", b"null"),
    *(b"1", b"true", b'"a"', b"\xff\xfe", b"\x00", b"{}x", b"[{}]"),
    *(b"[" * 15_000, b'{"a":' * 15_000, b"[" * 15_000 + b"]" * 15_000),
    *(b'{"a":' * 900 + b"1" + b"}" * 900, b"9" * 5_000),
    *(b'{"action": NaN}', b'{"action": Infinity}', b'{"action": "\\ud800"}'),
    *(b'{"\\ud800": 1}', b'{"action": "set", "instant": "x"}'),
    *(b'{"action": "advance", "seconds": NaN}', b'{"action": "advance", "seconds": 1e400}', b'{"action": "advance"}'),
    *(b'{"action": "advance", "seconds": "9"}', b'{"action": "advance", "seconds": ' + b"9" * 30 + b"}"),
    b'{"action": "set", "instant": "9999-12-31T23:59:59Z"}',
    b'{"action": "set", "instant": "0001-01-01T00:00:00+23:59"}',
    *(b'{"action": "scale", "factor": 0}', b'{"action": "scale", "factor": -1}'),
    b'{"action": "scale", "factor": 1e308}',
    *(b'{"action": []}', b'{"action": {}}', b'{"action": null}', b'{"provider": "prime"}', b'{"provider": []}'),
    *(b'{"provider": "prime", "operation": "listSandboxes"}', b'{"provider": "prime", "operation": [], "code": 500}'),
    b'{"provider": "prime", "operation": "listSandboxes", "code": "500"}',
    b'{"provider": "nobody", "operation": "x", "code": 1}',
    b'{"provider": "prime", "operation": "listSandboxes", "code": ' + b"9" * 30 + b"}",
    *(b'{"documents": 1}', b'[{"id": 1}]'),
    b'{"provider": "prime", "operation": "listSandboxes", "code": 500, "times": -1}',
    *(b'[[]]', b"[null]", b'[{"id": "\\ud800"}]'),
    b'{"provider": "prime", "operation": "listSandboxes", "code": 500, "headers": {"a\\r\\nb": "c"}}',
    b'{"version": 1}',
    b'{"provider": "prime", "operation": "listSandboxes", "code": 500, "headers": {"a": "\\u65e5"}}',
    b'{"journal": 1}',
    b'{"provider": "prime", "operation": "listSandboxes", "delay_ms": NaN}',
    *(b'{"seed": "x"}', b'{"clock": {}, "faults": []}'),
]  # fmt: skip
ADMIN = [
    *(("PUT", "clock"), ("POST", "faults"), ("PUT", "snapshot"), ("POST", "reset"), ("DELETE", "faults")),
    *(("PUT", "settings"), ("POST", "requests"), ("PUT", "nobody"), ("PATCH", "clock")),
    *(("PUT", f"documents/{slug}/main") for slug in SLUGS),
    ("PUT", "documents/dreadnode/acme"),
    *(("PUT", "documents/nobody/main"), ("PUT", "documents/prime/%0A")),
    *(("PUT", "documents/prime"), ("PUT", "documents")),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), ADMIN)
def test_strange_admin_bodies(method: str, path: str) -> None:
    """A body that the admin API cannot take is refused as problem+json; afterwards the providers still answer."""
    one = app_of(size=10)
    for body in BODIES:
        reply = call(one, f"/__admin/{path}", method=method, headers={"content-type": "application/json"}, body=body)
        if reply.status == 204:
            assert reply.body == b""
        else:
            holds("", reply)
            assert reply.media_type == OWN or reply.status < 300, (body[:60], reply.body[:100])
        for slug in SLUGS:
            answer = call(one, f"/{slug}{PATHS[slug]}", headers=credential(slug))
            holds(slug, answer, asked_for=500 if path == "faults" else None)
        if reply.status < 300:
            assert call(one, "/__admin/reset", method="POST").status == 204


# A fuzz over all of it.

segments = st.sampled_from(
    [
        *"api v1 org acme globex sandboxes facets sandbox sessions nobody".split(),
        "",
        "%0A",
        "%2F",
        "%",
        "%ff",
        "..",
        "%00",
        "é",
    ]
)
paths = st.one_of(
    st.sampled_from([path for _, path in OPERATIONS]),
    st.lists(segments, max_size=7).map(lambda parts: "/" + "/".join(parts)),
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#"), max_size=30).map("/".__add__),
)
texts = st.one_of(
    st.sampled_from(TEXTS), st.text(max_size=20).map(lambda text: quote(text, safe="%&=+,{}[]", errors="replace"))
)
queries = st.lists(st.tuples(st.sampled_from(NAMES), texts), max_size=6).map(
    lambda fields: "&".join(f"{name}={text}" for name, text in fields).encode()
)
header_bytes = st.one_of(
    st.binary(max_size=40), st.sampled_from(PREFERENCES).map(str.encode), st.sampled_from(SUFFIXES).map(str.encode)
)
headers_of = st.lists(
    st.tuples(
        st.sampled_from(
            [b"prefer", b"authorization", b"x-api-key", b"origin", b"accept", b"x-other", b"host", b"range"]
        ),
        header_bytes,
    ),
    max_size=4,
)


@settings(max_examples=examples(500))
@given(
    slug=st.sampled_from(SLUGS),
    path=paths,
    query=queries,
    headers=headers_of,
    known=st.booleans(),
    method=st.sampled_from(["GET", "GET", "GET", "GET", "HEAD", "OPTIONS", "POST", "X"]),
)
def test_anything(
    slug: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]], known: bool, method: str
) -> None:
    """Whatever path, query, headers and method: a documented status or a 4xx, JSON in the dialect, at once."""
    sent = [(name.encode(), text.encode()) for name, text in credential(slug).items()] if known else []
    # A delay and a broken connection are what somebody asked for, and a test of their own.
    headers = [each for each in headers if not re.search(rb"delay|fault", each[1])]
    target = f"/{slug}".encode() + quote(path, safe="/%").encode() + b"?" + query
    reply = call(app(), target, method=method, headers=[*headers, *sent])
    if reply.status == 204:
        return
    holds(slug, reply, method=method, asked_for=forced(slug, reply))
    assert reply.status in documented(slug) or 400 <= reply.status < 500 or forced(slug, reply)


# Over a real socket, where uvicorn stands in front. What uvicorn itself refuses never reaches the app.


def exchange(live: Live, raw: bytes) -> bytes:
    """Raw bytes to the server, and everything that comes back."""
    parts = urlsplit(live.root)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def lines(slug: str, target: bytes, *more: bytes, method: bytes = b"GET") -> bytes:
    secret = [f"{name}: {text}".encode() for name, text in credential(slug).items()]
    head = [method + b" " + target + b" HTTP/1.1", b"Host: localhost", b"Connection: close", *secret, *more]
    return b"\r\n".join(head) + b"\r\n\r\n"


TARGETS = [
    *(b"", b"%", b"%zz", b"%ff", b"%00", b"%0A", b"%2F", b"?", b"?%", b"?limit=%D9%A3", b"?limit=" + b"9" * 30),
    *(b"?state=%ED%A0%80", b"?metadata=" + b"[" * 15_000, b"?metadata=%7B%22a%22:NaN%7D", b"?limit=&limit="),
    *(b"?metadata=%7B%22a%22:%22%5Cud800%22%7D", b"?a=" + b"b" * 40_000, b"?" + b"&a=b" * 5_000, b"//", b"/..;/"),
]


@pytest.mark.parametrize(
    ("slug", "path", "rest"),
    every_pair(OPERATIONS, TARGETS, name=short, also=lambda operation, rest: concerns(operation, rest[1:])),
)
def test_strange_targets_over_a_socket(live: Live, slug: str, path: str, rest: bytes) -> None:
    """The same holds over a real connection: one JSON answer, whose length is told truly, and an end."""
    head, _, body = exchange(live, lines(slug, f"/{slug}{path}".encode() + rest)).partition(b"\r\n\r\n")
    status = int(head.split(b" ")[1])
    assert 200 <= status < 500 or b"x-fakeserver-unserved" in head.lower(), head
    if status == 307:
        assert (unquote_to_bytes(rest)[-1:], body) == (b"/", b"")
        return
    assert re.search(rb"content-type: application/(problem\+)?json", head, re.IGNORECASE), head
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    assert length is not None
    assert len(body) == int(length[1])
    if status >= 400:
        assert speaks(slug, json.loads(body), status)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ([b"Prefer: \xff\xfe"], 400),
        ([b"Prefer: code=429"], 429),
        ([b"X-Other: " + b"y" * 60_000], 200),
        ([b"X-%d: y" % n for n in range(500)], 431),
        ([b"Cookie: \xe9\x80"], 200),
        ([b"Content-Length: 5", b"X: y"], None),
        ([b"Origin: \xff"], 200),
        ([b"Accept: text/html"], 200),
        ([b"Expect: 100-continue"], 200),
    ],
    ids=lambda each: str(each)[:40],
)
@pytest.mark.parametrize("slug", SLUGS)
def test_strange_headers_over_a_socket(live: Live, slug: str, more: list[bytes], status: int | None) -> None:
    """Strange headers over a real connection get JSON as well, and a body that never comes is no hang."""
    answer = exchange(live, lines(slug, f"/{slug}{PATHS[slug]}".encode(), *more))
    if status is not None:
        assert answer.startswith(b"HTTP/1.1 %d" % status), answer[:200]
        assert re.search(rb"content-type: application/(problem\+)?json", answer, re.IGNORECASE)


@pytest.mark.parametrize("method", [b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"PROPFIND"])
@pytest.mark.parametrize(
    "path", [f"/prime{PATHS['prime']}", "/prime/nobody", "/__admin/health", "/__admin/nobody", "/nobody"]
)
def test_methods_over_a_socket(live: Live, path: str, method: bytes) -> None:
    """Over a real connection too, HEAD has no body and every other method gets JSON."""
    head, _, body = exchange(live, lines("prime", path.encode(), method=method)).partition(b"\r\n\r\n")
    status = int(head.split(b" ")[1])
    known = {endpoint.method.encode() for endpoint in PROVIDERS["prime"].unserved if path == f"/prime{endpoint.path}"}
    assert 200 <= status < 500 or method in known
    if method == b"HEAD":
        assert body == b""
    else:
        writes = writes_at("prime", path.removeprefix("/prime"))
        refusals = {501} if method in known else {422} if method.decode() in writes else {404, 405}
        assert status in refusals
        json.loads(body)
