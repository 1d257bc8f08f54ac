"""Filters: each kind against a comprehension, the index against the predicate, containment against PostgreSQL."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cache
from itertools import combinations, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakeserver.documents.collection import Collection
from fakeserver.documents.order import newest_first
from fakeserver.listing.containment import contains
from fakeserver.listing.filters import AllOf, AnyOf, Containing, Equal, Excluding, Filter, Pairs, check_by
from fakeserver.listing.scope import Scope
from fakeserver.listing.select import question_of, select
from fakeserver.problems import Issue
from fakeserver.serving.app import App
from fakeserver.spec.json_text import read_json
from fakeserver.spec.wording import ValueRefused
from tests.support.asgi import SLUGS, Row, app_of, service, tenants
from tests.support.listing import fill, filters_of
from tests.support.postgresql import PostgreSQL
from tests.support.soak import examples

WORDS = ["", "a", "b", "A", "a,b", "größe", "x y"]
words = st.sampled_from(WORDS)
scalars = st.sampled_from([None, True, False, 0, 1, 2, 1.0, 0.1, 10**20, "", "1", "a", "b"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


def same(left: Any, right: Any) -> bool:
    """Equal as JSON: 1 is 1.0, but neither true nor "1"."""
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def within(document: Any, query: Any) -> bool:
    """`@>` below the top: every part of the query occurs in the document at the same place."""
    if isinstance(query, dict) and isinstance(document, dict):
        return all(name in document and within(document[name], inner) for name, inner in query.items())
    if isinstance(query, list) and isinstance(document, list):
        return all(any(within(each, inner) for each in document) for inner in query)
    return not isinstance(document, dict | list) and not isinstance(query, dict | list) and same(document, query)


# filter, what the field holds, what a caller may ask for, and the one line that says what it means
KINDS: dict[str, tuple[Filter, st.SearchStrategy[Any], st.SearchStrategy[Any], Callable[[Row, Any], bool]]] = {
    "equal": (Equal("p", field="f"), st.none() | words, words, lambda d, v: d.get("f") == v),
    "any-of": (
        AnyOf("p", field="f"),
        st.none() | words,
        st.lists(words, min_size=1, max_size=3, unique=True).map(tuple),
        lambda d, v: d.get("f") in v,
    ),
    "all-of": (
        AllOf("p", field="f"),
        st.none() | st.lists(words, max_size=4),
        st.lists(words, min_size=1, max_size=3, unique=True).map(tuple),
        lambda d, v: all(each in (d.get("f") or []) for each in v),
    ),
    "excluding": (
        Excluding("p", field="f", values=frozenset({"a", "b"})),
        st.none() | words,
        st.booleans(),
        lambda d, v: not (v and d.get("f") in ("a", "b")),
    ),
    "containing": (Containing("p", field="f"), objects, objects, lambda d, v: within(d.get("f"), v)),
    "pairs": (
        Pairs("p", field="f"),
        st.none() | st.dictionaries(words, words, max_size=4),
        st.dictionaries(words, words, min_size=1, max_size=3).map(lambda pairs: tuple(pairs.items())),
        lambda d, v: all((name, text) in (d.get("f") or {}).items() for name, text in v),
    ),
}
ORDER = newest_first("created", "id")


# What a filter is given.


def upper(text: str) -> str:
    if not text:
        raise ValueRefused("Input should not be empty", "empty")
    return text.upper()


def no_b(text: str) -> Iterator[Issue]:
    for place, letter in enumerate(text):
        if letter == "B":
            yield Issue(("query", "p", place), "B is reserved", "reserved")


@pytest.mark.parametrize(
    ("value", "meaning", "issues"),
    [
        (None, None, []),
        ("a", "A", []),
        ("bab", "BAB", [(("query", "p", 0), "reserved"), (("query", "p", 2), "reserved")]),
        ("", None, [(("query", "p"), "empty")]),
    ],
)
def test_a_filter_parses_its_value(value: str | None, meaning: str | None, issues: list[Any]) -> None:
    """What was decoded becomes what the filter means, once; every issue joins those of the other parameters."""
    earlier = Issue(("query", "limit"), "too small", "greater_than_equal")
    values, found = {"p": value, "q": "untouched"}, [earlier]
    check_by(Equal("p", field="f", decode=upper, check=no_b))(values, found)
    assert values == {"p": meaning, "q": "untouched"}
    assert found[0] is earlier
    assert [(issue.loc, issue.type) for issue in found[1:]] == issues


@pytest.mark.parametrize("kind", [kind for kind, *_ in KINDS.values()], ids=KINDS)
def test_without_a_hook_a_filter_means_what_was_decoded(kind: Filter) -> None:
    value, issues = object(), list[Issue]()
    assert kind.parse(value, issues) is value
    assert not issues


def asked(value: Any) -> bytes:
    return question_of("list", [Equal("p", field="f")], {"p": value})


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same value in another order: the names of objects, and the parts of a value that has several."""
    if isinstance(value, dict):
        items = [(name, shuffled(inner, chance)) for name, inner in value.items()]
        return dict(chance.sample(items, len(items)))
    if isinstance(value, list):
        return [shuffled(inner, chance) for inner in value]
    return value


@given(value=values | st.lists(st.tuples(words, words), unique=True).map(tuple), seed=st.integers(0, 99))
def test_the_same_meaning_is_the_same_question(value: Any, seed: int) -> None:
    """Neither the order of an object's names nor that of a filter's values makes another question."""
    chance = random.Random(seed)
    other = tuple(chance.sample(value, len(value))) if isinstance(value, tuple) else shuffled(value, chance)
    assert asked(other) == asked(value)


@given(one=values, other=values)
def test_another_meaning_is_another_question(one: Any, other: Any) -> None:
    """What JSON tells apart is asked apart; Python's own equality, in which true is 1, does not count."""
    plain = [json.dumps(each, sort_keys=True) for each in (one, other)]
    assert (asked(one) == asked(other)) == (plain[0] == plain[1])


def test_a_pair_is_no_set() -> None:
    """Of several pairs the order does not matter; in one pair it does, and so do quotes and commas in texts."""
    assert asked((("a", "b"),)) != asked((("b", "a"),))
    assert asked(("a", "b")) != asked(("a, b",))
    assert asked(("a', 'b",)) != asked(("a", "b"))
    assert asked(("a",)) != asked("a")
    assert question_of("facets", [], {}) != question_of("list", [], {})


def created(number: int) -> str:
    return f"2026-01-01T00:{number // 60:02d}:{number % 60:02d}Z"


def documents_of(field: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Row]]:
    """Documents with ties in their dates; `f` is sometimes absent."""
    one = st.fixed_dictionaries({"created": st.integers(0, 3).map(created)}, optional={"f": field})
    return st.lists(one, max_size=12).map(lambda all_: [{**each, "id": f"id-{n:02d}"} for n, each in enumerate(all_)])


def collection_of(documents: list[Row]) -> Collection:
    return Collection.of(((document, "somebody") for document in documents), ORDER)


def by_index(kind: Filter, collection: Collection, value: Any) -> list[Row]:
    found = select((kind,), collection, Scope("t"), {kind.parameter: value})
    return [collection.document(rank) for rank in found]


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=examples(100))
@given(chance=st.data())
def test_predicate_and_index_say_what_the_comprehension_says(name: str, chance: st.DataObject) -> None:
    """Every filter kind keeps exactly the documents of a one-line comprehension, by predicate and by index."""
    kind, field, asked, means = KINDS[name]
    documents = chance.draw(documents_of(field))
    value = chance.draw(asked)
    expected = [each for each in documents if means(each, value)]
    assert [each for each in documents if kind.predicate(value)(each)] == expected
    collection = collection_of(documents)
    assert by_index(kind, collection, value) == sorted(expected, key=ORDER)
    rows = kind.rows(collection, value)
    loose = [collection.document(rank) for rank in rows.rows]
    assert all(each in loose for each in expected), "the index lost a document"
    assert not rows.exact or len(loose) == len(expected), "the index claims to be exact and is not"


@settings(max_examples=examples(60))
@given(chance=st.data())
def test_conjunctions_keep_what_every_filter_keeps(chance: st.DataObject) -> None:
    """Several filters together, some of them not given, keep the documents that each given one keeps."""
    one = st.fixed_dictionaries(
        {"created": st.integers(0, 3).map(created), "labels": st.lists(words, max_size=3), "metadata": objects},
        optional={"state": words, "tags": st.dictionaries(words, words, max_size=3)},
    )
    documents = [{**each, "id": f"id-{n:02d}"} for n, each in enumerate(chance.draw(st.lists(one, max_size=12)))]
    filters: tuple[Filter, ...] = (
        AnyOf("state", field="state"),
        AllOf("labels", field="labels"),
        Containing("metadata", field="metadata"),
        Pairs("tags", field="tags"),
    )
    asked = {
        "state": chance.draw(st.none() | st.lists(words, min_size=1, max_size=4).map(tuple)),
        "labels": chance.draw(st.none() | st.lists(words, min_size=1, max_size=2).map(tuple)),
        "metadata": chance.draw(st.none() | objects),
        "tags": chance.draw(st.none() | st.tuples(st.tuples(words, words))),
    }
    expected = [
        each
        for each in sorted(documents, key=ORDER)
        if all(asked[f.parameter] is None or f.predicate(asked[f.parameter])(each) for f in filters)
    ]
    collection = collection_of(documents)
    found = select(filters, collection, Scope("t"), asked)
    assert [collection.document(rank) for rank in found] == expected


@pytest.mark.parametrize("read_between", [False, True], ids=["index", "bodies"])
@settings(max_examples=examples(50))
@given(chance=st.data())
def test_index_and_bodies_follow_every_change(read_between: bool, chance: st.DataObject) -> None:
    """However documents are added, changed, removed and replaced, index, order and bodies are those of the result."""
    kind = Equal("p", field="f")
    first = chance.draw(documents_of(words))
    collection, expected = collection_of(first), {each["id"]: each for each in first}
    numbers = iter(range(100, 200))
    for step in chance.draw(st.lists(st.sampled_from(["add", "change", "remove", "replace"]), max_size=6)):
        for rank in collection.everything if read_between else ():
            collection.body(rank)  # As a listing would, between two changes.
        ranks = list(collection.everything)
        document: Row = {
            "id": f"id-{next(numbers)}",
            "f": chance.draw(words),
            "created": created(chance.draw(st.integers(0, 9))),
        }
        if step == "add":
            collection.add(document, "somebody")
            expected[document["id"]] = document
        elif step == "replace":
            fill(collection, [(document, "somebody")])
            expected = {document["id"]: document}
        elif ranks:
            rank = chance.draw(st.sampled_from(ranks))
            old = collection.document(rank)
            if step == "change":
                changed = {**old, "f": document["f"]}
                collection.change({rank: changed})
                expected[old["id"]] = changed
            else:
                collection.remove(collection.everything & type(collection.everything)([rank]))
                del expected[old["id"]]
    in_order = sorted(expected.values(), key=ORDER)
    assert list(collection.documents()) == in_order
    assert [json.loads(collection.body(rank)) for rank in collection.everything] == in_order
    for word in WORDS:
        assert by_index(kind, collection, word) == [each for each in in_order if each.get("f") == word]


# The same on seeded worlds.


@cache
def world(seed: int, size: int) -> App:
    return app_of(seed=seed, size=size)


def candidates(kind: Filter, documents: list[Row]) -> list[Any]:
    """Values worth asking for: those that occur, combinations of them, and some that do not occur."""
    found = [each.get(kind.field) for each in documents]
    chance = random.Random(0)
    if isinstance(kind, Excluding):
        return [True, False]
    if isinstance(kind, AnyOf):
        known = sorted({str(each) for each in found})
        return [pair for count in (1, 2) for pair in combinations([*known, "nobody"], count)]
    if isinstance(kind, AllOf):
        lists = [tuple(each) for each in found if each]
        return [*{each[:count] for each in lists for count in (1, 2, 3)}, ("nobody",), ("prod", "nobody")][:80]
    if isinstance(kind, Pairs):
        pairs = [tuple(each.items()) for each in found if each]
        return [*{each[-count:] for each in pairs for count in (1, 2)}, (("env", "nobody"),)][:80]
    if isinstance(kind, Containing):
        kept = [each for each in found if isinstance(each, dict)]
        picked = chance.sample(kept, min(40, len(kept)))
        partial = [{name: inner} for each in picked for name, inner in each.items()]
        return [{}, {"env": "nobody"}, {"steps": [{"ok": True}]}, {"matrix": [[2]]}, {"run": 2.0}, *picked, *partial]
    return [*sorted({each for each in found if each is not None}), "nobody"]


@pytest.mark.parametrize(("seed", "size"), [(0, 0), (0, 1), (3, 2), (0, 40), (11, 40), (5, 300), (0, 1_000)])
@pytest.mark.parametrize("slug", SLUGS)
def test_index_is_the_predicate_on_seeded_worlds(slug: str, seed: int, size: int) -> None:
    """In every tenant of a seeded world, index and predicate keep the same documents for every value worth asking."""
    app = world(seed, size)
    for collection in tenants(app, slug).values():
        documents = {rank: collection.document(rank) for rank in collection.everything}
        for route in service(app, slug).routes:
            for kind in filters_of(route.meaning):
                for value in candidates(kind, list(documents.values())):
                    holds = kind.predicate(value)
                    found = select((kind,), collection, Scope("t"), {kind.parameter: value})
                    assert list(found) == [rank for rank, each in documents.items() if holds(each)], value


@pytest.mark.parametrize(("seed", "size"), [(0, 0), (0, 2), (4, 40), (0, 1_000)])
@pytest.mark.parametrize("slug", SLUGS)
def test_conjunctions_on_seeded_worlds(slug: str, seed: int, size: int) -> None:
    """On seeded worlds too, filters given together and the owner's scope keep what each of them keeps."""
    app = world(seed, size)
    chance = random.Random(seed)
    for tenant, collection in tenants(app, slug).items():
        ranked = {rank: (collection.document(rank), collection.owner(rank)) for rank in collection.everything}
        owner_of_first = next((whose for _, whose in ranked.values()), "nobody")
        for route in service(app, slug).routes:
            filters = filters_of(route.meaning)
            few = []
            for each in filters:
                known = candidates(each, [document for document, _ in ranked.values()])
                few.append([None, *chance.sample(known, min(2, len(known)))])
            for chosen, owner in product(product(*few), (None, owner_of_first)):
                asked = dict(zip((each.parameter for each in filters), chosen, strict=True))
                tests = [each.predicate(asked[each.parameter]) for each in filters if asked[each.parameter] is not None]
                expected = [
                    rank
                    for rank, (document, whose) in ranked.items()
                    if (owner is None or whose == owner) and all(holds(document) for holds in tests)
                ]
                found = select(filters, collection, Scope(tenant, owner), asked)
                assert list(found) == expected, (asked, owner)


# Containment against the real thing.

EDGES = [
    ("{}", "{}"),
    ("{}", "[]"),
    ("[]", "{}"),
    ("[]", "[]"),
    ("[1]", "1"),
    ("1", "1"),
    ("1", "[1]"),
    ("[[1]]", "1"),
    ("[[1]]", "[1]"),
    ('{"a": [1]}', '{"a": 1}'),
    ('{"a": 1}', '{"a": 1.0}'),
    ('{"a": 100}', '{"a": 1e2}'),
    ('{"a": 0}', '{"a": -0.0}'),
    ('{"a": 1}', '{"a": true}'),
    ('{"a": 1}', '{"a": "1"}'),
    ('{"a": null}', '{"a": null}'),
    ('{"a": null}', '{"b": null}'),
    ('{"a": false}', '{"a": null}'),
    ('{"a": 0.1}', '{"a": 0.10}'),
    ('{"a": 123456789012345678901234567890}', '{"a": 123456789012345678901234567890.0}'),
    ('{"a": 123456789012345678901234567890}', '{"a": 123456789012345678901234567891}'),
    ('{"a": 9007199254740993}', '{"a": 9007199254740992}'),
    ('{"a": [1, 1]}', '{"a": [1, 1, 1]}'),
    ('{"a": [{"b": 1}, {"c": 2}]}', '{"a": [{"b": 1, "c": 2}]}'),
    ('{"a": [{"b": 1, "c": 2}]}', '{"a": [{"b": 1}, {"c": 2}]}'),
    ('{"a": [[1], [2]]}', '{"a": [[1, 2]]}'),
    ('{"a": [[1, 2]]}', '{"a": [[2], [1]]}'),
    ('{"a": {}}', '{"a": {}}'),
    ('{"a": []}', '{"a": {}}'),
    ('{"a": {"b": {}}}', '{"a": {}}'),
    ('{"a": [{}]}', '{"a": [[]]}'),
    ('{"a": "é"}', '{"a": "e\\u0301"}'),
    ('{"": ""}', '{"": ""}'),
]


def generated_pairs(count: int) -> Iterator[tuple[str, str]]:
    """Documents, and queries that are often a part of them."""
    chance = random.Random(20_260_118)
    leaves: list[Any] = [*(None, True, False, 0, 1, -1, 1.0, 1.5, 0.1, 100, 1e2, 2**53, 2**53 + 1, 10**20, 10**30)]
    leaves += [*("", "1", "true", "null", "a", "b", "é", "日本", "\\", '"', "\n\t", "a\x01b", "\U0001f600")]

    def value(depth: int) -> Any:
        kind = chance.randrange(6) if depth else 5
        if kind in (0, 1):
            return [value(depth - 1) for _ in range(chance.randrange(4))]
        if kind in (2, 3):
            return {chance.choice("abc"): value(depth - 1) for _ in range(chance.randrange(4))}
        return chance.choice(leaves)

    def part(whole: Any) -> Any:
        if chance.random() < 0.08:
            return value(1)
        if isinstance(whole, dict):
            return {name: part(inner) for name, inner in whole.items() if chance.random() < 0.7}
        if isinstance(whole, list):
            kept = [part(each) for each in whole if chance.random() < 0.7]
            chance.shuffle(kept)
            return kept + kept[:1] * chance.randrange(2)
        if isinstance(whole, int | float) and not isinstance(whole, bool) and chance.random() < 0.2:
            return chance.choice([float(whole), str(whole), bool(whole)])
        return whole

    for _ in range(count):
        document = value(4)
        yield json.dumps(document), json.dumps(part(document) if chance.random() < 0.9 else value(3))


@pytest.mark.slow
def test_containment_is_that_of_postgresql(postgresql: PostgreSQL) -> None:
    """`contains` answers every (document, query) pair as PostgreSQL's `@>` on jsonb does."""
    pairs = [*EDGES, *generated_pairs(5_000)]
    lines = "".join(f"{n}\t{document}\t{query}\n".replace("\\", "\\\\") for n, (document, query) in enumerate(pairs))
    answer = postgresql.sql(
        "create temp table pairs (n int, document jsonb, query jsonb);\n"
        f"copy pairs from stdin;\n{lines}\\.\n"
        "select string_agg(case when document @> query then 't' else 'f' end, '' order by n) from pairs;\n"
    ).strip()
    assert len(answer) == len(pairs)
    assert 1_000 < answer.count("t") < 4_500, "the pairs are not worth asking"
    # Documents are stored with binary floating-point numbers, queries are read with exact ones.
    ours = ["t" if contains(json.loads(document), read_json(query)) else "f" for document, query in pairs]
    wrong = [(pair, theirs) for pair, mine, theirs in zip(pairs, ours, answer, strict=True) if mine != theirs]
    assert not wrong, f"{len(wrong)} pairs differ, such as {wrong[:3]}"


def test_queries_are_read_with_exact_numbers() -> None:
    """A number in a query keeps every digit, as in PostgreSQL's numeric."""
    assert read_json('{"a": 0.1000000000000000055}') == {"a": Decimal("0.1000000000000000055")}
    assert not contains({"a": 0.1}, read_json('{"a": 0.1000000000000000055}'))
