"""The house rules, held by machine: imports point one way, rooms stay small, one slug is one slug everywhere."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

from fakeserver.providers import PROVIDERS
from fakeserver.serving.app import create_app
from tests.support.asgi import ROOT, SLUGS

ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
DICTATED = {"data_received", "DataPlane"}
"""Names that asyncio gives, and what vendors call the hosts at which their sandboxes answer."""
LONGEST_FUNCTION = 60
LONGEST_MODULE = 400
PACKAGE = ROOT / "fakeserver"
KIT = ROOT / "contract_tests"
MODULES = sorted(PACKAGE.rglob("*.py"))
KIT_MODULES = sorted(KIT.rglob("*.py"))
MOST_FLOORS = {"fakeserver": 14, "contract_tests": 8}


def name_of(path: Path, root: Path = PACKAGE) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imported(path: Path) -> frozenset[str]:
    """The modules that a file names in its imports, inside of functions too, but not those for the type checker."""
    found: set[str] = set()
    nodes: list[ast.AST] = [tree_of(path)]
    while nodes:
        node = nodes.pop()
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            # Nothing is imported within an expression.
            nodes += [each for each in ast.iter_child_nodes(node) if not isinstance(each, ast.expr)]
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            assert node.module is not None
            found |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    return frozenset(found)


def direction(package: str) -> list[set[str]]:
    """The rooms of a package, floor by floor, as ARCHITECTURE's line of arrows has them."""
    line = next(
        line for line in ARCHITECTURE.splitlines() if line.startswith("    ") and f"{package}: " in line and "→" in line
    )
    return [set(floor.split(", ")) for floor in line.strip().removeprefix(f"{package}: ").split(" → ")]


def room(path: Path) -> str:
    """The package, or the single module at the top, that a file belongs to."""
    return path.relative_to(ROOT).parts[1].removesuffix(".py")


@cache
def rooms_of(package: str) -> frozenset[str]:
    return frozenset(room(each) for each in (*MODULES, *KIT_MODULES) if each.is_relative_to(ROOT / package))


def rooms_imported(path: Path) -> set[str]:
    """The other rooms of its own package that a file imports from; the version is everybody's."""
    package = path.relative_to(ROOT).parts[0]
    rooms = rooms_of(package)
    names = {each.split(".")[1] for each in imported(path) if each.startswith(f"{package}.")}
    return (names & rooms) - {room(path), "__init__"}


@pytest.mark.parametrize("package", MOST_FLOORS)
def test_every_room_has_its_floor(package: str) -> None:
    """ARCHITECTURE's line names every room exactly once, and no more floors than a newcomer can keep in mind."""
    floors = direction(package)
    listed = [name for floor in floors for name in floor]
    assert len(set(listed)) == len(listed)
    assert set(listed) == {room(path) for path in (ROOT / package).rglob("*.py")} - {"__init__"}
    assert len(floors) <= MOST_FLOORS[package]


@pytest.mark.parametrize("package", MOST_FLOORS)
def test_imports_point_one_way(package: str) -> None:
    """A module imports only from its own room and from floors below."""
    number = {name: index for index, floor in enumerate(direction(package)) for name in floor}
    modules = [path for path in (*MODULES, *KIT_MODULES) if path.relative_to(ROOT).parts[0] == package]
    assert modules
    for path in modules:
        for other in rooms_imported(path):
            where = f"{path.relative_to(ROOT)} imports {other}"
            assert number[other] < number.get(room(path), 0), where


@pytest.mark.parametrize("slug", SLUGS)
def test_providers_know_neither_each_other_nor_the_web(slug: str) -> None:
    """A provider is frozen values over the engine: no other provider, no Starlette, no uvicorn, no file, no network."""
    modules = sorted((PACKAGE / "providers" / slug).rglob("*.py"))
    assert modules
    found = {each for module in modules for each in imported(module)}
    own = f"fakeserver.providers.{slug}"
    assert not {each for each in found if each.startswith("fakeserver.providers") and not each.startswith(own)}
    forbidden = {"starlette", "uvicorn", "asyncio", "socket", "os", "pathlib", "time", "random", "orjson", "yaml"}
    assert not {each.split(".")[0] for each in found} & forbidden


def test_only_the_app_knows_starlette() -> None:
    """Starlette assembles the app; what answers a request does not know how it arrived."""
    users = {name_of(path) for path in MODULES if any(each.startswith("starlette") for each in imported(path))}
    assert {each.partition(".")[0] for each in users} <= {"serving", "admin"}


def test_what_judges_knows_nothing_of_the_fake() -> None:
    """The kit judges any deployment, so only the rooms that ARCHITECTURE names import from the server."""
    named = re.search(r"Of the kit only (.+?) import from\s+`fakeserver`", ARCHITECTURE)
    assert named is not None
    users = {room(path) for path in KIT_MODULES if any(name.startswith("fakeserver.") for name in imported(path))}
    assert users == set(re.findall(r"`(\w+)`", named[1]))


@pytest.mark.parametrize("path", [*KIT.glob("promises/*.py"), KIT / "plugin.py"], ids=lambda path: path.name)
def test_what_is_promised_is_told_by_nobody(path: Path) -> None:
    """Promises are found and find their files with the server's help, and get nothing else from it."""
    modules = {name.split(".")[1] for name in imported(path) if name.startswith("fakeserver.")}
    assert modules <= {"plugins", "resources"}


def test_the_server_needs_no_test_tool() -> None:
    """Serving imports only what the package depends on: no kit, no test framework; Faker where it draws words only,
    bashkit where commands run, trustme where certificates are made, psycopg where PostgreSQL is asked, and
    OpenTelemetry where spans are."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    allowed = {"fakeserver"} | {re.split(r"[<>=~; \[]", each)[0] for each in declared}
    allowed = {"yaml" if each == "pyyaml" else each.replace("-", "_") for each in allowed}
    for path in MODULES:
        extra = {
            "pytest_plugin": {"pytest"},
            "cli": {"contract_tests"},
            "recipes.drawing": {"faker"},
            "interpreter.shell": {"bashkit"},
            "certificates.authority": {"trustme", "certifi"},
            "serving.spans": {"opentelemetry"},
            "stores.glances": {"psycopg"},
            "stores.sessions": {"psycopg"},
            "stores.tables": {"psycopg"},
            "stores.transactions": {"psycopg"},
        }.get(name_of(path), set())
        outside = {each.split(".")[0] for each in imported(path)} - set(sys.stdlib_module_names) - allowed - extra
        assert not outside, f"{name_of(path)} imports {sorted(outside)}"


def test_rooms_stay_small() -> None:
    """No function is longer than a screen, and no module than four hundred lines."""
    for path in (*MODULES, *KIT_MODULES):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= LONGEST_MODULE, f"{path.relative_to(ROOT)}: {lines} lines"
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                length = node.end_lineno - node.lineno + 1
                assert length <= LONGEST_FUNCTION, f"{path.relative_to(ROOT)}, {node.name}: {length} lines"


def test_one_slug_everywhere() -> None:
    """The slugs of openapi/, fixtures/, providers/ and the running server are the same."""
    assert {path.stem for path in (ROOT / "openapi").glob("*.yaml")} == set(SLUGS)
    assert {path.stem for path in (ROOT / "fixtures").glob("*.yaml")} - {"vocabularies"} == set(SLUGS)
    assert {path.parent.name for path in (PACKAGE / "providers").glob("*/__init__.py")} == set(SLUGS)
    assert tuple(PROVIDERS) == SLUGS
    assert tuple(create_app().services) == SLUGS
    assert all(provider.slug == slug for slug, provider in PROVIDERS.items())


def test_words() -> None:
    """One word per thing: the words that ARCHITECTURE rules out do not name anything, and nothing is left to do."""
    for path in MODULES:
        assert not re.search(r"\b(TODO|FIXME|XXX)\b", path.read_text(encoding="utf-8")), name_of(path)
        names = {node.id for node in ast.walk(tree_of(path)) if isinstance(node, ast.Name)}
        defined = {
            node.name
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        }
        for name in (names | defined) - DICTATED:
            parts = {each.lower() for each in re.split(r"_|(?<=[a-z])(?=[A-Z])", name)}
            assert not parts & {"data", "obj", "manager", "handler", "util", "utils"}, f"{name_of(path)}: {name}"


def test_every_module_says_what_it_is() -> None:
    """Every module begins with a sentence about itself."""
    for path in MODULES:
        assert path.name == "__main__.py" or ast.get_docstring(tree_of(path)), name_of(path)


def test_the_glossary_is_short() -> None:
    """A newcomer can keep it in mind: at most 28 words, each explained once."""
    words = re.findall(r"^\| ([a-z ]+) \| ", ARCHITECTURE.partition("## Words")[2], re.MULTILINE)[1:]
    assert len(words) == len(set(words)) <= 28
