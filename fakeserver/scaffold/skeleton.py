"""The files of a plugin's skeleton, as text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import yaml

from fakeserver import __version__
from fakeserver.problems import Json
from fakeserver.scaffold.code import comment, documentation, literal, tuple_of, write
from fakeserver.scaffold.guesses import Listed
from fakeserver.scaffold.plan import TENANT, Plan
from fakeserver.scaffold.promises import promises_text
from fakeserver.spec.reader import UNSERVED_KEY

WIDTH = 110
LONGEST_LINE = 120
UNREAD = '''

def unread(value: Any) -> Any:
    """Refuse a parameter whose filter is not written yet: a list that ignores it would be the wrong one."""
    raise ValueRefused("the fake does not filter by this parameter yet", "unread")
'''
PYPROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{distribution}"
version = "0.1.0"
description = "{title}, as a provider of fakeserver."
requires-python = ">=3.11"
dependencies = ["fakeserver>={version}"]

[project.optional-dependencies]
dev = ["fakeserver[contract]"]

[project.entry-points."fakeserver.providers"]
{slug} = "{package}.provider:PROVIDER"
{promises}
[tool.hatch.build.targets.wheel]
packages = ["{package}"]
"""
PROMISES = """
[project.entry-points."fakeserver.promises"]
{slug} = "{package}.promises:PROMISES"
"""
PROVIDER = '''"""{title}: what its operations mean, as far as its description lets one guess: see the comments."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from fakeserver.provider import (
{imports}
)

from {package}.documents import make

FILES = files(__package__)


def errors(problem: Problem, switches: Switches) -> tuple[int, Document]:
    """Guessed from the schema of a documented error: which member says what."""
    status = {invalid} if problem.kind == "invalid" else problem.status
    return status, {errors}


def own(caller: Caller, values: Mapping[str, Any], tenants: Mapping[str, Collection]) -> Scope:
    """Guessed: callers see everything of their own tenant, whatever the path names, and nothing else."""
    return Scope(caller.home)
{unread}

PROVIDER = Provider(
    slug="{slug}",
    spec=FILES / "openapi.yaml",
    recipe=FILES / "recipe.yaml",
    errors=errors,
    operations={{
{operations}
    }},
    make=make,
    created={created},
    identity={identity},
    default_tenant="{tenant}",
    try_path={try_path},
    # Guessed: the names of the variables that the vendor's SDK reads.
    sdk={{"{variable}_BASE_URL": {sdk_url}, "{variable}_API_KEY": "{{key}}"}},
)
'''
DOCUMENTS = '''"""The documents of {title}: one is made for each number, from the draws of that number."""

from __future__ import annotations

from fakeserver.provider import {imports}


def make(draw: Draw) -> Document:
    """One row of {operation}.

    Its fields are valid, and nothing in them belongs together yet: what a paused one has, a running one has too."""
    return {body}
'''
README = """# {distribution}

{title} as a provider of fakeserver, begun by `fakeserver new`.

```sh
pip install -e '.[dev]'
fakeserver serve --only {slug}
pytest
{check}```

It serves {served} of {total} operations. Each of the others is a 501 that says why, as `{package}/openapi.yaml`
does (`{key}`). What is served was guessed from names:

{guesses}

{unserved}

To go on: `{package}/provider.py` says what parameters mean, `{package}/documents.py` makes the documents,
`{package}/recipe.yaml` says how often each value occurs.

{promises}
"""
CHECK = "fakeserver check {slug} --base-url http://127.0.0.1:8000/{slug} --token {slug}-admin-key\n"
PROMISED = """`{package}/promises.py` says once more, from the vendor's pages and by hand, what `fakeserver check`
holds a deployment to. A parameter whose filter is not written is refused, and the check says so; it also names each
status that an answer had and the description does not document."""
UNPROMISED = """There is nothing for `fakeserver check` yet: it needs rows with an id that is text and an instant that
says when they were made."""
TEST = '''"""The fake starts, lists, and answers every error that the description documents."""

import json
import urllib.error
import urllib.request

import pytest
from fakeserver.testing import World

HEADER, PREFIX = {header}
OPERATIONS = {operations}
"""Each with the member that has its rows (None: the answer is the list) and the errors that it documents."""


def ask(fake: World, path: str, **headers: str) -> tuple[int, object]:
    provider = fake.provider("{slug}")
    request = urllib.request.Request(provider.base_url + path, headers={{HEADER: PREFIX + provider.token, **headers}})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({{}})).open(request) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


@pytest.mark.parametrize(("path", "items", "statuses"), OPERATIONS)
def test_it_lists(fakeserver: World, path: str, items: str | None, statuses: list[int]) -> None:
    status, body = ask(fakeserver, path)
    rows = body if items is None else body[items]
    assert status == 200
    assert rows


@pytest.mark.parametrize(
    ("path", "status"), [(path, status) for path, _, statuses in OPERATIONS for status in statuses]
)
def test_it_answers_every_documented_error(fakeserver: World, path: str, status: int) -> None:
    assert ask(fakeserver, path, Prefer=f"code={{status}}")[0] == status
'''


class Skeleton:
    """Writes the files of one plan."""

    def __init__(self, slug: str, plan: Plan) -> None:
        self.slug = slug
        self.plan = plan
        self.package = f"fakeserver_{slug.replace('-', '_')}"
        self.distribution = f"fakeserver-{slug.replace('_', '-')}".rstrip("-")
        self.title = re.sub(r"[^\w .,()+&-]+", " ", str(plan.spec["info"]["title"])).strip()[:60] or slug

    def files(self) -> Mapping[str, str]:
        """Every file by its path."""
        promises = {f"{self.package}/promises.py": promises_text(self.slug, self.title, self.plan)}
        return {
            "pyproject.toml": PYPROJECT.format(
                promises=PROMISES.format(slug=self.slug, package=self.package) if self.plan.rows.promised else "",
                distribution=self.distribution,
                title=self.title,
                version=__version__,
                slug=self.slug,
                package=self.package,
            ),
            "README.md": self._readme(),
            f"{self.package}/__init__.py": f'"""{self.title}, as a provider of fakeserver."""\n',
            f"{self.package}/provider.py": self._provider(),
            f"{self.package}/documents.py": self._documents(),
            **(promises if self.plan.rows.promised else {}),
            f"{self.package}/openapi.yaml": dump(self.plan.spec),
            f"{self.package}/recipe.yaml": self._recipe(),
            f"tests/test_{self.slug.replace('-', '_')}.py": self._test(),
        }

    def _provider(self) -> str:
        operations = "\n".join(line for listed in self.plan.listings for line in self._operation(listed))
        unread = UNREAD if any(listed.unread for listed in self.plan.listings) else ""
        names = {"Caller", "Collection", "Document", "Listing", "Pages", "Problem", "Provider", "Scope", "Switches"}
        words = set(re.findall(r"\b[A-Z]\w+(?=\(|,|\})", operations)) & OFFERED
        names |= words | ({"ValueRefused"} if unread else set())
        first = self.plan.listings[0].found
        return PROVIDER.format(
            title=self.title,
            package=self.package,
            imports="\n".join(f"    {name}," for name in in_order(names)),
            invalid=self.plan.invalid_status,
            errors=write(self.plan.errors, 4),
            unread=unread,
            slug=self.slug,
            operations=operations,
            created=literal(self.plan.rows.created),
            identity=literal(self.plan.rows.identity),
            tenant=TENANT,
            try_path=literal(self._path(self.plan.listings[0], 2)),
            variable=re.sub(r"[^A-Z0-9]", "_", self.slug.upper()),
            sdk_url=literal("{base_url}" + first.prefix),
        )

    def _operation(self, listed: Listed) -> Iterator[str]:
        yield f"        {literal(listed.found.endpoint.id)}: Listing("
        yield from (f"            # Assumed: {comment(note)}." for note in listed.found.notes)
        if listed.path:
            yield f"            path={tuple_of(listed.path)},"
        yield "            tenant=own,"
        if listed.filters or listed.unread:
            yield "            filters=("
            for kind, name, target in listed.filters:
                yield f"                {kind}({literal(name)}, field={literal(target)}),"
            for name, reason in listed.unread.items():
                yield f"                # To be written: {comment(reason)}. Until then the parameter is refused."
                identity = literal(self.plan.rows.identity)
                yield f"                Equal({literal(name)}, field={identity}, decode=unread),"
            yield "            ),"
        yield "            # Guessed from the names of the parameters, of the answer's members and of its headers."
        yield f"            pages={laid_out(('Pages', self._pages(listed)), 12)},"
        yield "        ),"

    def _pages(self, listed: Listed) -> list[Call]:
        parts: list[Call] = [literal(listed.items)] if listed.items is not None else []
        parts += [f"members={literal(listed.members)}"] if listed.members else []
        parts += [f"headers={literal(dict(listed.headers))}"] if listed.headers else []
        envelope: list[Call] = [("Envelope", parts)] if parts else []
        return [listed.position, *envelope, *([f"order={listed.order}"] if listed.order else [])]

    def _documents(self) -> str:
        body = write(self.plan.rows.make, 4)
        names = ["Document", "Draw", *(name for name in ("SECOND", "at") if re.search(rf"\b{name}\b", body))]
        return DOCUMENTS.format(
            title=self.title,
            imports=", ".join(in_order(names)),
            operation=documentation(self.plan.listings[0].found.endpoint.name),
            body=body,
        )

    def _recipe(self) -> str:
        callers = {
            f"{self.slug}-admin-key": {"name": "admin", "user": "user-1", "home": TENANT, "tenants": {TENANT: "admin"}},
            f"{self.slug}-outsider-key": {
                "name": "outsider",
                "user": "user-2",
                "home": "outsider",
                "tenants": {"outsider": "admin"},
            },
        }
        columns: dict[str, Json] = {"owner": [{"value": "user-1", "weight": 1}]}
        for name, values in self.plan.rows.columns.items():
            columns[name] = [{"value": value, "weight": 1} for value in values]
        outsider = {"share": 5, "columns": {"owner": [{"value": "user-2", "weight": 1}]}}
        recipe = {"callers": callers, "columns": columns, "tenants": {TENANT: {}, "outsider": outsider}}
        return f"# The recipe of the seeded world of {self.title}.\n" + dump(recipe)

    def _readme(self) -> str:
        lines = []
        for listed in self.plan.listings:
            name = listed.found.endpoint
            lines.append(f"- `{name.name}` (`GET {name.path}`): pages by `{listed.position}`")
            lines += [f"  - `{parameter}` keeps rows by `{target}`" for _, parameter, target in listed.filters]
            lines += [f"  - `{parameter}` is refused, since {why}" for parameter, why in listed.unread.items()]
        if self.plan.rows.left_out:
            lines.append(f"- no value was found for {', '.join(f'`{name}`' for name in self.plan.rows.left_out)}")
        return README.format(
            distribution=self.distribution,
            title=self.title,
            slug=self.slug,
            served=len(self.plan.listings),
            total=self.plan.total,
            package=self.package,
            key=UNSERVED_KEY,
            check=CHECK.format(slug=self.slug) if self.plan.rows.promised else "",
            promises=(PROMISED if self.plan.rows.promised else UNPROMISED).format(package=self.package),
            guesses="\n".join(lines),
            unserved="\n".join(f"- {count} not served: {reason}" for reason, count in reasons(self.plan)),
        )

    def _path(self, listed: Listed, rows: int | None = None) -> str:
        """A path that the operation answers; with so many rows, if it has a parameter for that."""
        path = listed.request
        return f"{path}{'&' if '?' in path else '?'}{listed.size}={rows}" if rows is not None and listed.size else path

    def _test(self) -> str:
        operations = [
            (self._path(listed), listed.items, [int(code) for code in listed.found.responses if code >= "4"])
            for listed in self.plan.listings
        ]
        scheme = self.plan.spec["components"]["securitySchemes"]
        first = scheme[next(iter(self.plan.listings[0].found.body["security"][0]))]
        header = (first["name"], "") if first.get("type") == "apiKey" else ("Authorization", "Bearer ")
        rows = "".join(
            f"    ({literal(path)}, {literal(items)}, {literal(codes)}),\n" for path, items, codes in operations
        )
        return TEST.format(
            slug=self.slug, header=f"{literal(header[0])}, {literal(header[1])}", operations=f"[\n{rows}]"
        )


Call = str | tuple[str, list["Call"]]
"""An expression, or the name of what is called with some."""


def laid_out(call: Call, indent: int) -> str:
    """An expression in one line or several, as ruff lays it out."""
    if isinstance(call, str):
        return call
    name, parts = call
    line = f"{name}({', '.join(laid_out(part, 0) for part in parts)})"
    pad, inner = " " * indent, " " * (indent + 4)
    if len(line) + indent + len("pages=,") <= LONGEST_LINE and "\n" not in line:
        return line
    line = ", ".join(laid_out(part, 0) for part in parts)
    if len(line) + indent + 4 <= LONGEST_LINE and "\n" not in line:
        return f"{name}(\n{inner}{line}\n{pad})"
    lines = "".join(f"{inner}{laid_out(part, indent + 4)},\n" for part in parts)
    return f"{name}(\n{lines}{pad})"


OFFERED = frozenset(
    "NEWEST_FIRST OLDEST_FIRST AllOf AnyOf Cursor Envelope Equal Everything First Numbered OrderParameter "
    "Window".split()
)
"""What the table of a skeleton is made of, beside what every table has."""


def in_order(names: Iterable[str]) -> list[str]:
    """Names as imports have them: constants, then types, then functions."""
    return sorted(names, key=lambda name: (not name.isupper(), name.islower(), name))


def reasons(plan: Plan) -> list[tuple[str, int]]:
    """Why operations are not served, the commonest reason first."""
    return Counter(found.reason for found in plan.unserved).most_common()


def dump(value: Json) -> str:
    """A value as YAML, in its own order."""
    return yaml.dump(value, Dumper=Plain, sort_keys=False, allow_unicode=True, width=WIDTH)


class Plain(yaml.SafeDumper):
    """YAML without aliases, as people write it."""

    def ignore_aliases(self, data: object) -> bool:
        return True
