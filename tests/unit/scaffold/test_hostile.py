"""A vendor's text is only ever data: none of it becomes code, and what is wrong with it is a sentence."""

from __future__ import annotations

import ast
import copy
import io
import json
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakeserver.cli import main
from fakeserver.problems import Json
from fakeserver.scaffold import source
from fakeserver.scaffold.code import Members, comment, documentation, tuple_of, write
from fakeserver.scaffold.command import make
from fakeserver.scaffold.source import UnusableSource
from tests.support.skeletons import SLUG, skeleton

VENDOR = Path(__file__).with_name("vendor.yaml")
ALIEN = "ｏｐｅｎ"
"""Python reads it as `open`; a guess at what a name means does not see it."""
TEXTS = {
    "quotes": f'", {ALIEN}, "',
    "apostrophes": f"', {ALIEN}, '",
    "both": f"', {ALIEN}, \"",
    "the end of a docstring": f'"""; {ALIEN}; """',
    "a line": f"\n{ALIEN}\n",
    "a carriage return": f"\r{ALIEN}\r",
    "a backslash": "\\",
    "an escape": f'\\", {ALIEN}, "',
    "braces": "{}",
}


def description(text: str) -> Json:
    """A description with the text wherever a skeleton repeats one."""
    state = f"state{text}" if text.isprintable() else "state"  # Recipes have no columns of several lines.
    states = {"type": "string", "enum": ["on", f"off{text}"]}
    row = {
        "type": "object",
        "required": ["id", "created_at", f"field{text}"],
        "properties": {
            "id": {"type": "string"},
            "created_at": {"type": "string", "format": "date-time", "description": text},
            state: states,
            f"field{text}": {"type": "string"},
        },
    }
    outer = {
        "type": "object",
        "required": [f"outer{text}"],
        "properties": {
            f"boxes{text}": {"type": "array", "items": row},
            f"outer{text}": {"type": "object", "properties": {f"next_cursor{text}": {"type": "string"}}},
        },
    }
    query = [
        (f"limit{text}", {"type": "integer"}),
        (f"cursor{text}", {"type": "string"}),
        (f"order{text}", {"type": "string", "enum": ["asc", "desc"]}),
        (state, states),
        (f"other{text}", {"type": "string"}),
    ]
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Acme{text}", "version": text},
        "paths": {
            "/boxes": {
                "get": {
                    "operationId": f"list{text}",
                    "parameters": [{"name": name, "in": "query", "schema": schema} for name, schema in query],
                    "responses": {
                        "200": {"description": text, "content": {"application/json": {"schema": outer}}},
                        "400": {"description": f"No{text}"},
                    },
                }
            }
        },
    }


@pytest.mark.parametrize("kind", TEXTS)
def test_no_text_of_a_description_becomes_code(kind: str, tmp_path: Path) -> None:
    """It is what it was wherever it is repeated, and the skeleton serves under its names."""
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(description(TEXTS[kind])))
    with skeleton(path) as made:
        assert len(made.plan.listings) == 1
        for module in made.folder.rglob("*.py"):
            used = {each.id for each in ast.walk(ast.parse(module.read_text())) if isinstance(each, ast.Name)}
            assert not used & {"open", ALIEN}, module
        listed = made.plan.listings[0]
        assert (listed.size, listed.turn) == (f"limit{TEXTS[kind]}", f"cursor{TEXTS[kind]}")
        assert [filter_[0] for filter_ in listed.filters] == ["Equal"]
        assert made.get(listed.found.endpoint.id).status == 200


@pytest.mark.parametrize("text", ["\n", "\r", "\x1b[~"])
def test_no_text_of_a_description_moves_the_cursor(text: str, tmp_path: Path) -> None:
    """What the command says of a description is in lines of its own."""
    path, out = tmp_path / "openapi.json", io.StringIO()
    path.write_text(json.dumps(description(text)))
    arguments = ["new", SLUG, "--from", str(path), "--out", str(tmp_path / "made")]
    assert main(arguments, out, io.StringIO()) == 0
    assert all(line.isprintable() for line in out.getvalue().split("\n"))
    assert "  other" in out.getvalue()


@pytest.mark.parametrize("text", TEXTS.values())
def test_text_of_others_is_one_comment_and_one_docstring(text: str) -> None:
    assert len(ast.parse(f"1  # {comment(text)}\n").body) == 1
    (only,) = ast.parse(f'"""Of {documentation(text)}."""').body
    assert isinstance(only, ast.Expr)
    assert isinstance(only.value, ast.Constant)
    assert ast.literal_eval(tuple_of([text])) == (text,)
    assert ast.literal_eval(write(Members({text: "1"}))) == {text: 1}


# Descriptions that are not OpenAPI somewhere


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield (*place, name)
        yield from places(member, (*place, name))


DOCUMENT: Any = source.Plain().copy(yaml.load(VENDOR.read_text(), Loader=source.Yaml12))
SPARSE = 31
"""Of so many places each wrong value is tried at one, another one for each value."""
WRONG: list[Json] = [None, 5, "x", [], {}, [None], {"a": 1}, {"$ref": 5}, "²"]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_wrong_value_anywhere_is_a_sentence(number: int, tmp_path: Path) -> None:
    """Either the rest is served, or one line says what is wrong; nothing else is ever raised."""
    path = tmp_path / "openapi.json"
    for place in [*places(DOCUMENT)][number::SPARSE]:
        document = copy.deepcopy(DOCUMENT)
        holder = document
        for name in place[:-1]:
            holder = holder[name]
        holder[place[-1]] = WRONG[number]
        path.write_text(json.dumps(document))
        said = outcome_of(path)
        assert said is None or (said.startswith(f"{path}: ") and len(said.splitlines()) == 1), place


def outcome_of(path: Path) -> str | None:
    """None if a skeleton of the description can be served, or why not."""
    try:
        with skeleton(path):
            return None
    except UnusableSource as error:
        return str(error)


@pytest.mark.parametrize(
    "wrong",
    [
        {"components": []},
        {"paths": {"/boxes": {"parameters": 5, "get": {}}}},
        {"paths": {"/boxes": {"get": {"responses": {"4²": {}, "200": {"content": {"application/json": []}}}}}}},
    ],
)
def test_a_description_that_is_not_openapi_is_refused(wrong: Json, tmp_path: Path) -> None:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps({"openapi": "3.1.0", "paths": {"/boxes": {"get": {}}}} | wrong))
    with pytest.raises(UnusableSource, match=re.escape(str(path))):
        make(SLUG, path, None)


def test_a_package_has_a_name_that_pip_takes() -> None:
    """A slug may end in what the name of a package may not."""
    made = make("acme-", VENDOR, None)
    try:
        project = tomllib.loads((made.folder / "pyproject.toml").read_text())["project"]
    finally:
        shutil.rmtree(made.folder)
    assert project["name"] == "fakeserver-acme"


@pytest.mark.parametrize("text", ["!!bool maybe", '!!int ""', '!!float ""', "!!timestamp soon"])
def test_a_text_that_is_not_of_its_tag_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "openapi.yaml"
    path.write_text(f"openapi: 3.1.0\npaths: {{/boxes: {{get: {{}}}}}}\nx-more: {text}\n")
    with pytest.raises(UnusableSource, match="neither YAML nor JSON"):
        make(SLUG, path, None)
