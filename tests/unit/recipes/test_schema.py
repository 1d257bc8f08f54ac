"""One schema engine: what is wrong with a document is said with its field, its rule, and what the rule wants."""

from __future__ import annotations

import datetime
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fakeserver.problems import SpecError
from fakeserver.providers import PROVIDERS
from fakeserver.recipes.schema import DocumentSchema, is_date_time, is_lower_case_uuid, item_schema
from fakeserver.spec import reader
from tests.support.asgi import SLUGS, SPECS, Row, app_of, main_tenant, spec_of
from tests.support.texts import TEXTS

UUID = "3c90c3cc-0d44-4b50-8888-8dd25736052a"


def superserve(tmp_path: Path, change: Callable[[Row], object]) -> DocumentSchema:
    """Superserve's schema, after a change to the schema of one document."""
    document = spec_of("superserve")
    change(document["components"]["schemas"]["SandboxResponse"])
    path = tmp_path / "superserve.yaml"
    TEXTS.write(path, document)
    return DocumentSchema(PROVIDERS["superserve"], reader.load(path, PROVIDERS["superserve"].operations))


def told(schema: DocumentSchema, document: Any) -> list[tuple[str, str]]:
    return [(breach.field, breach.reason) for breach in schema.breaches(document)]


@pytest.fixture
def document() -> Row:
    """A document as the spec has it."""
    return dict(next(iter(main_tenant(app_of(size=20), "superserve").documents())))


@pytest.mark.parametrize("slug", SLUGS)
def test_served_documents_have_no_breach(slug: str) -> None:
    """The schema is found in a bare array and in an envelope, and the documents that are served fit it."""
    app = app_of(size=60)
    schema = DocumentSchema(app.services[slug].provider, app.services[slug].spec)
    assert app.services[slug].provider.identity in schema.fields
    documents = list(main_tenant(app, slug).documents())
    assert documents
    assert [breach for document in documents for breach in schema.breaches(document)] == []


RULES: dict[str, tuple[Row, Any, str]] = {
    "one type": ({"type": "string"}, 7, "must be of type string"),
    "types, in the order of the spec": ({"type": ["string", "null"]}, 7, "must be of type string or null"),
    "enum": ({"enum": ["b", "a", 1]}, "c", "must be one of b, a, 1"),
    "const": ({"const": "b"}, "c", "must be b"),
    "least": ({"type": "integer", "minimum": 1}, 0, "must be at least 1"),
    "most": ({"type": "integer", "maximum": 3}, 4, "must be at most 3"),
    "short": ({"type": "string", "minLength": 2}, "a", "must have at least 2 characters"),
    "long": ({"type": "string", "maxLength": 2}, "abc", "must have at most 2 characters"),
    "few": ({"type": "array", "minItems": 1}, [], "must have at least 1 entries"),
    "many": ({"type": "array", "maxItems": 1}, [1, 2], "must have at most 1 entries"),
    "pattern": ({"type": "string", "pattern": "^a{2}$"}, "b", "must match ^a{2}$"),
    "uuid": ({"type": "string", "format": "uuid"}, "b", "must be a uuid"),
    "uuid in capitals": ({"type": "string", "format": "uuid"}, UUID.upper(), "must be a uuid"),
    "date-time": ({"type": "string", "format": "date-time"}, "soon", "must be a date-time"),
    "alternatives": ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 7, "has none of the forms"),
    "another rule": ({"type": "array", "uniqueItems": True}, [1, 1], "breaks uniqueItems: True"),
}


@pytest.mark.parametrize("name", RULES)
def test_each_rule_says_what_it_wants(name: str, tmp_path: Path, document: Row) -> None:
    """The reason names what the spec wants, in the spec's words, and does not repeat the value."""
    rule, value, reason = RULES[name]
    schema = superserve(tmp_path, lambda item: item["properties"].update(extra=rule))
    ((field, found),) = told(schema, {**document, "extra": value})
    assert field == "extra"
    assert found.startswith(reason)


def test_what_is_missing_is_named_one_by_one(tmp_path: Path) -> None:
    schema = superserve(tmp_path, lambda item: item.update(required=["id", "name"]))
    assert told(schema, {}) == [("id", "is missing"), ("name", "is missing")]
    assert told(schema, []) == [("document", "must be of type object")]


def test_what_is_too_much_is_named_one_by_one(tmp_path: Path, document: Row) -> None:
    """Where the spec closes an object, each member that it does not have is named, and repeated as a value."""
    schema = superserve(tmp_path, lambda item: item.update(additionalProperties=False))
    found = list(schema.breaches({**document, "colour": "red", "size": 3}))
    assert {(breach.field, breach.reason, breach.value) for breach in found} == {
        ("colour", "is not a field of the spec", "red"),
        ("size", "is not a field of the spec", 3),
    }


def test_a_breach_says_where_it_is(tmp_path: Path, document: Row) -> None:
    """The path leads through lists and objects to the value that is at fault."""
    ports = {"type": "array", "items": {"type": "object", "properties": {"port": {"type": "integer"}}}}
    schema = superserve(tmp_path, lambda item: item["properties"].update(ports=ports))
    (breach,) = schema.breaches({**document, "ports": [{"port": 1}, {"port": "x"}]})
    assert (breach.path, breach.field, breach.value) == (("ports", 1, "port"), "ports.1.port", "x")


def test_a_schema_may_lead_back_to_itself(tmp_path: Path, document: Row) -> None:
    """A reference to the schema that it stands in is followed as deep as the document goes."""
    again = {"$ref": "#/components/schemas/SandboxResponse"}
    schema = superserve(tmp_path, lambda item: item["properties"].update(children={"type": "array", "items": again}))
    nested = {**document, "children": [document, {**document, "children": [{**document, "name": 7}]}]}
    assert told(schema, {**document, "children": [document]}) == []
    assert told(schema, nested) == [("children.1.children.0.name", "must be of type string")]


def test_a_schema_that_is_not_sound_is_one_sentence(tmp_path: Path) -> None:
    """What the engine cannot read is a SpecError that names the file, and no request leaves the machine for it."""
    with pytest.raises(SpecError, match=r'superserve\.yaml: the schema of a document is not sound: "\(" is not a "reg'):
        superserve(tmp_path, lambda item: item["properties"]["name"].update(pattern="("))
    with pytest.raises(SpecError, match=r"superserve\.yaml: .*reference .https://example.com/schema. is not local"):
        superserve(tmp_path, lambda item: item["properties"].update(more={"$ref": "https://example.com/schema"}))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (datetime.date(2026, 1, 1), "Unsupported type: 'date'"),
        ({1: "a"}, "Dict key must be str"),
        ("\ud800", "surrogates not allowed"),
    ],
)
def test_what_json_cannot_hold_is_a_value_error(value: object, why: str, tmp_path: Path, document: Row) -> None:
    schema = superserve(tmp_path, lambda item: None)
    with pytest.raises(ValueError, match=why):
        list(schema.breaches({**document, "metadata": value}))


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("2026-01-18T10:30:00Z", True),
        ("2026-01-18T10:30:00", True),
        ("2026-01-18T10:30:00.123456+02:00", True),
        ("2026-01-18 10:30:00", False),
        ("2026-01-18", False),
        ("2026-02-30T00:00:00Z", False),
        ("", False),
    ],
)
def test_date_times(text: str, fits: bool) -> None:
    """An ISO date and time with a T; the providers that send no offset mean UTC."""
    assert is_date_time(text) is fits


@pytest.mark.parametrize(
    ("text", "fits"), [(UUID, True), (UUID.upper(), False), (UUID.replace("-", ""), False), (f"{UUID}\n", False)]
)
def test_uuids(text: str, fits: bool) -> None:
    """In lower case, as filters compare them."""
    assert is_lower_case_uuid(text) is fits


def test_the_schema_behind_references_is_found(tmp_path: Path) -> None:
    """The listing's response, its array and its rows may each stand behind a reference."""
    document = spec_of("prime")
    schemas = document["components"]["schemas"]
    schemas["Rows"] = schemas["SandboxListResponse"]["properties"]["sandboxes"]
    schemas["SandboxListResponse"]["properties"]["sandboxes"] = {"$ref": "#/components/schemas/Rows"}
    path = tmp_path / "prime.yaml"
    TEXTS.write(path, document)
    found = item_schema(PROVIDERS["prime"], reader.load(path, PROVIDERS["prime"].operations))
    assert found == SPECS["prime"]["components"]["schemas"]["SandboxResponse"]


@pytest.mark.slow
def test_serving_loads_no_validator() -> None:
    """A server with the built-in recipes starts, and answers, without the engine."""
    script = (
        "import sys\n"
        "from fakeserver import cli\n"
        "from fakeserver.serving.app import create_app\n"
        "create_app()\n"
        "assert 'fakeserver.recipes.trial' in sys.modules\n"
        "assert 'jsonschema_rs' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
