"""The house rules, held by machine: imports point one way, rooms stay small, one slug is one slug everywhere."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
from inside import ROOT, SLUGS

from fakeserver.app import create_app
from fakeserver.providers import PROVIDERS

# Each module may import those of the lines above its own.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("problems",),
    ("spec",),
    ("params", "auth", "filters", "draws"),
    ("clock", "faults", "limits", "journal", "places"),
    ("seeded", "forced"),
    ("collection", "manners"),
    ("pages", "facets"),
    ("provider",),
    tuple(f"providers.{slug}" for slug in SLUGS),
    ("providers", "validation"),
    ("probes",),
    ("fixtures",),
    ("world",),
    ("worlds", "routes"),
    ("service",),
    ("wire", "catalogue"),
    ("bodies",),
    ("snapshots",),
    ("admin",),
    ("app",),
    ("testing", "cli"),
    ("pytest_plugin", "__main__"),
)
DICTATED = {"data_received"}
"""Names that asyncio gives."""
FREE = {"__init__"}
"""Says the version, and may be imported by everyone."""

LONGEST_FUNCTION = 60
LONGEST_MODULE = 400
PACKAGE = ROOT / "fakeserver"
MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path, root: Path = PACKAGE) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


@cache
def imported(path: Path) -> frozenset[str]:
    """The modules that a file names in its imports, inside of functions too, but not those for the type checker."""
    found: set[str] = set()
    nodes: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            nodes += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            assert node.module is not None
            found |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    return frozenset(found)


def own(path: Path) -> set[str]:
    """The modules of the package that a file imports."""
    known = {name_of(each) for each in MODULES}
    names = {each.removeprefix("fakeserver.") for each in imported(path) if each.startswith("fakeserver.")}
    return {each for each in names if each in known}


def test_every_module_has_its_place() -> None:
    """Every module of the server stands in LAYERS exactly once, and nothing else does."""
    listed = [each for layer in LAYERS for each in layer]
    assert len(set(listed)) == len(listed)
    assert {name_of(each) for each in MODULES} - FREE == set(listed)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_one_way(path: Path) -> None:
    """A module imports only from layers above its own."""
    name = name_of(path)
    depth = {each: number for number, layer in enumerate(LAYERS) for each in layer}
    for other in own(path) - FREE - {name}:
        assert depth[other] < depth.get(name, 0), f"{name} imports {other}"


@pytest.mark.parametrize("slug", SLUGS)
def test_providers_know_neither_each_other_nor_the_web(slug: str) -> None:
    """A provider is frozen values over the engine: no other provider, no Starlette, no uvicorn, no file, no network."""
    found = imported(PACKAGE / "providers" / f"{slug}.py")
    assert not {each for each in found if each.startswith("fakeserver.providers")}
    forbidden = {"starlette", "uvicorn", "asyncio", "socket", "os", "pathlib", "time", "random", "orjson", "yaml"}
    assert not {each.split(".")[0] for each in found} & forbidden


def test_only_the_app_knows_starlette() -> None:
    """Starlette assembles the app; what answers a request does not know how it arrived."""
    users = {name_of(path) for path in MODULES if any(each.startswith("starlette") for each in imported(path))}
    assert users <= {"app", "admin", "wire"}


def test_the_laws_know_nothing_of_the_fake() -> None:
    """The contract kit's laws judge any deployment, so they import nothing from the server."""
    laws = sorted((ROOT / "contract_tests" / "laws").rglob("*.py"))
    for path in laws:
        assert not {each for each in imported(path) if each.split(".")[0] == "fakeserver"}, path.name


def test_the_server_needs_no_test_tool() -> None:
    """Serving imports only what the package depends on: no kit, no Faker, no test framework."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    allowed = {"fakeserver"} | {re.split(r"[<>=; \[]", each)[0] for each in declared}
    allowed = {"yaml" if each == "pyyaml" else each for each in allowed}
    for path in MODULES:
        extra = (
            {"pytest"} if name_of(path) == "pytest_plugin" else {"contract_tests"} if path.name == "cli.py" else set()
        )
        outside = {each.split(".")[0] for each in imported(path)} - set(sys.stdlib_module_names) - allowed - extra
        assert not outside, f"{name_of(path)} imports {sorted(outside)}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_rooms_stay_small(path: Path) -> None:
    """No function is longer than a screen, and no module than four hundred lines."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_MODULE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name}: {length} lines"


def test_one_slug_everywhere() -> None:
    """The slugs of openapi/, fixtures/, providers/ and the running server are the same."""
    assert {path.stem for path in (ROOT / "openapi").glob("*.yaml")} == set(SLUGS)
    assert {path.stem for path in (ROOT / "fixtures").glob("*.yaml")} - {"vocabularies"} == set(SLUGS)
    assert {path.stem for path in (PACKAGE / "providers").glob("*.py")} - {"__init__"} == set(SLUGS)
    assert tuple(PROVIDERS) == SLUGS
    assert tuple(create_app().services) == SLUGS
    assert all(provider.slug == slug for slug, provider in PROVIDERS.items())


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_words(path: Path) -> None:
    """One word per thing: the words that ARCHITECTURE rules out do not name anything, and nothing is left to do."""
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", text)
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    defined = {
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    for name in (names | defined) - DICTATED:
        parts = set(re.split(r"_|(?<=[a-z])(?=[A-Z])", name))
        assert not {each.lower() for each in parts} & {"data", "obj", "manager", "handler", "util", "utils"}, name


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_says_what_it_is(path: Path) -> None:
    """Every module begins with a sentence about itself."""
    if path.name != "__main__.py":
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
