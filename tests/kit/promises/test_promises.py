"""The kit knows a provider in one file: its promises agree with the spec, and nothing else names a provider."""

from __future__ import annotations

import ast
import pkgutil
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

import contract_tests
from contract_tests import promises as package
from contract_tests.judging.target import target
from contract_tests.outcome import Options, Tier
from contract_tests.promises import BY_SLUG
from contract_tests.promises.filter_kinds import Closed, EncodedTags, Filter, Tags
from contract_tests.promises.refusals import Refusal
from contract_tests.promises.statements import Statement

KIT = Path(contract_tests.__file__).parent
ROOMS_OF_PROVIDERS = {"promises", "planted"}
"""Where a provider may be named: what its pages promise, and the tables of bugs in its servers."""
SLUGS = frozenset(BY_SLUG)
PROVIDERS = sorted(BY_SLUG)


def named_in(path: Path) -> list[int]:
    """The lines of a module in which a provider is named by its slug."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [node.lineno for node in nodes if isinstance(node, ast.Constant) and node.value in SLUGS]


def test_nothing_else_names_a_provider() -> None:
    """No branch on a slug and no look-up by one: laws ask for capabilities. A fifth provider is one more file."""
    modules = [path for path in KIT.rglob("*.py") if path.relative_to(KIT).parts[0] not in ROOMS_OF_PROVIDERS]
    named = {str(path.relative_to(KIT)): lines for path in modules if (lines := named_in(path))}
    assert named == {}
    assert len(modules) > 40


def test_a_named_provider_is_seen(tmp_path: Path) -> None:
    """The test above must not hold because it looks for nothing."""
    module = tmp_path / "module.py"
    module.write_text('X = {"prime": 1}\n\n\ndef f(slug):\n    return slug == "dreadnode"\n')
    assert named_in(module) == [1, 5]


def test_a_provider_is_one_module() -> None:
    """Each module of a provider says its own slug once, and holds one value that is found."""
    for slug, promises in BY_SLUG.items():
        path = Path(package.__file__).with_name(f"{slug}.py")
        assert len(named_in(path)) == 1
        assert promises.slug == slug
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert set(BY_SLUG) <= modules


def parameters_of(slug: str) -> dict[str, dict[str, Any]]:
    """The query parameters of the listing, as the spec declares them."""
    document, listing = target(slug).spec, BY_SLUG[slug].listing
    operation = document["paths"][listing.path]["get"]
    shared = document["components"].get("parameters", {})
    declared = [shared[each["$ref"].rpartition("/")[2]] if "$ref" in each else each for each in operation["parameters"]]
    return {each["name"]: each for each in declared if each["in"] == "query"}


UNJUDGED = {"superserve": ("q", "sort", "order")}
"""What no page has and the fake takes, as newer servers do: a deployment that ignores it keeps every promise."""


@pytest.mark.parametrize("slug", PROVIDERS)
def test_the_promises_speak_of_every_parameter(slug: str) -> None:
    """Filters and pages claim each parameter of the spec once, and no other."""
    listing = BY_SLUG[slug].listing
    claimed = Counter([*(filter.parameter for filter in listing.filters), *listing.paging.parameters])
    assert claimed + Counter(UNJUDGED.get(slug, ())) == Counter(list(parameters_of(slug)))
    for name in listing.paging.parameters:
        assert listing.filter_of(name) is None


@pytest.mark.parametrize("slug", PROVIDERS)
def test_the_promises_fit_the_spec(slug: str) -> None:
    """Bounds, defaults, closed sets and the names of schemas are stated twice, by hand, and agree."""
    where, listing = target(slug), BY_SLUG[slug].listing
    parameters, paging = parameters_of(slug), listing.paging
    size = parameters[paging.size]["schema"]
    assert size.get("default") == paging.default
    assert not paging.refuses_more or size["maximum"] == paging.most
    for filter in listing.filters:
        if isinstance(filter, Closed):
            schema = parameters[filter.parameter]["schema"]
            allowed = schema.get("items", schema)["enum"]
            assert set(filter.values) <= set(allowed)
            assert filter.repeats or not filter.commas or parameters[filter.parameter]["explode"] is False
    schemas = {listing.row_schema, listing.envelope_schema}
    if listing.facets is not None:
        schemas |= {listing.facets.envelope_schema, *(facet.bucket_schema for facet in listing.facets.facets)}
    assert schemas - {""} <= set(where.declared)
    fields = where.declared[listing.row_schema]
    assert {listing.identity, listing.created, listing.state, *(filter.field for filter in listing.filters)} <= fields


@pytest.mark.parametrize("slug", PROVIDERS)
def test_every_promise_has_its_sentence_and_its_tier(slug: str) -> None:
    """What is not on the page is marked in the spec, and binds less."""
    listing = BY_SLUG[slug].listing
    filters: list[Filter] = [*listing.filters]
    for statement in (listing.paging.statement, *(filter.statement for filter in filters)):
        assert statement.sentence.endswith(".")
        assert "`" in statement.sentence
    for filter in filters:
        observed = "not on the page" in parameters_of(slug)[filter.parameter]["description"]
        assert (filter.statement.tier is Tier.SHOULD) == observed


def test_a_query_is_as_binding_as_its_least_binding_parameter() -> None:
    """One parameter beyond the page makes the whole question a matter of SHOULD."""
    listing = BY_SLUG["superserve"].listing
    assert listing.statement_of((("metadata.env", "prod"),)).tier is Tier.MUST
    assert listing.statement_of((("metadata.env", "prod"), ("status", "active"))).tier is Tier.SHOULD
    assert listing.statement_of((("metadata.env", "prod"), ("limit", "2"))).tier is Tier.SHOULD
    switched = BY_SLUG["prime"].listing
    assert switched.statement_of((("is_active", "true"), ("page", "2"))).tier is Tier.MUST
    assert switched.statement_of((("is_active", "false"),)).tier is Tier.SHOULD
    assert switched.statement_of(()).tier is Tier.MUST


def test_scopes_are_the_callers_lists() -> None:
    """Orgs stand in the path, teams in the query; without either, there is the caller's own list only."""
    options = Options(orgs=("one", "two"))
    by_slug = {slug: promises.scopes.of(options) for slug, promises in BY_SLUG.items()}
    assert by_slug == {"dreadnode": ("one", "two"), "instavm": ("",), "prime": ("", "one", "two"), "superserve": ("",)}
    orgs, teams = BY_SLUG["dreadnode"], BY_SLUG["prime"]
    assert (orgs.path("one"), orgs.scopes.query("one")) == ("/api/v1/org/one/sandboxes", ())
    assert (teams.path("one"), teams.scopes.query("one")) == ("/api/v1/sandbox", (("team_id", "one"),))
    assert orgs.facets_path("one") == "/api/v1/org/one/sandboxes/facets"
    assert orgs.scopes.hint("one") == "is the org 'one' right?"
    assert orgs.operation_at(orgs.facets_path("one")) == "getSandboxFacets"
    assert teams.operation_at("/api/v1/sandbox/facets") == "listSandboxes"


def test_a_path_of_an_operation_is_known() -> None:
    """In any scope, and no path beside it."""
    orgs, teams = BY_SLUG["dreadnode"], BY_SLUG["prime"]
    assert all(map(orgs.has_path, (orgs.path("one"), orgs.facets_path("two"))))
    assert not any(map(orgs.has_path, (orgs.path("one") + "-no", orgs.path("one/two"), orgs.path(""), "/")))
    assert teams.has_path(teams.path("one"))
    assert not any(map(teams.has_path, (teams.path("") + "-no", teams.path("") + "/", "/")))


@pytest.mark.parametrize(
    ("slug", "body", "refusal"),
    [
        ("prime", {"errors": [{"param": "labels.0", "details": "x"}]}, Refusal(names=frozenset({"labels"}))),
        ("prime", {"errors": [{"details": "x"}]}, Refusal(names=None)),
        ("prime", {"detail": [{"loc": ["query", "page"], "msg": "x"}]}, Refusal(names=frozenset({"page"}))),
        ("instavm", {"detail": [{"loc": ["query", "limit"]}]}, Refusal(names=frozenset({"limit"}))),
        ("instavm", {"detail": [{"msg": "x"}]}, Refusal(names=None)),
        ("instavm", {"detail": "Not authenticated"}, Refusal(kind="sentence")),
        ("instavm", {"message": "no"}, Refusal(names=None)),
        ("instavm", ["no"], None),
        (
            "dreadnode",
            {"code": 422, "type": "validation_error", "errors": [{"loc": ["query", "state"]}]},
            Refusal("validation_error", 422, frozenset({"state"})),
        ),
        ("dreadnode", {"code": 404, "type": "not_found_error"}, Refusal("not_found_error", 404)),
        ("dreadnode", {"code": 422, "errors": "x"}, Refusal(None, 422, None)),
        ("superserve", {"error": {"code": "bad_request", "message": "limit is bad"}}, Refusal("bad_request")),
        ("superserve", {"error": "bad_request"}, None),
        ("superserve", None, None),
    ],
)
def test_refusals_are_read(slug: str, body: Any, refusal: Refusal | None) -> None:
    """Each dialect says its kind, its status and the parameters at fault; what cannot be read is not made up."""
    assert BY_SLUG[slug].refusals.read(body) == refusal


def test_a_refusal_of_the_wrong_kind_is_told() -> None:
    """The status allows some kinds only; a dialect without kinds, and a body of another dialect, allow any."""
    orgs, tagged, plain = BY_SLUG["dreadnode"].refusals, BY_SLUG["superserve"].refusals, BY_SLUG["prime"].refusals
    assert orgs.wrong_kind(400, {"type": "validation_error"}) == "has the type validation_error"
    assert orgs.wrong_kind(400, {"type": "invalid_error"}) == ""
    assert tagged.wrong_kind(401, {"error": {"code": "no"}}) == "has the code no"
    assert tagged.wrong_kind(401, []) == ""
    assert plain.wrong_kind(401, {"detail": "no"}) == ""


def test_a_tag_is_its_prefix_and_its_name() -> None:
    """A pair's name may hold dots; a name without the prefix is somebody else's."""
    tags = BY_SLUG["superserve"].listing.first(Tags)
    assert tags is not None
    assert tags.write(("a.b", "c")) == (("metadata.a.b", "c"),)
    assert tags.takes("metadata.a")
    assert not tags.takes("metadata")


ENCODED = EncodedTags(
    parameter="metadata", field="metadata", noun="pair", statement=Statement("Assumed: pairs stand in one text.")
)


@pytest.mark.parametrize(
    "pairs",
    [{"user": "abc", "app": "prod"}, {"a b": "c=d&e"}, {"100%": "a+b"}, {"größe": "日本"}, {"": ""}, {"a/b": "%2C"}],
)
def test_pairs_in_one_text_are_read_as_they_were_written(pairs: dict[str, str]) -> None:
    """Whatever stands in a name or a text survives, and every other spelling of one pair means that pair."""
    query = ENCODED.write(*pairs.items())
    assert ENCODED.read(query) == pairs
    keeps = ENCODED.keeps(query)
    assert keeps is not None
    assert keeps({"metadata": {**pairs, "more": "x"}})
    assert not any(keeps({"metadata": {**pairs, name: "other"}}) for name in pairs)
    assert not keeps({})
    for name, text in pairs.items():
        for raw in ENCODED.spell(name, text).values():
            assert ENCODED.read(tuple(parse_qsl(raw, keep_blank_values=True))) == {name: text}


@pytest.mark.parametrize("probe", ENCODED.unreadable())
def test_pairs_in_one_text_that_cannot_be_read(probe: str) -> None:
    """A text without a meaning is an error, never a filter."""
    with pytest.raises(ValueError):  # noqa: PT011  (unpacking, decoding and our own are all meant)
        ENCODED.keeps(ENCODED.unreadable()[probe].query)


def test_no_text_is_no_filter() -> None:
    """Without its parameter the filter keeps every row; of two texts the last one counts."""
    assert ENCODED.keeps((("state", "running"),)) is None
    assert ENCODED.read((("metadata", "a=1"), ("metadata", "b=2"))) == {"b": "2"}
