"""Vectors: requests and the server's answers to them, by a seed. `python -m tests.support.vectors` writes the small
ones of tests/vectors.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from urllib.parse import quote, unquote, urlencode

from fakeserver.export.source import Source
from fakeserver.export.table import Table
from fakeserver.listing.listing import Facets, Listing
from fakeserver.listing.pages import Cursor
from fakeserver.pipeline.routes import Route
from fakeserver.problems import Moved, Problem
from fakeserver.serving.app import App
from tests.support.asgi import ROOT, SLUGS, Row, app_of, call

FOLDER = ROOT / "tests" / "vectors"
SIZE = 200
"""Documents of the world that is asked."""
SMALL, MOST_SMALL_BODY = 100, 2_000
"""Vectors of a provider that are committed, and the characters of the longest body among them."""
LONGEST_TARGET = 300
COMPARED = (
    *("content-type", "allow", "retry-after", "location", "x-next-token", "www-authenticate"),
    *("x-fakeserver-fault", "preference-applied"),
)
DEEP, TOO_DEEP = "[" * 64 + "]" * 64, "[" * 65 + "]" * 65
JUNK = (
    *("", " ", "0", "1", "-1", "2", "3", "5", "007", "1_0", "1.0", "1e3", "99999", "9" * 25, "9" * 4_400, "1.50"),
    *("true", "TRUE", "no", "maybe", "null", "a", "A b", "ä", "日本", "é" * 30, "\u00ad", "\U0001f600", "main", "acme"),
    *("'", '"', "it's", "both ' and \"", "\\", "a,b", ",", ",,", "%", "\t", "\n"),
    *("{}", "[]", "[1", '{"a":1}', '{"a":1.0}', '{"a":[1]}', '"x"', DEEP, TOO_DEEP, '{"a":"\\ud800"}', '{"n":NaN}'),
)
RARE = 1_000
"""Characters of junk that is not sent as often as the rest."""


class Asker:
    """Draws requests for one provider and asks the server."""

    def __init__(self, app: App, slug: str, table: Table, seed: int) -> None:
        self.app, self.slug, self.table, self.chance = app, slug, table, random.Random(f"{slug} {seed}")
        self.service = app.services[slug]
        self.table_data = table.describe()
        self.exported = [each for each in self.service.routes if each.operation.id in self.table_data["operations"]]
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
        return route in self.exported

    def ask(self, method: str, target: str, headers: dict[str, str]) -> Row:
        reply = call(self.app, f"/{self.slug}{target}", method=method, headers=headers)
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
        if chance.random() < 0.08:
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
        if self.chance.random() < 0.5:
            query.append(("__code", str(code)))
        else:
            examples = route.operation.responses[code].examples if code != 418 else {}
            example = f", example={self.chance.choice([*examples])}" if examples and self.chance.random() < 0.5 else ""
            headers["prefer"] = f"code={code}{example}"


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


def small(vectors: list[Row]) -> list[Row]:
    """Those that are committed."""
    found = [each for each in vectors if len(each["body"]) <= MOST_SMALL_BODY and len(each["target"]) <= LONGEST_TARGET]
    return found[:SMALL]


def text_of(vectors: list[Row]) -> str:
    """A vector a line."""
    return "[\n" + ",\n".join(json.dumps(each, ensure_ascii=False) for each in vectors) + "\n]\n"


def main() -> None:
    app = app_of(size=SIZE)
    for slug in SLUGS:
        (FOLDER / f"{slug}.json").write_text(text_of(small(asker(app, slug).vectors(5 * SMALL))), encoding="utf-8")


if __name__ == "__main__":
    main()
