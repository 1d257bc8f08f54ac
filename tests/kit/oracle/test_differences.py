"""One question, two servers: whatever an answer does otherwise is named, and what may just have moved is not."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from contract_tests.oracle.asking import put
from contract_tests.oracle.differences import agrees, differences
from contract_tests.oracle.sides import Difference, Side
from contract_tests.outcome import Context, Pairs, Row, Tier
from contract_tests.planted import correct
from contract_tests.promises import BY_SLUG
from contract_tests.promises.questions import OracleQuestion
from contract_tests.sending.ask import Reply
from tests.support.moving import reader

Damage = Callable[[Any], Any]
SCOPES = {"dreadnode": "acme"}
SIZE = 60
LARGEST: dict[str, Pairs] = {
    "dreadnode": (("limit", "100"),),
    "instavm": (("limit", "1000"),),
    "prime": (("per_page", "1000"),),
    "superserve": (),
}
LIMITS = {"dreadnode": "limit", "instavm": "limit", "prime": "per_page", "superserve": "limit"}


@functools.cache
def rows_of(slug: str) -> tuple[Row, ...]:
    return reader(slug, correct(slug, size=SIZE)).snapshot().rows


@dataclass(frozen=True)
class Comparison:
    """A correct server with these rows, and the side that holds them."""

    slug: str
    context: Context
    side: Side

    def answers(self, question: OracleQuestion) -> list[Reply]:
        """What the correct server answers."""
        return put(question, self.side.promises, self.side.twin.send)

    def wrong(self, question: OracleQuestion, replies: Sequence[Reply], after: Side | None = None) -> list[Difference]:
        """What is different, between this side and another one."""
        after = after or self.side
        if after is self.side and agrees(self.side.promises, replies, self.answers(question)):
            return []
        return differences(question, replies, self.side, after)


def compare(slug: str, rows: Sequence[Row] | None = None) -> Comparison:
    """The comparison with the seeded rows of a small world, or with others."""
    context = reader(slug, correct(slug, size=SIZE))
    snapshot = replace(context.snapshot(), rows=rows_of(slug) if rows is None else tuple(rows))
    return Comparison(slug, context, Side.of(BY_SLUG[slug], {snapshot.scope: snapshot}))


def ask(slug: str, *pairs: tuple[str, str], **more: Any) -> OracleQuestion:
    return OracleQuestion(SCOPES.get(slug, ""), pairs, **more)


def with_body(reply: Reply, body: Any) -> Reply:
    return replace(reply, body=json.dumps(body).encode())


def damaged(replies: Sequence[Reply], damage: Damage, number: int = 0) -> list[Reply]:
    """The answers, one of them with another body."""
    return [with_body(each, damage(each.json())) if index == number else each for index, each in enumerate(replies)]


def refusal(reply: Reply, status: int, body: Any = None) -> Reply:
    return replace(reply, status=status, body=json.dumps(body or {"detail": "no"}).encode())


def listed(slug: str, body: Any) -> list[Row]:
    rows: list[Row] = body if isinstance(body, list) else body["items" if slug == "dreadnode" else "sandboxes"]
    return rows


def said(found: Sequence[Difference]) -> list[tuple[str, Tier]]:
    return [(each.sentence, each.tier) for each in found]


@pytest.mark.parametrize("slug", LARGEST)
def test_equal_answers_differ_in_nothing(slug: str) -> None:
    """The whole list, a page of it and a refusal: the correct server's own answers are never a difference."""
    one = compare(slug)
    for pairs in (LARGEST[slug], ((LIMITS[slug], "7"),), ((LIMITS[slug], "nonsense"),)):
        question = ask(slug, *pairs)
        replies = one.answers(question)
        assert one.wrong(question, replies) == []
        # Also where it is looked at in full, without the short cut for equal answers.
        assert differences(question, replies, one.side, one.side) == []


ROWS: list[tuple[str, Callable[[list[Row]], list[Row]], str]] = [
    ("one is missing", lambda rows: rows[:3] + rows[4:], "1 rows"),
    ("one comes twice", lambda rows: rows[:1] + rows, "1 rows come twice"),
    ("one is a stranger's", lambda rows: [{**rows[0], "id": "x", "sandbox_id": "x"}, *rows], "not in the unfiltered"),
    ("one looks otherwise", lambda rows: [{**rows[0], "unheard_of": 1}, *rows[1:]], "another unheard_of than"),
    ("the order is another", lambda rows: rows[::-1], "another order"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "sentence"), [each[1:] for each in ROWS], ids=[each[0] for each in ROWS])
@pytest.mark.parametrize("slug", LARGEST)
def test_rows_that_are_certain_convict(slug: str, damage: Callable[[list[Row]], list[Row]], sentence: str) -> None:
    """A row that is missing, repeated, foreign or changed, and an order that is another, are each told."""
    one = compare(slug)
    question = ask(slug, *LARGEST[slug])

    def put(body: Any) -> Any:
        rows = damage(listed(slug, body))
        return rows if isinstance(body, list) else {**body, "items" if slug == "dreadnode" else "sandboxes": rows}

    found = one.wrong(question, damaged(one.answers(question), put))
    assert [each for each in found if sentence in each.sentence], found
    assert all(
        each.sentence and (each.rows or each.kind in ("window", "cursor", "total", "has_next")) for each in found
    )


@pytest.mark.parametrize("slug", LARGEST)
def test_a_filter_that_leaks_is_told_with_the_rows(slug: str) -> None:
    """Rows of the unfiltered list that do not match are the evidence."""
    one = compare(slug)
    name, text = {
        "dreadnode": ("state", "paused"),
        "instavm": ("metadata", '{"no-such":"pair"}'),
        "prime": ("status", "PAUSED"),
        "superserve": ("metadata.no-such", "pair"),
    }[slug]
    question = ask(slug, *LARGEST[slug], (name, text))
    everything = one.answers(ask(slug, *LARGEST[slug]))
    (first, *_) = one.wrong(question, [replace(one.answers(question)[0], body=everything[0].body)])
    assert first.tier is Tier.MUST
    assert "rows do not match" in first.sentence
    assert f"{name}={text}" in first.sentence
    assert first.rows


@pytest.mark.parametrize("slug", LARGEST)
def test_a_page_beyond_its_size_is_told(slug: str) -> None:
    """More rows than were asked for are on no page, however right each of them is."""
    one = compare(slug)
    question = ask(slug, (LIMITS[slug], "5"))
    whole = listed(slug, one.answers(ask(slug, *LARGEST[slug]))[0].json())

    def longer(body: Any) -> Any:
        rows = whole[:6]
        return rows if isinstance(body, list) else {**body, "items" if slug == "dreadnode" else "sandboxes": rows}

    found = one.wrong(question, damaged(one.answers(question), longer))
    assert "a page of 5 has 6 rows" in [each.sentence for each in found]


def test_a_page_in_the_place_of_another_is_told() -> None:
    """Page 2 with the rows of page 3: what must be there is missing, and what is there belongs elsewhere."""
    one = compare("prime")
    second, third = (ask("prime", ("per_page", "7"), ("page", page)) for page in ("2", "3"))
    found = one.wrong(second, [replace(one.answers(third)[0], ask=one.answers(second)[0].ask)])
    assert {"7 rows are missing", "7 rows belong to another page"} <= {each.sentence for each in found}
    assert ("page is 3, it was asked as 2", Tier.MUST) in said(found)


COUNTS: list[tuple[Damage, str, Tier]] = [
    (lambda body: {**body, "total": body["total"] + 1}, "the total is", Tier.MUST),
    (lambda body: {**body, "total": "7"}, "the total is 7", Tier.MUST),
    (lambda body: {**body, "has_next": not body["has_next"]}, "has_next is", Tier.MUST),
    (lambda body: {**body, "per_page": 99}, "per_page is 99, it was asked as 7", Tier.MUST),
]


@pytest.mark.parametrize(("damage", "sentence", "tier"), COUNTS)
@pytest.mark.parametrize("page", ["1", "400"])
def test_counts_of_a_page_are_held(damage: Damage, sentence: str, tier: Tier, page: str) -> None:
    """Total, has_next and the echo of what was asked, on the first page and far behind the last."""
    one = compare("prime")
    question = ask("prime", ("per_page", "7"), ("page", page))
    found = one.wrong(question, damaged(one.answers(question), damage))
    assert [each.tier for each in found if each.sentence.startswith(sentence)] == [tier]
    assert len(found) == 1


@pytest.mark.parametrize(("header", "sentence"), [("7", "X-Total-Count is 7, but"), ("many", "missing or no")])
def test_the_count_in_a_header_is_held(header: str, sentence: str) -> None:
    """Superserve tells its total in a header."""
    one = compare("superserve")
    question = ask("superserve")
    (reply,) = one.answers(question)
    found = one.wrong(question, [replace(reply, headers={**reply.headers, "x-total-count": header})])
    assert [each.tier for each in found if sentence in each.sentence] == [Tier.SHOULD]


# Cursors.


def test_a_walk_that_loses_rows_is_told() -> None:
    """Rows that a cursor skips, and those that are missing where it says that it has ended."""
    one = compare("dreadnode")
    question = ask("dreadnode", ("limit", "5"), follow=2)
    replies = one.answers(question)
    assert len(replies) == 3
    skipping = damaged(replies, lambda body: {**body, "items": body["items"][1:]}, number=1)
    assert "1 rows are skipped" in [each.sentence for each in one.wrong(question, skipping)]
    ending = damaged(replies, lambda body: {**body, "next_cursor": None}, number=2)
    assert f"{len(rows_of('dreadnode')) - 15} rows are missing at the end" in [
        each.sentence for each in one.wrong(question, ending)
    ]


def test_a_cursor_behind_the_end_is_told() -> None:
    """A page that shows the last row has no next_cursor, and one that is not full has none either."""
    one = compare("dreadnode")
    question = ask("dreadnode", ("limit", "100"))
    found = one.wrong(question, damaged(one.answers(question), lambda body: {**body, "next_cursor": "more"}))
    sentences = {each.sentence: each.tier for each in found}
    assert sentences["there is a next_cursor although nothing follows"] is Tier.SHOULD
    assert any(text.endswith("(limit 100) has a next_cursor") for text in sentences)


def test_a_cursor_that_is_refused_is_told() -> None:
    """A deployment must take the cursor that it has just given."""
    one = compare("dreadnode")
    question = ask("dreadnode", ("limit", "5"), follow=1)
    first, second = one.answers(question)
    assert said(one.wrong(question, [first, refusal(second, 400)])) == [
        ("its own next_cursor is answered with 400", Tier.MUST)
    ]


def test_a_cursor_that_is_taken_with_other_filters_is_told() -> None:
    """Unless the other filters let the same rows through."""
    one = compare("dreadnode")
    question = ask("dreadnode", ("limit", "5"), moved=(("state", "paused"),))
    first, second = one.answers(question)
    assert second.status == 400
    taken = replace(second, status=200, body=first.body)
    assert ("a cursor is accepted together with other filters than its own", Tier.SHOULD) in said(
        one.wrong(question, [first, taken])
    )
    paused = compare("dreadnode", [row for row in rows_of("dreadnode") if row["state"] == "paused"])
    first, second = paused.answers(replace(question, pairs=(("limit", "1"),)))
    same = replace(second, status=200, body=first.body)
    assert paused.wrong(replace(question, pairs=(("limit", "1"),)), [first, same]) == []


# Refusals, and what is no list.


@pytest.mark.parametrize("slug", LARGEST)
def test_a_valid_question_that_is_refused_is_told(slug: str) -> None:
    """A refusal where the page promises a list, and a list where it promises a refusal."""
    one = compare(slug)
    good, bad = ask(slug, *LARGEST[slug]), ask(slug, (LIMITS[slug], "nonsense"))
    (right,), (refused,) = one.answers(good), one.answers(bad)
    assert said(one.wrong(good, [refusal(right, 422)])) == [("a valid question is answered with 422", Tier.MUST)]
    (taken,) = one.wrong(bad, [replace(refused, status=200, body=right.body)])
    assert taken.sentence == f"a bad value is answered with 200 and not with {refused.status}"
    (other,) = one.wrong(bad, [replace(refused, status=418)])
    assert other.sentence == f"the refusal is a 418 and not a {refused.status}"
    assert other.tier is Tier.SHOULD


def test_what_the_page_does_not_state_is_no_must() -> None:
    """Superserve's page has no limit, Prime's states its own; whether others may be asked for is theirs to know."""
    one = compare("superserve")
    question = ask("superserve", ("limit", "5"))
    assert said(one.wrong(question, [refusal(one.answers(question)[0], 400)]))[0][1] is Tier.SHOULD
    two = compare("prime")
    for pairs, tier in (
        ((("per_page", "0"),), Tier.MUST),
        ((("status", "nonsense"),), Tier.MUST),
        ((("status", ""),), Tier.SHOULD),
    ):
        question = ask("prime", *pairs)
        right = two.answers(ask("prime"))[0]
        (found,) = two.wrong(question, [replace(two.answers(question)[0], status=200, body=right.body)])
        assert found.tier is tier
    question = ask("prime", ("user_id", "somebody"))
    assert two.wrong(question, [refusal(two.answers(question)[0], 403)]) == []


REFUSALS: dict[str, list[tuple[Any, str]]] = {
    "dreadnode": [({"code": 422, "type": "other", "detail": "no"}, "other"), ([], "nothing that can be read")],
    "instavm": [({"detail": [{"loc": ["query", "other"], "msg": "", "type": ""}]}, "other"), ({}, "nothing")],
    "prime": [({"errors": [{"param": "other", "details": ""}]}, "other"), ({"detail": "no"}, "sentence")],
    "superserve": [({"error": {"code": "other", "message": ""}}, "other"), ({"error": "no"}, "nothing")],
}


@pytest.mark.parametrize(("slug", "body", "says"), [(slug, *each) for slug, more in REFUSALS.items() for each in more])
def test_a_refusal_that_names_something_else_is_told(slug: str, body: Any, says: str) -> None:
    """The machine-readable part of a refusal is compared, the sentence for people is not."""
    one = compare(slug)
    question = ask(slug, (LIMITS[slug], "nonsense"))
    (reply,) = one.answers(question)
    (found,) = one.wrong(question, [replace(reply, body=json.dumps(body).encode())])
    assert found.kind == "refusal"
    assert found.tier is Tier.SHOULD
    assert f"the {reply.status} says" in found.sentence
    assert says in found.sentence


NOT_LISTS = [b"", b"{", b"7", b'"text"', b"null", b"[7]", b"[{}]", b'{"items": 7, "sandboxes": 7}', b"\xff"]


@pytest.mark.parametrize("body", NOT_LISTS)
@pytest.mark.parametrize("slug", LARGEST)
def test_what_is_no_list_is_told(slug: str, body: bytes) -> None:
    """Whatever stands in the place of a list is one difference, and never a crash."""
    one = compare(slug)
    question = ask(slug, *LARGEST[slug])
    found = one.wrong(question, [replace(one.answers(question)[0], body=body)])
    assert [each.kind for each in found] == ["body"], found
    assert found[0].tier is Tier.MUST


@pytest.mark.parametrize("slug", LARGEST)
def test_limits_excuse_and_failures_convict(slug: str) -> None:
    """A 429 says nothing about the contract; a 5xx breaks it."""
    one = compare(slug)
    question = ask(slug, *LARGEST[slug])
    (reply,) = one.answers(question)
    assert one.wrong(question, [refusal(reply, 429)]) == []
    assert said(one.wrong(question, [refusal(reply, 503)])) == [("the answer is 503", Tier.MUST)]


# Facets.


Buckets = list[dict[str, Any]]


def changed(change: Callable[[Buckets], Any], facet: str = "states") -> Damage:
    """The facets with other buckets in one of them."""
    return lambda body: {**body, facet: change([dict(each) for each in body[facet]])}


def renamed(found: Buckets) -> Buckets:
    return [{**each, "project_name": "other"} for each in found]


FACETS: list[tuple[str, Damage, str]] = [
    ("no object", lambda body: [body], "the facets are not an object"),
    ("no list", changed(lambda found: {}), "states is not a list"),
    ("no count", changed(lambda found: [{"value": "running"}]), "without a count"),
    ("a count as text", changed(lambda found: [{"value": "running", "count": "7"}]), "without a count"),
    ("one too many", changed(lambda found: [{**each, "count": each["count"] + 1} for each in found]), "rows match"),
    ("of nobody", changed(lambda found: [*found, {"value": None, "count": 1}]), "for None"),
    ("of nothing", changed(lambda found: [*found, {"value": "running", "count": 0}]), "a bucket of 0"),
    ("left out", changed(lambda found: found[1:]), "has no bucket for"),
    ("twice", changed(lambda found: [*found, found[-1]]), "has a bucket twice"),
    ("smallest first", changed(lambda found: found[::-1]), "does not start with the largest"),
    ("other names", changed(renamed, "projects"), "other names"),
]


@pytest.mark.parametrize(("damage", "sentence"), [each[1:] for each in FACETS], ids=[each[0] for each in FACETS])
def test_counts_of_facets_are_held(damage: Damage, sentence: str) -> None:
    """Each count lies between the rows that are certain and those that may match as well."""
    one = compare("dreadnode")
    question = ask("dreadnode", facets=True)
    replies = one.answers(question)
    assert differences(question, replies, one.side, one.side) == []
    found = one.wrong(question, damaged(replies, damage))
    assert Tier.MUST in [each.tier for each in found if sentence in each.sentence], found


def test_equal_counts_in_another_order_are_a_remark() -> None:
    """The page does not say which of two equal counts comes first."""
    rows = [dict(each) for each in rows_of("dreadnode")[:2]]
    rows[0] |= {"project_id": None, "project_key": None, "project_name": None, "state": "running"}
    rows[1] |= {"project_id": None, "project_key": None, "project_name": None, "state": "paused"}
    one = compare("dreadnode", rows)
    question = ask("dreadnode", facets=True)
    found = one.wrong(question, damaged(one.answers(question), changed(lambda found: found[::-1])))
    assert said(found) == [("states has equal counts in another order", Tier.SHOULD)]


def test_what_may_have_moved_convicts_no_count() -> None:
    """Between two snapshots a row changed its state: either count of either state is right, a third one is not."""
    rows = [dict(each) for each in rows_of("dreadnode")[:9]]
    for row in rows:
        row["state"] = "running"
    moved = [{**rows[0], "state": "paused"}, *rows[1:]]
    before, after = compare("dreadnode", rows), compare("dreadnode", moved)
    question = ask("dreadnode", facets=True)
    for each in (before, after):
        assert before.wrong(question, each.answers(question), after.side) == []
    wrong = damaged(before.answers(question), changed(lambda found: [{"value": "running", "count": 7}]))
    (found,) = before.wrong(question, wrong, after.side)
    assert found.sentence == "states counts 7 for running, but 8 to 9 rows match"


def test_what_may_have_moved_convicts_no_row() -> None:
    """A row that came between the snapshots may be there or not; one that was there all the time must be."""
    rows = rows_of("prime")
    before, after = compare("prime", rows[1:]), compare("prime", rows)
    question = ask("prime", *LARGEST["prime"])
    for each in (before, after):
        assert before.wrong(question, each.answers(question), after.side) == []
    lost = compare("prime", rows[:-1]).answers(question)
    assert {each.kind for each in before.wrong(question, lost, after.side)} >= {"rows"}
