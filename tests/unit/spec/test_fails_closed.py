"""Fail closed: one thing is changed at a time, in a spec or in a provider's table, and it is either honoured, which a
request tells, or refused at start with words that name it. Nothing is dropped, and nothing becomes a 500.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakeserver.lifecycle.calls import Call
from fakeserver.listing.listing import Facets
from fakeserver.pipeline.exchange import Request
from fakeserver.pipeline.service import Service
from fakeserver.problems import Problem, SpecError
from fakeserver.provider import Provider
from fakeserver.providers import PROVIDERS
from fakeserver.recipes import fixture
from fakeserver.recipes.fixture import Fixture
from fakeserver.spec import declared, parameters, reader, values, yaml_text
from fakeserver.worlds.documents import SeededDocuments, Seeding
from fakeserver.worlds.world import World
from tests.support.asgi import EPOCH, ROOT, Row, spec_of
from tests.support.texts import read_json
from tests.unit.spec.operation_changes import (
    bodied,
    body_cases,
    content,
    operation_cases,
    page_cases,
    put,
    responses,
    secured,
)
from tests.unit.spec.parameter_changes import (
    KINDS,
    LIST,
    SAME,
    SCHEMA,
    Case,
    Change,
    nonsense_cases,
    operation,
    parameter_cases,
    schema_cases,
)

pytestmark = pytest.mark.slow

KEPT = {"200", "401", "422"}
"""Responses that every spec here keeps; without the others it is read ten times as fast."""
ORDINARY = (
    *("", "limit=2", "limit=2&offset=1", "offset=5000", "page=2&per_page=2", "state=running", "state=running,paused"),
    *("status=RUNNING", "status=active,paused", "is_active=true", "labels=prod&labels=gpu", "labels="),
    *("metadata.env=prod", "metadata={}", 'metadata={"env":"prod"}', "metadata=[1]", "limit=0", "limit=x", "limit=-1"),
    *("team_id=research", "offset=-1", "page=0", "page=-1&per_page=-1", "limit=100000", "is_active=maybe"),
    *("project_id=x", "cursor=x"),
)  # fmt: skip
"""Requests that any changed server must answer without failing."""


# Serving what was changed


@pytest.fixture(autouse=True)
def without_yaml(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand specs are written here as JSON, and most of reading one would be YAML."""
    monkeypatch.setattr(yaml_text, "read_yaml", read_json)


@cache
def slim(slug: str) -> str:
    """The provider's spec without most of its errors."""
    document = spec_of(slug)
    for item in document["paths"].values():
        for one in (each for each in item.values() if isinstance(each, dict)):
            one["responses"] = {code: response for code, response in one["responses"].items() if code in KEPT}
    return json.dumps(document)


@cache
def recipe(slug: str) -> Fixture:
    words = fixture.load_vocabularies()
    contract = reader.load(ROOT / "openapi" / f"{slug}.yaml", PROVIDERS[slug].operations)
    return fixture.load(PROVIDERS[slug], contract, words)


@cache
def world(slug: str) -> World:
    return World(SeededDocuments(Seeding(0, 200, EPOCH), {slug: recipe(slug)}), rate_limits=False)


def changed_spec(slug: str, *changes: Change) -> Row:
    document: Row = json.loads(slim(slug))
    for change in changes:
        change(document)
    return document


def service_of(folder: Path, slug: str, *changes: Change, provider: Provider | None = None) -> Service:
    """The provider with this table and a changed spec, as it starts."""
    return started(folder, slug, json.dumps(changed_spec(slug, *changes)), provider or PROVIDERS[slug])


def started(folder: Path, slug: str, text: str, provider: Provider) -> Service:
    path = folder / f"{slug}.yaml"
    path.write_text(text)
    return Service(provider, reader.load(path, provider.operations), recipe(slug))


def send(service: Service, query: str = "", operation_id: str = LIST, **headers: str) -> tuple[int, bytes]:
    """Status and body of the answer to an admin, or to whoever has these headers."""
    slug = service.provider.slug
    path = service.spec.operations[operation_id].path.replace("{org}", "acme")
    key = next(iter(recipe(slug).callers))
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    sent = sent or {"authorization": f"Bearer {key}", "x-api-key": key}
    answer = service.answer(Request("GET", path, query.encode(), sent), world(slug))
    return answer.status, answer.text()


def issues(service: Service, query: str) -> list[str]:
    """The types of what the listing refuses in a query."""
    route = next(route for route in service.routes if route.operation.id == LIST)
    try:
        route.read({"org": "acme"} if "{org}" in route.operation.path else {}, query.encode())
    except Problem as problem:
        return [issue.type for issue in problem.issues]
    return []


def refusal(start: Callable[[], object], *words: str) -> str:
    """The one line with which a start is refused; all the words are in it."""
    with pytest.raises(SpecError) as caught:
        start()
    told = str(caught.value)
    assert "\n" not in told
    # That would be the net under the reader, which cannot name the place.
    assert "malformed" not in told
    for word in words:
        assert word in told, (word, told)
    return told


def judge(case: Case, folder: Path) -> None:
    """The verdict on one change: refused with its words, or honoured as its request tells."""
    if case.words:
        file = str(folder / f"{case.slug}.yaml")
        refusal(lambda: service_of(folder, case.slug, case.base, case.change), file, *case.words)
        return
    plain, changed = (service_of(folder, case.slug, case.base, *change) for change in ((), (case.change,)))
    for query in ORDINARY:
        for operation_id in changed.spec.operations:
            assert send(changed, query, operation_id)[0] < 500, query
    before, after = send(plain, case.query), send(changed, case.query)
    assert before != after, "the change was dropped"
    if case.same_as is not None:
        assert after == send(plain, case.same_as)
    else:
        assert (before[0], after[0]) == (200, 400 if case.slug == "superserve" else 422)
        assert (issues(plain, case.query), issues(changed, case.query)) == ([], [case.issue])


# Specs

CASES = dict([*schema_cases(), *parameter_cases(), *nonsense_cases(), *page_cases(), *operation_cases()])


@pytest.mark.parametrize("name", CASES)
def test_a_change_of_a_spec(name: str, tmp_path: Path) -> None:
    """Honoured, as a request tells, or refused at start with the file and words that name the change."""
    judge(CASES[name], tmp_path)


def test_there_are_many_changes() -> None:
    """Every kind of parameter with every keyword, and enough of them that are honoured."""
    honoured = [case for case in CASES.values() if not case.words]
    assert len(CASES) > 500
    assert len(honoured) > 60
    every = {f"{kind}: {keyword}" for kind in KINDS for keyword in SCHEMA if (kind, keyword) not in SAME}
    assert every <= CASES.keys()


@pytest.mark.parametrize("name", ["text: pattern", "list: maxItems", "integer: exclusiveMinimum", "path: enum"])
def test_a_dropped_keyword_is_noticed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what makes the checks, every keyword is read and none is looked at: the verdict says so."""
    for module in (values, parameters):
        monkeypatch.setattr(module, "checks_of", lambda kind, makers, schema: ())
    with pytest.raises(AssertionError, match=r"dropped|< 500"):
        judge(CASES[name], tmp_path)


@pytest.mark.parametrize("name", ["text: minimum", "list: pattern", "json: properties", "pairs: maxProperties"])
def test_a_keyword_that_is_not_refused_is_noticed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the refusal of what nobody honours, the server starts: the verdict says so."""
    for module in (values, parameters, declared):
        monkeypatch.setattr(module, "refuse_keywords", lambda names, where, honoured: None)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        judge(CASES[name], tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("'200':", "200:", ("responses", "200", "quote it")),
        ("not_authenticated:", "no:", ("401", "examples", "false", "quote it")),
        ("not_authenticated:", "1:", ("401", "examples", "key 1", "quote it")),
        ("has_next: true", "no: true", ("200", "page", "false", "quote it")),
        ("id: <string>", "id: 2025-01-01", ("200", "page.sandboxes[0].id", "not JSON")),
        ("id: <string>", "id: !!binary aGVsbG8=", ("200", "page.sandboxes[0].id", "not JSON")),
        ("id: <string>", "id: .nan", ("200", "page.sandboxes[0].id", "too large")),
        ("id: <string>", "id: &a [*a]", ("prime.yaml", "line", "holds itself")),
        ("        id:\n", "        no:\n", ("SandboxResponse.properties", "false", "quote it")),
        ("name: status", "name: no", ("name", "false")),
        ("enum: [PENDING, ", "enum: [no, ", ("status", "enum", "false")),
        ("        - name: status\n", "        - name: status\n          on: 1\n", ("parameter", "true", "quote it")),
        ("type: boolean\n      ", "type: &a [*a]\n      ", ("prime.yaml", "line", "holds itself")),
        ("            maximum: 1000\n", "            maximum: 1000\n            maximum: 10\n", ("'maximum'", "twice")),
    ],
)  # fmt: skip
def test_what_yaml_reads_otherwise(old: str, new: str, words: tuple[str, ...], tmp_path: Path) -> None:
    """What YAML takes for a boolean, a number or a date, and what JSON cannot say, is refused with its place."""
    text = (ROOT / "openapi" / "prime.yaml").read_text()
    assert old in text
    refusal(lambda: started(tmp_path, "prime", text.replace(old, new, 1), PROVIDERS["prime"]), "prime.yaml", *words)


def test_json_is_sent_where_there_are_several_media_types(tmp_path: Path) -> None:
    """Of several media types of a response the JSON is served, wherever it stands."""

    def change(document: Row) -> None:
        json_content = content(document)["application/json"]
        json_content["examples"] = {"mine": {"value": {"detail": "mine"}}}
        text = {"schema": {"type": "string"}, "examples": {"other": {"value": "x"}}}
        responses(document)["401"]["content"] = {"text/plain": text, "application/json": json_content}

    assert send(service_of(tmp_path, "prime", change), "__code=401") == (401, b'{"detail":"mine"}')


def test_security_is_that_of_the_operation(tmp_path: Path) -> None:
    """An operation's own security counts, and not the document's; the name of a header and of a scheme in any case."""
    own = {"type": "apiKey", "in": "header", "name": "X-Own-Key"}
    changed = service_of(
        tmp_path, "prime", secured([{"own": []}], own={"$ref": "#/components/x-own"}), put("components/x-own", own)
    )
    key = next(iter(recipe("prime").callers))
    assert send(changed, x_own_key=key)[0] == 200
    assert send(changed, authorization=f"Bearer {key}")[0] == 401
    upper = service_of(tmp_path, "prime", secured([{"own": []}], own={"type": "http", "scheme": "Bearer"}))
    assert send(upper, authorization=f"Bearer {key}")[0] == 200


def test_a_whole_number_has_the_bits_of_its_format(tmp_path: Path) -> None:
    for format_, largest in (("int32", 2**31 - 1), ("int64", 2**63 - 1)):

        def change(document: Row, format_: str = format_) -> None:
            (limit,) = (each for each in operation(document)["parameters"] if each.get("name") == "limit")
            limit["schema"] = {"type": "integer", "minimum": 1, "format": format_}

        changed = service_of(tmp_path, "superserve", change)
        assert send(changed, f"limit={largest}")[0] == 200
        assert issues(changed, f"limit={largest + 1}") == ["less_than_equal"]


def test_an_instant_is_spelt_as_documents_spell_it(tmp_path: Path) -> None:
    """Two spellings of one instant are one value; what is no instant is refused."""

    def change(document: Row) -> None:
        operation(document)["parameters"][1]["schema"] = {"type": "string", "format": "date-time"}

    (route,) = (each for each in service_of(tmp_path, "prime", change).routes if each.operation.id == LIST)
    for text in ("2025-01-01T02:30:00%2B02:00", "2025-01-01t00:30:00.000z", "2025-01-01T00:30:00.000000000Z"):
        assert route.read({}, f"user_id={text}".encode()).values["user_id"] == "2025-01-01T00:30:00.000000Z"
    before_all = "0000-01-01T00:00:00Z", "0001-01-01T00:00:00%2B02:00"
    for text in ("2025-01-01", "2025-01-01T00:30:00", "2025-02-30T00:00:00Z", "5", *before_all):
        with pytest.raises(Problem, match="valid datetime"):
            route.read({}, f"user_id={text}".encode())


def test_a_pattern_matches_to_the_very_end(tmp_path: Path) -> None:
    """`$` is the end in JSON Schema, where Python lets a newline follow; a class and an escape keep theirs."""

    def read_with(pattern: str, text: str) -> list[str]:
        def change(document: Row) -> None:
            operation(document)["parameters"][1]["schema"]["pattern"] = pattern

        return issues(service_of(tmp_path, "prime", change), f"user_id={text}")

    assert read_with("^a$", "a") == read_with("[$]", "$") == read_with("\\$", "$") == read_with("b", "abc") == []
    for pattern, text in (("^a$", "a%0A"), ("^[$]$", "$%0A"), ("^\\d$", "%D9%A3")):
        assert read_with(pattern, text) == ["string_pattern_mismatch"]


# Request bodies

BODIES = {name: (body, words) for name, body, words in body_cases()}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_cannot_be_honoured(name: str, tmp_path: Path) -> None:
    """Refused at start with the file, the operation, the place in its body, and the cause."""
    body, words = BODIES[name]
    text = yaml.safe_dump(changed_spec("prime", bodied(body)))
    refusal(lambda: started(tmp_path, "prime", text, PROVIDERS["prime"]), "prime.yaml", *words)


def test_a_body_that_can_be_honoured(tmp_path: Path) -> None:
    """Behind references, with what other tools need, and with a schema that holds itself."""
    schema = {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string"}, "child": {"$ref": "#/components/schemas/Tree"}},
        "x-order": 1,
    }

    def change(document: Row) -> None:
        document["components"]["schemas"]["Tree"] = schema
        media_type = {"schema": {"$ref": "#/components/schemas/Tree"}, "examples": {}, "x-a": 1}
        whole = {"description": "A tree.", "required": True, "content": {"application/json": media_type}}
        document["components"]["requestBodies"] = {"Tree": whole}
        operation(document)["requestBody"] = {"$ref": "#/components/requestBodies/Tree"}

    path = tmp_path / "prime.yaml"
    path.write_text(json.dumps(changed_spec("prime", change)))
    body = reader.load(path, [LIST]).operations[LIST].body
    assert body is not None
    tree = {"name": "a", "child": {"name": "b"}}
    assert body.decode(json.dumps(tree).encode(), "application/json") == tree
    with pytest.raises(Problem) as caught:
        body.decode(b'{"name": "a", "child": {"name": 7, "child": {}}}', "application/json")
    assert {(issue.loc, issue.type) for issue in caught.value.issues} == {
        (("body", "child", "child", "name"), "missing"),
        (("body", "child", "name"), "string_type"),
    }


# Schemas that hold themselves


def nested(document: Row) -> None:
    """Rows have a child of their own kind."""
    rows = document["components"]["schemas"]["SandboxResponse"]["properties"]
    rows["environmentVars"] = {
        "anyOf": [{"$ref": "#/components/schemas/SandboxResponse"}, {"type": ["object", "null"]}]
    }


def test_rows_that_hold_rows(tmp_path: Path) -> None:
    """A schema that holds itself is served, with a recipe of one's own as well, whose documents are held against it."""
    folder = tmp_path / "recipes"
    shutil.copytree(ROOT / "fixtures", folder, ignore=shutil.ignore_patterns("__pycache__"))
    service = service_of(tmp_path, "prime", nested)
    words = fixture.load_vocabularies()
    assert fixture.load(PROVIDERS["prime"], service.spec, words, folder / "prime.yaml").digest
    assert send(service, "status=RUNNING")[0] == 200


def test_a_schema_that_is_only_itself(tmp_path: Path) -> None:
    """A reference that leads back to itself stops the start with one sentence, for rows and for parameters."""
    around = put("components/schemas/Around", {"$ref": "#/components/schemas/Around"})
    rows = {"type": "array", "items": {"$ref": "#/components/schemas/Around"}}

    def listed(document: Row) -> None:
        content(document, "200")["application/json"]["schema"] = rows

    def asked(document: Row) -> None:
        operation(document)["parameters"][0]["schema"] = {"$ref": "#/components/schemas/Around"}

    for change in (listed, asked):
        refusal(lambda change=change: service_of(tmp_path, "prime", around, change), "Around", "itself")  # type: ignore[misc]


def test_a_list_of_itself_as_a_parameter(tmp_path: Path) -> None:
    tree = put("components/schemas/Tree", {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}})

    def change(document: Row) -> None:
        operation(document)["parameters"][0]["schema"] = {"$ref": "#/components/schemas/Tree"}

    refusal(lambda: service_of(tmp_path, "prime", tree, change), LIST, "team_id", "items", "array")


# Tables


def misspelt(name: str) -> str:
    return name[:-1] + name[-1] * 2


@dataclass(frozen=True)
class Misspelt:
    """A provider with one word of its table misspelt."""

    slug: str
    word: str
    provider: Provider


def tables() -> Iterator[tuple[str, Misspelt]]:
    """Each name in each table, misspelt."""
    for slug, right in PROVIDERS.items():
        machine = right.machine
        assert machine is not None
        state = machine.field
        wrong: dict[str, tuple[str, Provider]] = {
            "created": (right.created, replace(right, created=misspelt(right.created))),
            "identity": (right.identity, replace(right, identity=misspelt(right.identity))),
        }
        wrong["state"] = state, replace(right, machine=replace(machine, field=misspelt(state)))
        if slug != "instavm":  # Its page leaves the states open.
            word = min(machine.moving)
            wrong["a state"] = word, replace(right, machine=replace(machine, shown={word: misspelt(word)}))
        for word in sorted(right.optional_text):
            wrong[f"optional text {word}"] = word, replace(right, optional_text=frozenset({misspelt(word)}))
        for name, meaning in right.operations.items():
            others = {other: each for other, each in right.operations.items() if other != name}
            wrong[name] = name, replace(right, operations={**others, misspelt(name): meaning})
            if isinstance(meaning, Call):
                # What it reads is held against its spec by name, as that of a listing.
                continue
            for what, word, changed in misspelt_meanings(meaning):
                wrong[f"{name}, {what}"] = word, replace(right, operations={**others, name: changed})
        for what, (word, provider) in wrong.items():
            yield f"{slug}: {what}", Misspelt(slug, word, provider)


def misspelt_meanings(meaning: Any) -> Iterator[tuple[str, str, Any]]:
    """What is misspelt, the right word, and the operation's meaning with the wrong one."""
    if isinstance(meaning, Call):
        for word in meaning.reads:
            reads = tuple(misspelt(each) if each == word else each for each in meaning.reads)
            yield f"reads {word}", word, replace(meaning, reads=reads)
        return
    for index, right in enumerate(meaning.filters):
        words = {part: getattr(right, part) for part in ("parameter", "field")}
        wrong = {part: replace(right, **{part: misspelt(word)}) for part, word in words.items()}
        if hasattr(right, "values"):
            words["values"] = min(right.values)
            wrong["values"] = replace(right, values=frozenset({misspelt(words["values"])}))
        for part, filter_ in wrong.items():
            filters = (*meaning.filters[:index], filter_, *meaning.filters[index + 1 :])
            yield f"{part} of {right.parameter}", words[part], replace(meaning, filters=filters)
    only: Any = getattr(meaning, "only", None)
    if only is not None:
        word = only.filter.field
        yield "only", word, replace(meaning, only=replace(only, filter=replace(only.filter, field=misspelt(word))))
    for word in meaning.path:
        yield f"path {word}", word, replace(meaning, path=(misspelt(word),))
    pages: Any = getattr(meaning, "pages", None)
    position: Any = getattr(pages, "position", None)
    envelope: Any = getattr(pages, "envelope", None)
    for part in ("limit", "offset", "cursor", "number", "size"):
        if hasattr(position, part):
            word = getattr(position, part)
            wrong_position = replace(position, **{part: misspelt(word)})
            yield f"pages by {part}", word, replace(meaning, pages=replace(pages, position=wrong_position))
    if envelope is not None and envelope.items is not None:
        wrong_envelope = replace(envelope, items=misspelt(envelope.items))
        yield "rows", envelope.items, replace(meaning, pages=replace(pages, envelope=wrong_envelope))
    for part in ("members", "headers"):
        names: Mapping[str, str] = getattr(envelope, part, {})
        for word in names:
            renamed = {misspelt(name) if name == word else name: fact for name, fact in names.items()}
            wrong_envelope = replace(envelope, **{part: renamed})
            yield f"{part}, {word}", word, replace(meaning, pages=replace(pages, envelope=wrong_envelope))
    facets: Mapping[str, Any] = getattr(meaning, "facets", {})
    for name, facet in facets.items():
        yield f"facet {name}", name, replace(meaning, facets={misspelt(name): facet})
        for part in ("field", "tie"):
            word = getattr(facet, part)
            wrong_facet = replace(facet, **{part: misspelt(word)})
            yield f"{part} of facet {name}", word, replace(meaning, facets={name: wrong_facet})


TABLES = dict(tables())


@pytest.mark.parametrize("name", TABLES)
def test_a_misspelt_name_in_a_table(name: str, tmp_path: Path) -> None:
    """Every name in a provider's table is held against its spec: one that is misspelt stops the start, which says both
    the wrong and the right word."""
    wrong = TABLES[name]
    told = refusal(
        lambda: service_of(tmp_path, wrong.slug, provider=wrong.provider), f"{wrong.slug}.yaml", misspelt(wrong.word)
    )
    assert wrong.word in told.replace(misspelt(wrong.word), "")


def test_a_field_is_named_with_its_place(tmp_path: Path) -> None:
    """The refusal of a field names the provider, what reads it, the field, and the one that was probably meant."""
    told = refusal(lambda: service_of(tmp_path, "prime", provider=replace(PROVIDERS["prime"], identity="idd")))
    assert told.endswith("provider 'prime': identity reads the field 'idd', which no row has; did you mean 'id'?")


def test_a_provider_that_lists_nothing(tmp_path: Path) -> None:
    facets = {name: each for name, each in PROVIDERS["dreadnode"].operations.items() if isinstance(each, Facets)}
    provider = replace(PROVIDERS["dreadnode"], operations=facets)
    refusal(lambda: service_of(tmp_path, "dreadnode", provider=provider), "dreadnode", "no listing")
