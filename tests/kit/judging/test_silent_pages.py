"""Where a page is silent, an answer is a warning, whichever law and layer meets it; beside it, what is said binds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlencode

import pytest

from contract_tests.judging.check import Check
from contract_tests.judging.target import target
from contract_tests.oracle.twin import default_credentials
from contract_tests.outcome import Options, Outcome, Tier, Verdict
from contract_tests.planted import Handler, correct
from contract_tests.planted.exercise import default_options, exercise
from contract_tests.sending.in_process import InProcess
from contract_tests.sending.recorder import Recorder

pytestmark = pytest.mark.slow
SIZE = 150
Given = Mapping[str, str]
Answer = tuple[int, Mapping[str, str], bytes]


def changed(slug: str, change: Callable[[Given, Answer], Answer], size: int = SIZE) -> Handler:
    """The correct server, but for what becomes of its answers to readable requests of a good credential."""
    right = correct(slug, size=size)

    def answer(method: str, path: str, query: bytes, headers: dict[str, str]) -> Answer:
        given = right(method, path, query, headers)
        asked = dict(parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=True))
        return change(asked, given) if given[0] in (200, 422) else given

    return answer


def broken(slug: str, handler: Handler) -> list[Outcome]:
    session = exercise(slug, handler, default_options(slug, profile="deep"))
    return [each for each in session.outcomes if each.verdict is Verdict.BROKEN]


def laws(found: list[Outcome], tier: Tier) -> set[str]:
    return {each.law for each in found if each.tier is tier}


def refused(status: int) -> Answer:
    return status, {"content-type": "application/json"}, b'{"detail":"no such page"}'


@pytest.mark.parametrize("status", [404, 400, 416])
def test_a_server_need_not_have_pages_behind_the_end(status: int) -> None:
    """As Django's paginator has none. That is a warning, of the laws as of the oracle."""

    def change(asked: Given, answer: Answer) -> Answer:
        behind = asked.get("page", "1") != "1" and answer[0] == 200 and not json.loads(answer[2])["sandboxes"]
        return refused(status) if behind else answer

    found = broken("prime", changed("prime", change))
    assert laws(found, Tier.MUST) == set()
    assert "pages.windows" in laws(found, Tier.SHOULD)


@pytest.mark.parametrize("page", ["2", "3"])
def test_a_page_that_has_rows_is_served(page: str) -> None:
    """Refusing it breaks the promise of pages, however the others are answered."""

    def change(asked: Given, answer: Answer) -> Answer:
        return refused(404) if asked.get("page") == page and answer[0] == 200 else answer

    assert "pages.windows" in laws(broken("prime", changed("prime", change)), Tier.MUST)


@pytest.mark.parametrize("status", [404, 410])
def test_a_list_whose_next_page_is_gone_was_not_read_whole(status: int) -> None:
    """Rows may have gone between two pages, so that the second has none: the walk ends with a doubt, and accuses
    nobody of what binds."""

    def change(asked: Given, answer: Answer) -> Answer:
        if asked.get("page", "1") != "1":
            return refused(status)
        body = json.loads(answer[2])
        return answer[0], answer[1], json.dumps(body | {"total": 1_000_000, "has_next": True}).encode()

    where = target("prime")
    handler = changed("prime", change, size=1_900)
    check = Check(where, Recorder(InProcess(handler, where.security, default_credentials("prime"))), Options())
    snapshot = check.snapshot("")
    assert (len(snapshot.rows), snapshot.complete) == (1_000, False)
    assert snapshot.doubt == f"page 2 was answered with {status}"
    told = [each for some in check.breaches.values() for each in some if "was answered with" in each.sentence]
    assert {each.tier for each in told} == {Tier.SHOULD}


Pairs = list[tuple[str, str]]


def off_is_the_opposite(pairs: Pairs) -> Pairs:
    return [("status", "TERMINATED") if pair == ("is_active", "false") else pair for pair in pairs]


def empty_is_no_label(pairs: Pairs) -> Pairs:
    return [pair for pair in pairs if pair != ("labels", "")]


def commas_split(pairs: Pairs) -> Pairs:
    return [(name, piece) for name, text in pairs for piece in (text.split(",") if name == "labels" else [text])]


def active_is_running(pairs: Pairs) -> Pairs:
    return [("status", "RUNNING") if pair == ("is_active", "true") else pair for pair in pairs]


def understood(change: Callable[[Pairs], Pairs]) -> Handler:
    """The correct server of Prime, which takes a query for another one."""
    right = correct("prime", size=SIZE)

    def answer(method: str, path: str, query: bytes, headers: dict[str, str]) -> Answer:
        try:
            pairs = parse_qsl(query.decode(), keep_blank_values=True, errors="strict")
        except ValueError:
            return right(method, path, query, headers)
        changed = change(pairs)
        return right(method, path, query if changed == pairs else urlencode(changed).encode(), headers)

    return answer


@pytest.mark.parametrize("change", [off_is_the_opposite, empty_is_no_label, commas_split])
def test_a_total_binds_no_more_than_what_it_counts(change: Callable[[Pairs], Pairs]) -> None:
    """Rows and total follow one reading of a value that the page does not explain."""
    found = broken("prime", understood(change))
    assert laws(found, Tier.MUST) == set()
    assert {"pages.total"} < laws(found, Tier.SHOULD)


def test_what_the_page_explains_binds_rows_and_total() -> None:
    """`is_active=true` has its sentence there."""
    assert {"pages.total", "filters.single"} <= laws(broken("prime", understood(active_is_running)), Tier.MUST)


@pytest.mark.parametrize(("name", "tier"), [("metadata", Tier.SHOULD), ("limit", Tier.MUST)], ids=["metadata", "limit"])
def test_the_status_of_a_refusal_binds_no_more_than_the_refusal(name: str, tier: Tier) -> None:
    """InstaVM's page says which limits are refused, and nothing of text that is not JSON; a 422 it has for both."""

    def change(asked: Given, answer: Answer) -> Answer:
        return refused(400) if answer[0] == 422 and [*asked] == [name] else answer

    told = [each for each in broken("instavm", changed("instavm", change)) if "not 422" in each.sentence]
    assert {each.tier for each in told} == {tier}
