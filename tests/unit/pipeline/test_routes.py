"""Reading a request's texts: what is cached, and what tells two questions apart."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakeserver.pipeline.routes import LONGEST_READING, Route
from fakeserver.problems import Problem
from tests.support.asgi import services


def route(slug: str, operation: str = "") -> Route:
    found = services()[slug].routes
    return next(each for each in found if operation in each.operation.id)


def question(slug: str, query: str, **segments: str) -> bytes:
    return route(slug).read(segments, query.encode()).question


def test_a_text_is_read_once() -> None:
    """The same text gives the same values without reading them again; a long one is read but not kept."""
    one = route("prime")
    assert one.read({}, b"status=RUNNING") is one.read({}, b"status=RUNNING")
    long = b"labels=" + b"a" * LONGEST_READING
    assert one.read({}, long) == one.read({}, long)
    assert one.read({}, long) is not one.read({}, long)


FIELDS = {
    "dreadnode": ("state=paused", "state=killed,paused", "limit=2", "limit=02", "limit=x", "cursor=a", "cursor="),
    "instavm": ("metadata={}", 'metadata={"a":1}', "metadata={", "limit=1", "limit=0", "limit=%31"),
    "prime": ("status=RUNNING", "labels=a", "labels=b", "is_active=1", "page=1", "page=2", "page=0", "per_page=+7"),
    "superserve": (
        "metadata.a=1",
        "metadata.=1",
        "status=active",
        "limit=",
        "limit=3",
        "offset=4",
        "sort=name",
        "order=x",
    ),
}


def outcome(read: Any) -> Any:
    try:
        asked = read()
    except Problem as problem:
        return problem.kind, [(each.loc, each.msg, each.type) for each in problem.issues]
    return [*asked.values.items()], asked.question, asked.query


@given(st.data())
def test_a_query_read_by_its_parts_is_the_query_read_as_one(data: st.DataObject) -> None:
    """In any order, with fields that come twice, are empty, unknown or wrong: the same values, question and issues."""
    slug = data.draw(st.sampled_from([*FIELDS]))
    fields = st.sampled_from([*FIELDS[slug], "", "other=1", "page", "a%26b=1"])
    query = "&".join(data.draw(st.lists(fields, max_size=6))).encode()
    one, segments = route(slug), {"org": "acme"} if slug == "dreadnode" else {}
    for _ in range(2):
        assert outcome(lambda: one.read(segments, query)) == outcome(lambda: one._read((*segments.items(),), query))


def test_a_refusal_is_given_every_time() -> None:
    for _ in range(2):
        with pytest.raises(Problem) as refusal:
            route("prime").read({}, b"page=0&per_page=x")
        assert [each.field for each in refusal.value.issues] == ["page", "per_page"]


def test_the_path_is_part_of_the_text() -> None:
    one = route("dreadnode")
    assert [one.read({"org": org}, b"").values["org"] for org in ("acme", "globex")] == ["acme", "globex"]


@pytest.mark.parametrize(
    "values",
    [("1", "1.0", "true", '"1"'), ("0", "-0.0", "false", "null"), ("[1]", '["1"]', "[true]", "[]")],
)
def test_what_json_tells_apart_is_another_question(values: tuple[str, ...]) -> None:
    """Python takes 1, 1.0 and True for one key; an index that remembers answers must not."""
    texts = [quote(f'{{"a": {each}}}') for each in values]
    assert len({question("instavm", f"metadata={text}") for text in texts}) == len(values)


@pytest.mark.parametrize(
    ("slug", "queries", "segments"),
    [
        ("prime", ("labels=a&labels=b", "labels=b&labels=a", "labels=a&labels=b&labels=a&page=2"), {}),
        ("dreadnode", ("state=paused&state=killed", "state=killed,paused"), {"org": "acme"}),
        ("superserve", ("metadata.a=1&metadata.b=2", "metadata.b=2&metadata.a=1&limit=3"), {}),
    ],
)
def test_the_order_of_a_filters_values_does_not_matter(
    slug: str, queries: tuple[str, ...], segments: dict[str, str]
) -> None:
    assert len({question(slug, query, **segments) for query in queries}) == 1


def test_operations_have_questions_of_their_own() -> None:
    """A listing and its facets take the same filters, and are asked different things."""
    segments: dict[str, Any] = {"org": "acme"}
    asked = {route("dreadnode", each).read(segments, b"state=paused").question for each in ("list", "Facets")}
    assert len(asked) == 2
