"""How binding a promise is: it stands beside the promise, once, and follows from who says so."""

from __future__ import annotations

import ast
import dataclasses
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeGuard

import pytest
import yaml

import contract_tests
from contract_tests.judging.session import CouldNotCheck
from contract_tests.outcome import Options, Tier, Verdict
from contract_tests.planted import Handler, correct
from contract_tests.planted.exercise import default_options, exercise
from contract_tests.promises import BY_SLUG
from contract_tests.promises.statements import Statement, weakest
from contract_tests.reporting.report import failing

KIT = Path(contract_tests.__file__).parent
QUOTES = Path(__file__).with_name("quotes.yaml")
PAGES = "FAKESERVER_PAGES"
"""The folder of the reference pages, where somebody has them."""


def statements_in(value: Any) -> Iterator[Statement]:
    """Every statement that a provider's promises hold."""
    if isinstance(value, Statement):
        yield value
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from statements_in(getattr(value, field.name))
    elif isinstance(value, Mapping):
        yield from (each for one in value.values() for each in statements_in(one))
    elif isinstance(value, tuple):
        yield from (each for one in value for each in statements_in(one))


def plain(text: str) -> str:
    """The words alone: pages are scraped, and say nothing by their brackets and line ends."""
    return " ".join(re.sub(r'[\s,"\[\]{}:<>|]+', " ", text).split())


def test_a_tier_follows_from_who_says_so() -> None:
    """The page's own words and a source for everybody bind; what is marked binds less, or nobody."""
    by_tier = {
        Tier.MUST: [Statement("It is so.", quote="so it is"), Statement("It is so.", source="RFC 8259")],
        Tier.SHOULD: [
            Statement("Assumed: so."),
            Statement("Observed: so."),
            Statement("Expected: so.", source="RFC 1"),
        ],
        Tier.INFO: [Statement("Noted: so.")],
    }
    for tier, statements in by_tier.items():
        assert {each.tier for each in statements} == {tier}
    must, should = by_tier[Tier.MUST][0], by_tier[Tier.SHOULD][0]
    assert weakest([must, should], must) is should
    assert weakest([], must) is must
    assert (must.origin("003"), should.origin("003")) == ("reference page 003", "")


@pytest.mark.parametrize("wrong", [{}, {"sentence": "Assumed: so.", "quote": "so"}])
def test_a_statement_says_who_says_so(wrong: dict[str, str]) -> None:
    """Nothing is promised by nobody, and no assumption is dressed up as a quotation."""
    with pytest.raises(ValueError, match="quote"):
        Statement(**{"sentence": "It is so.", **wrong})


def test_no_law_has_a_tier_of_its_own() -> None:
    """But for the registry's default, which a law of a team's own has, and the oracle's layer, which proves what binds
    most first."""
    named = {
        path.name: [node.lineno for node in ast.walk(ast.parse(path.read_text())) if is_tier(node)]
        for path in [*(KIT / "laws").glob("*.py"), *(KIT / "oracle").glob("*.py")]
    }
    assert {name for name, lines in named.items() if lines} == {"registry.py", "layer.py"}
    assert len(named) > 15


def is_tier(node: ast.AST) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Tier"


@pytest.mark.parametrize("slug", BY_SLUG)
def test_what_binds_is_on_the_page(slug: str) -> None:
    """The quoted words are those that were checked against the page; with the pages at hand they are checked again."""
    promises = BY_SLUG[slug]
    pages = [promises.listing.page, *([promises.facets.page] if promises.facets is not None else [])]
    known = yaml.safe_load(QUOTES.read_text(encoding="utf-8"))
    quoted = {part.strip() for each in statements_in(promises) for part in each.quote.split("…") if part}
    assert quoted == {text for page in pages for text in known[page]}
    folder = os.environ.get(PAGES)
    for page in pages if folder else ():
        (path,) = Path(str(folder)).glob(f"{page}_*.txt")
        text = plain(path.read_text(encoding="utf-8"))
        assert [each for each in known[page] if plain(each) not in text] == []


def without_unknown(parameters: set[str], status: int | None) -> Handler:
    """Superserve by its page alone: these parameters are refused with a status, or ignored."""
    right = correct("superserve", size=120)

    def answer(method: str, path: str, query: bytes, headers: dict[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        pairs = [pair for pair in query.decode().split("&") if pair]
        kept = [pair for pair in pairs if pair.partition("=")[0] not in parameters]
        if status is not None and len(kept) < len(pairs):
            return status, {"content-type": "application/json"}, b'{"error":{"code":"bad_request","message":"unknown"}}'
        return right(method, path, "&".join(kept).encode(), headers)

    return answer


@pytest.mark.parametrize("status", [400, None])
@pytest.mark.parametrize("profile", ["polite", "default", "deep"])
def test_a_parameter_that_no_page_has_is_asked_for_once(status: int | None, profile: str) -> None:
    """A server by the page alone breaks nothing. What it does not know is said once, as a warning, and not asked."""
    handler = without_unknown({"limit", "offset", "status"}, status)
    session = exercise("superserve", handler, default_options("superserve", profile=profile))
    assert failing(session.outcomes, strict=False) == []
    unknown = [each for each in session.outcomes if each.law == "parameters.observed"]
    assert [each.tier for each in unknown] == [Tier.SHOULD]
    sent = [reply.ask for reply in session.check.transport.replies if reply.ask.credential == "token"]
    for name in ("limit", "offset", "status"):
        assert sum(any(name == given for given, _ in ask.query) for ask in sent) <= 1, name


@pytest.mark.parametrize("profile", ["polite", "default"])
@pytest.mark.parametrize("slug", BY_SLUG)
def test_an_assumption_names_no_page(slug: str, profile: str) -> None:
    """A law that holds is as binding as the strongest of its statements, and a law of common sense names no page."""
    session = exercise(slug, correct(slug, size=120), default_options(slug, profile=profile))
    assert failing(session.outcomes, strict=True) == []
    tiers = {each.law: each.tier for each in session.outcomes if each.verdict is not Verdict.BROKEN}
    assert tiers["filters.ignored"] is Tier.SHOULD
    assert tiers["rows.order"] is Tier.SHOULD
    assert tiers["filters.single"] is Tier.MUST


@pytest.mark.parametrize("slug", ["prime", "dreadnode"])
@pytest.mark.parametrize("status", [403, 404, 200])
def test_a_scope_that_may_be_mistyped_cannot_be_judged(slug: str, status: int) -> None:
    """Refused or empty like an invented one: that is no broken promise, and the reason names the scope."""
    right, promises = correct(slug, size=60), BY_SLUG[slug]
    assert promises.scopes.named

    def answer(method: str, path: str, query: bytes, headers: dict[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        invented = b"typo" in query or "typo" in path or b"no-such" in query or "no-such" in path
        if not invented:
            return right(method, path, query, headers)
        empty = b'{"items":[],"next_cursor":null}' if slug == "dreadnode" else NOBODYS
        return status, {"content-type": "application/json"}, empty if status == 200 else b"{}"

    with pytest.raises(CouldNotCheck, match="'typo' right"):
        exercise(slug, answer, Options(orgs=(promises.fake.orgs[0], "typo")))


NOBODYS = b'{"sandboxes":[],"total":0,"page":1,"per_page":1,"has_next":false}'
