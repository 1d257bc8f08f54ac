"""Tables that no built-in provider has: the parts of a listing combine in ways that only another provider needs."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest

from fakeserver.listing.choices import Choice, Extras
from fakeserver.listing.envelopes import Envelope
from fakeserver.listing.filters import AnyOf, Equal, Pairs
from fakeserver.listing.listing import Listing, Only
from fakeserver.listing.orders import NEWEST_FIRST, OLDEST_FIRST, FieldOrders, OrderParameter
from fakeserver.listing.pages import Cursor, First, Numbered, Pages
from fakeserver.pipeline.service import Service
from fakeserver.problems import SpecError
from fakeserver.providers import PROVIDERS
from fakeserver.recipes import fixture
from fakeserver.serving.app import App, Settings, create_app
from fakeserver.spec import reader
from fakeserver.spec.reading import Reading
from fakeserver.spec.wording import ValueRefused
from tests.support.admin import admin
from tests.support.asgi import EPOCH, ROOT, Reply, Row, get, ids, main_tenant, rows, spec_of
from tests.support.dialect import all_issues
from tests.support.texts import TEXTS

SUPERSERVE = PROVIDERS["superserve"]
RIGHT: Any = SUPERSERVE.operations["listSandboxes"]
TEXT = {"type": "string"}
LIMIT = {"type": "integer", "minimum": 1, "maximum": 100, "default": 100}
PARAMETERS: dict[str, Row] = {
    "metadata": TEXT,
    "nextToken": TEXT,
    "limit": LIMIT,
    "order": {"type": "string", "enum": ["desc", "asc"]},
}


def url_encoded(text: str) -> tuple[tuple[str, str], ...]:
    """Metadata as one text of its own: `user=abc&app=prod`, each name and value URL-encoded once more."""
    if re.search(r"%(?![0-9a-fA-F]{2})", text) or "�" in unquote(text):
        raise ValueRefused("Input should be URL-encoded pairs", "metadata_parsing")
    return tuple(dict(parse_qsl(text, keep_blank_values=True)).items())


STATUS = AnyOf("status", field="status")
E2B = Listing(
    tenant=RIGHT.tenant,
    filters=(Pairs("metadata", field="metadata", decode=url_encoded), STATUS),
    pages=Pages(
        Cursor("nextToken"),
        Envelope(headers={"X-Next-Token": "next"}),
        OrderParameter("order", {"desc": NEWEST_FIRST, "asc": OLDEST_FIRST}),
    ),
)

BY_NAME = FieldOrders("sort", "order", {"age": None, "name": "name"})
SORTED: dict[str, Row] = {
    "sort": {"type": "string", "enum": ["age", "name"], "default": "age"},
    "order": {"type": "string", "enum": ["asc", "desc"], "default": "desc"},
}


def service_of(folder: Path, meaning: Listing, parameters: dict[str, Row], header: str = "X-Next-Token") -> Service:
    """Superserve's documents behind another listing: the spec has these parameters and `status`, and this header."""
    document = spec_of("superserve")
    operation = document["paths"]["/sandboxes"]["get"]
    kept = [each for each in operation["parameters"] if each["name"] == "status"]
    operation["parameters"] = [
        *kept,
        *({"name": name, "in": "query", "schema": schema} for name, schema in parameters.items()),
    ]
    operation["responses"]["200"]["headers"][header] = {"schema": TEXT}
    path = folder / "superserve.yaml"
    TEXTS.write(path, document)
    provider = replace(SUPERSERVE, operations={"listSandboxes": meaning}, reading=Reading(), errors=all_issues)
    spec = reader.load(path, provider.operations)
    words = fixture.load_vocabularies()
    return Service(provider, spec, fixture.load(provider, spec, words))


def app_of(folder: Path, meaning: Listing = E2B, parameters: dict[str, Row] = PARAMETERS, **more: str) -> App:
    settings = Settings(size=200, epoch=EPOCH, rate_limits=False)
    return create_app(settings, {"superserve": service_of(folder, meaning, parameters, **more)})


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return app_of(tmp_path_factory.mktemp("e2b"))


def ask(app: App, query: str) -> Reply:
    return get(app, "superserve", query)


def walk(app: App, query: str) -> list[str]:
    """The ids of all pages, by the token in the header."""
    seen, token = [], ""
    for _ in range(100):
        reply = ask(app, query + token)
        seen += ids("superserve", rows("superserve", reply))
        following = reply.headers.get("x-next-token")
        if following is None:
            return seen
        assert re.fullmatch(r"[A-Za-z0-9_-]+", following)
        token = f"&nextToken={following}"
    raise AssertionError("the walk does not end")


@pytest.mark.parametrize("order", ["", "&order=desc", "&order=asc"])
@pytest.mark.parametrize("limit", [3, 7, 100])
def test_a_walk_by_a_header_is_the_whole(app: App, limit: int, order: str) -> None:
    """Tokens that travel in a header lead through the list, in whichever order the caller wants."""
    whole = ids("superserve", main_tenant(app, "superserve").documents())
    assert walk(app, f"limit={limit}{order}") == (whole[::-1] if order == "&order=asc" else whole)


def test_a_filter_decodes_its_own_text(app: App) -> None:
    """A text that only the filter understands keeps exactly the rows that have its pairs."""
    documents: list[Row] = list(main_tenant(app, "superserve").documents())
    pairs = next(each["metadata"] for each in documents if len(each["metadata"]) > 1 and each["status"] == "active")
    text = "%26".join(f"{name}%3D{value}" for name, value in pairs.items() if str(value).isalnum())
    wanted = {name: value for name, value in pairs.items() if str(value).isalnum()}
    assert wanted
    expected = [
        each["id"]
        for each in documents
        if wanted.items() <= each["metadata"].items() and each["status"] in ("active", "paused")
    ]
    assert walk(app, f"metadata={text}&status=active,paused") == expected


@pytest.mark.parametrize("text", ["%25%25%25", "a%3D%25zz", "a%3Db%25", "%25ff%3D1", "%%%"])
def test_a_text_that_a_filter_cannot_decode_is_a_refusal(app: App, text: str) -> None:
    """What the filter cannot read is a 400 in the dialect, never a list."""
    reply = ask(app, f"metadata={text}")
    assert (reply.status, reply.value["error"]["code"]) == (400, "bad_request")
    assert reply.value["error"]["message"] == "metadata: Input should be URL-encoded pairs"


def test_all_issues_are_told_at_once(app: App) -> None:
    """What a filter refuses stands beside what the spec refuses."""
    message = ask(app, "metadata=%25&limit=0&status=nope&order=up").value["error"]["message"]
    assert {part.split(":")[0] for part in message.split("; ")} == {"metadata", "limit", "status.0", "order"}


def test_a_refused_value_is_not_looked_at_again(app: App) -> None:
    """A filter does not get what its parameter's type already refused."""
    assert ask(app, "metadata=a%3Db").status == 200
    assert ask(app, "metadata=a%3Db&limit=x").value["error"]["message"].startswith("limit: ")


SPELLINGS = ["a%3D1%26b%3D2", "b%3D2%26a%3D1", "b=2%26a=%31", "%2561%3D1%26b%3D2"]
"""The pairs a=1 and b=2, written in as many ways."""


def test_the_journal_shows_what_a_filter_was_given(app: App) -> None:
    """A journal's values are the parsed ones, whichever way they were written."""
    assert {ask(app, f"metadata={text}").status for text in SPELLINGS} == {200}
    entries = admin(app, "GET", "/requests?limit=4").value["requests"]
    values = [{tuple(pair) for pair in entry["values"]["metadata"]} for entry in entries]
    assert values == [{("a", "1"), ("b", "2")}] * 4


def test_a_cursor_is_bound_to_what_the_filters_mean(tmp_path: Path) -> None:
    """Pairs in another order, or encoded otherwise, are the same list and have the same cursors; others are not."""
    app = app_of(tmp_path)
    collection = main_tenant(app, "superserve")
    changed = {
        rank: {**collection.document(rank), "metadata": {"a": "1", "b": "2"}} for rank in collection.everything[:3]
    }
    collection.change(changed)
    tokens = {ask(app, f"metadata={text}&limit=1").headers["x-next-token"] for text in SPELLINGS}
    assert len(tokens) == 1
    token = tokens.pop()
    assert {ask(app, f"metadata={text}&limit=1&nextToken={token}").status for text in SPELLINGS} == {200}
    for other in ("a%3D1", "a%3D2%26b%3D1", "1%3Da%262%3Db"):
        reply = ask(app, f"metadata={other}&limit=1&nextToken={token}")
        assert reply.value["error"]["code"] == "bad_cursor"


def test_a_bad_token_is_a_refusal_in_the_dialect(app: App) -> None:
    """A token that nobody handed out, or that belongs to the other order, is a 400 of the provider's own."""
    foreign = ask(app, "limit=1&order=asc").headers["x-next-token"]
    for query in ("nextToken=garbage", f"limit=1&order=desc&nextToken={foreign}"):
        reply = ask(app, query)
        assert (reply.status, reply.value["error"]["code"]) == (400, "bad_cursor")


def test_pages_in_a_browser_may_read_the_token(app: App) -> None:
    """What the spec declares is exposed to pages on other origins, and the fake's own headers are."""
    reply = get(app, "superserve", "limit=1", origin="http://localhost:5173")
    assert reply.headers["x-next-token"]
    exposed = {each.strip().lower() for each in reply.headers["access-control-expose-headers"].split(",")}
    assert {"x-next-token", "retry-after", "preference-applied"} <= exposed
    named = [path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md")]
    assert {each.lower() for text in named for each in re.findall(r"X-Fakeserver-\w+(?:-\w+)*", text)} <= exposed
    assert "www-authenticate" not in exposed


NUMBERED = {"page": {"type": "integer", "minimum": 1, "default": 1}, "size": LIMIT | {"default": 30}}


def test_numbered_pages_in_a_bare_array(tmp_path: Path) -> None:
    """Numbered pages in a bare array, with a Link and a total header, take a line of a table."""
    pages = Pages(Numbered(size="size"), Envelope(headers={"Link": "links"}))
    app = app_of(tmp_path, Listing(RIGHT.tenant, pages, (STATUS,)), NUMBERED, header="Link")
    seen: list[str] = []
    query = "status=active&size=20"
    for _ in range(20):
        reply = ask(app, query)
        seen += ids("superserve", rows("superserve", reply))
        following = re.search(r'<\?([^>]*)>; rel="next"', reply.headers["link"])
        if following is None:
            break
        query = following[1]
    whole = main_tenant(app, "superserve").documents()
    assert seen == [each["id"] for each in whole if each["status"] == "active"]
    assert len(seen) > 40


WRONG: dict[str, tuple[Listing, dict[str, Row], str]] = {
    "a fact that the position does not know": (
        Listing(RIGHT.tenant, Pages(First(), Envelope(headers={"X-Next-Token": "next"})), (STATUS,)),
        {"limit": LIMIT},
        "the envelope tells 'next', which a page of kind First does not know",
    ),
    "a header that the spec does not declare": (
        Listing(RIGHT.tenant, Pages(First(), Envelope(headers={"X-Total": "total"})), (STATUS,)),
        {"limit": LIMIT},
        "header 'X-Total' is sent but not declared for status 200; did you mean 'X-Total-Count'?",
    ),
    "two filters on one parameter": (
        Listing(RIGHT.tenant, Pages(First()), (STATUS, Equal("status", "id"))),
        {"limit": LIMIT},
        "parameter 'status' is read by two parts of the meaning",
    ),
    "a filter on a parameter of the pages": (
        Listing(RIGHT.tenant, Pages(First()), (STATUS, Equal("limit", "vcpu_count"))),
        {"limit": LIMIT},
        "parameter 'limit' is read by two parts of the meaning",
    ),
    "a switch that the provider does not have": (
        Listing(RIGHT.tenant, Pages(First()), (STATUS,), personal=Choice("admin_sees", "own")),
        {"limit": LIMIT},
        "it reads the switch 'admin_sees', which the provider does not have; "
        "known are region, states, fields, created, pause",
    ),
    "extra fields that no row has": (
        Listing(RIGHT.tenant, Pages(First()), (STATUS,), extras=Extras(Choice("a", "b"), ("statu",), dict)),
        {"limit": LIMIT},
        "extras reads the field 'statu', which no row has; did you mean 'status'?",
    ),
    "an order that the spec does not allow": (
        E2B,
        PARAMETERS | {"order": {"type": "string", "enum": ["desc"]}},
        "parameter 'order' allows ['desc'], and the orders are ['desc', 'asc']",
    ),
    "an order that nothing makes": (
        E2B,
        PARAMETERS | {"order": {"type": "string", "enum": ["asc", "desc", "name"]}},
        "parameter 'order' allows ['asc', 'desc', 'name'], and the orders are ['desc', 'asc']",
    ),
    "an order by a field behind a cursor": (
        replace(E2B, pages=replace(E2B.pages, order=BY_NAME)),
        PARAMETERS | SORTED,
        "pages by cursor go by the instant of creation, and cannot go by a field",
    ),
    "a choice of fields that the spec does not allow": (
        Listing(RIGHT.tenant, Pages(First(), order=BY_NAME), (STATUS,)),
        {"limit": LIMIT, **SORTED, "sort": {"type": "string", "enum": ["age"]}},
        "parameter 'sort' allows ['age'], and the orders are ['age', 'name']",
    ),
    "another default direction": (
        Listing(RIGHT.tenant, Pages(First(), order=BY_NAME), (STATUS,)),
        {"limit": LIMIT, **SORTED, "order": {"type": "string", "enum": ["asc", "desc"], "default": "asc"}},
        "parameter 'order' has a default that is not the first of the orders",
    ),
    "an order by a field that no row has": (
        Listing(RIGHT.tenant, Pages(First(), order=replace(BY_NAME, fields={"age": None, "name": "nam"})), (STATUS,)),
        {"limit": LIMIT, **SORTED},
        "parameter 'sort' reads the field 'nam', which no row has; did you mean 'name'?",
    ),
    "another default order": (
        E2B,
        PARAMETERS | {"order": PARAMETERS["order"] | {"default": "asc"}},
        "parameter 'order' has a default that is not the first of the orders",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_table_that_its_spec_does_not_bear_out_stops_the_start(name: str, tmp_path: Path) -> None:
    """One sentence names the file, the operation and what is wrong."""
    meaning, parameters, sentence = WRONG[name]
    with pytest.raises(SpecError) as error:
        service_of(tmp_path, meaning, parameters)
    assert str(error.value) == f"{tmp_path / 'superserve.yaml'}: listSandboxes: {sentence}"


def test_a_list_shows_some_alone_under_a_choice(tmp_path: Path) -> None:
    """Whatever it is asked for, in whichever order, and from the first request behind a change of the switch."""
    only = Only(Choice("states", "page"), AnyOf("", field="status"), ("paused",))
    one = app_of(tmp_path, replace(E2B, only=only))
    documents = list(main_tenant(one, "superserve").documents())
    paused = ids("superserve", [each for each in documents if each["status"] == "paused"])
    for _ in range(2):
        assert walk(one, "limit=7") == paused
        assert walk(one, "limit=7&order=asc") == paused[::-1]
        assert walk(one, "limit=7&status=active,paused") == paused
        assert walk(one, "limit=7&status=active") == []
        admin(one, "PUT", "/settings", {"switches": {"superserve": {"states": "server"}}})
        assert walk(one, "limit=7") == ids("superserve", documents)
        admin(one, "PUT", "/settings", {"switches": {"superserve": {"states": "page"}}})
    with pytest.raises(SpecError, match="only reads the field 'state', which no row has"):
        service_of(tmp_path, replace(E2B, only=replace(only, filter=AnyOf("", field="state"))), PARAMETERS)
