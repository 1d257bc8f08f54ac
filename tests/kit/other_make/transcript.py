"""Questions that every bug and every other answer shows itself by, whoever judges: they are chosen without the kit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote, urlencode

from tests.kit.other_make import data
from tests.kit.other_make.build import Build
from tests.kit.other_make.calling import Answer, handler, server

HEADERS = {
    "dreadnode": "authorization",
    "instavm": "authorization",
    "prime": "authorization",
    "superserve": "x-api-key",
}
NOBODY = "8d4b1a3e-0000-4000-8000-000000000000"
DEEP = '{"a":' * 30 + "1" + "}" * 30
DEEPEST = '{"a":' + "[" * 1_100 + "]" * 1_100 + "}"
METADATA = (
    "{}", '{"env":"dev"}', '{"env":"prod","limits":{"cpu":1}}', '{"limits":{"disk":{"gb":10}}}', '{"tags":["a"]}',
    '{"tags":["a",1]}', '{"tags":["b","a"]}', '{"tags":[{"k":"v"}]}', '{"userId":"1"}', '{"userId":1}', '{"beta":true}',
    '{"beta":1}', '{"beta":null}', '{"beta":"true"}', '{"ratio":1}', '{"ratio":1.0}', '{"a.b":"1"}', '{"a":{"b":"1"}}',
    '{"b":"1"}', '{"quo\\"te":"it\'s 100%"}', '{"emoji":"🧪"}', '{"ENV":"dev"}', '{"env":"DEV"}', '{"env":"dev%"}',
    '{"en":"dev"}', '{"env":"prod "}', '{"env":"nope","userId":"1"}', '{"env":"dev","userId":"nope"}', '{"none":"x"}',
    '{"note":""}', "nope", "[]", "null", "1", "",
    '{"env":NaN}', DEEP, DEEPEST, '{"env":"\\ud800"}', '{"env":"\\u0000"}',
    '{"userId":123456789012345678901234567890}', '{"env":"dev","env":"prod"}',
)  # fmt: skip
TAGGED = (
    "env=prod", "env=PROD", "env=pro", "env=rod", "env=dev_1", "env=nope", "Env=prod",
    "ENV=prod", "en=prod", "owner=größe",
    "owner=agent-7", "owner=🧪", "tier=1", "tier=01", "tier=null", "a.b=c", 'quo"te=100%', "note=", "note=padded",
    "note= padded ", "note=a b", "=x", "superserve.x=1", "env=\0", "none=x", "x=prod",
    f"env={'x' * 2_100}", f"env={'x' * 5_000}",
)  # fmt: skip
SCALARS = ("limit=0", "limit=101", "limit=1001", "limit=-1", "limit=5.0", "limit=%205", "limit=5", "limit=300",
           "limit=", "limit=nope",
           "limit=2&limit=3", "x=1", "limit=1", "limit=20", "limit=100",
           "x=%00", "page=5.0", "page=2&page=3", f"x={'x' * 5_000}")  # fmt: skip


def queries(slug: str) -> Iterator[str]:
    """What a list is asked for, beside what only its pages tell."""
    yield from ("", *SCALARS)
    match slug:
        case "dreadnode":
            for text in ("running", "paused,killed", "killed,", "running, paused", "Running", "nope", ""):
                yield f"state={quote(text)}"
            yield "state=running&state=killed"
            yield from (f"project_id={text}" for text in (NOBODY, NOBODY.replace("-", ""), "nope", ""))
            yield from (f"cursor={text}" for text in ("nope", "%00", "%F0%9F%A7%AA", ""))
        case "instavm":
            yield from (urlencode({"metadata": text}) for text in METADATA)
            yield from (urlencode({"metadata": '{"env":"dev"}', "limit": size}) for size in (1, 3))
        case "prime":
            yield from (f"status={text}" for text in ("ERROR", "TERMINATED", "nope", ""))
            yield from (f"is_active={text}" for text in ("true", "false", "on"))
            yield "status=TERMINATED&is_active=true"
            yield from (f"labels={quote(text)}" for text in ("a", "gpu", "a,b", "GPU", "x_y", "gp", "", "none"))
            yield from ("labels=a&labels=b", "labels=a&labels=a", "labels=nightly&labels=gpu&is_active=true")
            for size in (7, 10, 175, 350):
                yield from (f"page={page}&per_page={size}&is_active=true" for page in (1, 2))
                yield from (f"page={page}&per_page={size}" for page in (1, 2, 3))
            yield from ("page=0", "page=-1", "per_page=0", "per_page=1001", "page=100001", "page=9223372036854775808")
            teams = (*data.CALLERS["prime"].scopes, data.CALLERS["prime"].foreign, "team_none", "")
            for team in teams:
                yield from (
                    f"team_id={team}{more}" for more in ("", "&user_id=user_12", "&user_id=user_1", "&status=ERROR")
                )
            yield from ("user_id=user_12", "user_id=user_2", "user_id=user_1")
        case _:
            yield from (f"metadata.{quote(text, safe='=')}" for text in TAGGED)
            yield from (
                "metadata.env=prod&metadata.owner=agent-7",
                "metadata.env=prod&metadata.env=dev",
                "status=paused",
            )
            yield from ("metadata.env=dev&metadata.owner=agent-7", "metadata.tier=1&metadata.env=prod")


def paths(slug: str) -> tuple[str, ...]:
    """The paths of the lists."""
    match slug:
        case "dreadnode":
            orgs = (
                *data.CALLERS[slug].scopes,
                data.CALLERS[slug].foreign,
                "no-such-org",
                data.CALLERS[slug].scopes[0].upper(),
            )
            return tuple(f"/api/v1/org/{org}/sandboxes{tail}" for org in orgs for tail in ("", "/facets"))
        case "instavm":
            return ("/v1/sessions/sandboxes",)
        case "prime":
            return ("/api/v1/sandbox",)
    return ("/sandboxes",)


class Transcript:
    """What a build answers to all of this."""

    def __init__(self, build: Build) -> None:
        self.build = build
        self.call = handler(server(build).app, patient=False)
        self.callers = data.CALLERS[build.slug].credentials()
        self.answers: list[Any] = []
        self.ask_all()

    def headers(self, secret: str, scheme: str = "Bearer ") -> dict[str, str]:
        name = HEADERS[self.build.slug]
        return {name: secret if name == "x-api-key" else scheme + secret}

    def ask(self, path: str, query: str, headers: dict[str, str], method: str = "GET") -> Any:
        """The body, if it is JSON."""
        status, found, body = self.call(method, path, query.encode(), headers)
        try:
            value = json.loads(body)
        except ValueError:
            value = body
        self.answers.append((status, found, body if value is None else self.without_cursor(value), body[:4].isascii()))
        return value

    def without_cursor(self, value: Any) -> str:
        """The body with its spelling, without the text of a cursor, which is drawn anew by some builds."""
        if isinstance(value, dict) and isinstance(value.get("next_cursor"), str):
            value = {**value, "next_cursor": "…"}
        return repr(value)

    def ask_all(self) -> None:
        slug = self.build.slug
        for path in paths(slug):
            for query in queries(slug) if path in paths(slug)[:2] else ("",):
                for secret in self.callers.values():
                    self.ask(path, query, self.headers(secret))
        self.ask_for_others()
        if slug == "dreadnode":
            self.walk()
        self.ask_together()

    def ask_for_others(self) -> None:
        """Other credentials, methods, paths and headers."""
        path, token = paths(self.build.slug)[0], self.callers["token"]
        for secret in ("", "nope", token[:-1], token.swapcase(), f"Bearer {token}"):
            self.ask(path, "limit=2", self.headers(secret))
        for scheme in ("bearer ", "Basic "):
            self.ask(path, "limit=2", self.headers(token, scheme))
        self.ask(path, "limit=2", {"x-api-key": token})
        self.ask(path, "limit=2", {"authorization": f"Bearer {token}"})
        self.ask(path, "limit=2", {"x-api-key": "nope", "authorization": f"Bearer {token}"})
        self.ask(path, "limit=2", {})
        for method, target in (("HEAD", path), ("DELETE", path), ("GET", f"{path}/"), ("GET", "/nope")):
            self.ask(target, "", self.headers(token), method)
        self.ask("/nope", "", {})

    def walk(self) -> None:
        """Dreadnode: the whole list from cursor to cursor, and cursors that are used otherwise."""
        path, headers = paths(self.build.slug)[0], self.headers(self.callers["token"])
        projects = self.ask(f"{path}/facets", "", headers).get("projects", [])
        for each in projects[:4]:
            for tail in ("", "/facets"):
                self.ask(path + tail, f"project_id={each.get('project_id')}&state=killed", headers)
        for query in (
            "limit=7",
            "limit=26&state=killed",
            "limit=100",
            f"limit=5&project_id={projects[0].get('project_id')}",
        ):
            body = self.ask(path, query, headers)
            for _ in range(60):
                cursor = body.get("next_cursor") if isinstance(body, dict) else None
                if not cursor:
                    break
                body = self.ask(path, f"{query}&cursor={quote(cursor)}", headers)
        first = self.ask(path, "limit=3", headers)
        cursor = quote(first.get("next_cursor") or "") if isinstance(first, dict) else ""
        self.ask(path, f"limit=3&state=killed&cursor={cursor}", headers)
        self.ask(path, f"limit=4&cursor={cursor}", headers)
        self.ask(path, f"limit=3&cursor={cursor}", self.headers(self.callers["colleague"]))

    def ask_together(self) -> None:
        """The same of two callers at once."""
        path = paths(self.build.slug)[0]
        calls = [self.headers(secret) for secret in self.callers.values()] * 2
        with ThreadPoolExecutor(len(calls)) as pool:
            found: list[Answer] = list(pool.map(lambda headers: self.call("GET", path, b"limit=4", headers), calls))
        self.answers.append([(status, json.loads(body)) for status, _, body in found])
