"""Parameters: every bad input is refused with its place, all of them at once; bounds, defaults and empty values."""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.asgi import FACETS, PATHS, Reply, app_of, get, ids, main_tenant, rows
from tests.support.soak import examples

ISSUE_NAMES = {"loc", "msg", "type"}
PYDANTIC_NAMES = {"input", "ctx"}
"""What pydantic adds to an issue: always the input, and what its message was made of where there is anything."""
Loc = tuple[str | int, ...]
SENTENCE = re.compile(r'(limit|offset|status|metadata) [^"]*(?:"([^"]*)")?')
"""What Superserve's server says: the parameter that is named first, and of a pair the key."""
SUPERSERVE_ORDER = ("metadata", "limit", "offset", "status")


@cache
def app() -> Any:
    return app_of(size=300)


def issues(slug: str, reply: Reply) -> list[Loc]:
    """Where the issues of a refusal stand, out of the provider's dialect; superserve's are read from its message."""
    value = reply.value
    if slug == "superserve":
        assert reply.status == 400, reply.body[:300]
        assert value["error"]["code"] == "bad_request"
        name, key = SENTENCE.match(value["error"]["message"]).groups()  # type: ignore[union-attr]
        return [("query", name)] if name != "metadata" else [("query", name, key or "")]
    assert reply.status == 422, reply.body[:300]
    if slug == "dreadnode":
        assert (value["code"], value["type"]) == (422, "validation_error")
    found = value["errors"] if slug == "dreadnode" else value["detail"]
    added = set() if slug == "dreadnode" else PYDANTIC_NAMES
    assert all(set(each) - added == ISSUE_NAMES and each["msg"] and each["type"] for each in found)
    assert slug == "dreadnode" or all("input" in each for each in found)
    return [tuple(each["loc"]) for each in found]


# Texts that are none of what a parameter takes; each alone is one issue of that parameter.
NO_NUMBER = [
    *("0", "-1", "x", "", "1.5", "1e1", "0x1", "٣", "３", "²", "+", "-", "null", "true", "1,2", "NaN", "Infinity"),
    *("-" + "9" * 30, "9" * 5_000),
]
TOO_LARGE = ["9" * 30, "2147483648"]
NOT_PLAIN = ["1_0", " 1", "1 ", "\n1", "1\n", "1.0"]
"""Whole numbers to pydantic, and to nobody else."""
NO_INT64 = [*(each for each in NO_NUMBER if each), *NOT_PLAIN, "9" * 30, str(2**63)]
"""Superserve has words of 64 bits, and an empty text counts as absent."""
NO_UUID = [
    *("x", "", "null", "1" * 31, "g" * 8 + "-1111-1111-1111-111111111111", "٣" * 32),
    *("11111111-1111-1111-1111-111111111111\n", "11111111-1111-1111-1111-1111111111112"),
]
NO_OBJECT = [
    *("", "x", "[]", "1", '"a"', "null", "true", "{", "{]", '{"a"}', "{'a': 1}", '{"a": 1,}', '{"a": 1} x', "\ufeff{}"),
    *('{"a": NaN}', '{"a": Infinity}', '{"a": -Infinity}', '{"a": "\\ud800"}', '{"\\udfff": 1}', '{"a": 01}'),
    *('{"a": "\\x"}', '{"a": "\n"}', '{"a": .5}', "[" * 15_000, '{"a": ' + "[" * 7_500 + "]" * 7_500 + "}"),
    *('{"a":' * 1_000 + "1" + "}" * 1_000, '{"a": "' + "x" * 20_000 + '"}', '{"a": 1e9999999999999999999999}'),
]
SINGLE: list[tuple[str, str, list[str]]] = [
    ("dreadnode", "limit", [*NO_NUMBER, *TOO_LARGE, "101", "0" * 30 + "200", "1_00_0.00"]),
    ("dreadnode", "project_id", NO_UUID),
    ("instavm", "limit", [*NO_NUMBER, *TOO_LARGE, "1001"]),
    ("instavm", "metadata", NO_OBJECT),
    ("prime", "page", NO_NUMBER),
    ("prime", "per_page", [*NO_NUMBER, *TOO_LARGE, "1001"]),
    ("prime", "status", ["running", "nobody", "", "RUNNING,PAUSED", "RUNNING ", "RUNNING\n"]),
    ("prime", "is_active", ["maybe", "", "2", "null", " true", "truely"]),
    ("superserve", "limit", NO_INT64),
    ("superserve", "offset", [each for each in NO_INT64 if each != "0"]),
]
# provider, query, where each issue stands
BAD: list[tuple[str, str, list[Any]]] = [
    *(
        (slug, f"{name}={quote(text, safe='{}[]')}", [("query", name)])
        for slug, name, texts in SINGLE
        for text in texts
    ),
    *(
        ("dreadnode", f"state={text}", [("query", "state", 0)])
        for text in ("nobody", "RUNNING", "%20running", "running%0A", "null")
    ),
    ("dreadnode", "state=running,nobody,paused,other", [("query", "state", 1), ("query", "state", 3)]),
    ("dreadnode", "state=nobody&state=paused&state=other", [("query", "state", 0), ("query", "state", 2)]),
    *(("superserve", f"status={text}", [("query", "status")]) for text in ("nobody", "active,", ",", "active&status=")),
    ("superserve", "metadata.=x", [("query", "metadata", "")]),
    ("superserve", "metadata.env=a&metadata.env=b", [("query", "metadata", "env")]),
    ("superserve", "metadata.env=a&metadata.env=a", [("query", "metadata", "env")]),
    ("superserve", f"metadata.{'k' * 257}=x", [("query", "metadata", "k" * 257)]),
    ("superserve", f"metadata.env={'v' * 2_049}", [("query", "metadata", "env")]),
    ("superserve", "metadata.superserve.x=1", [("query", "metadata", "superserve.x")]),
    # Several at once.
    (
        "dreadnode",
        "limit=0&state=x,running&project_id=y",
        [("query", "limit"), ("query", "state", 0), ("query", "project_id")],
    ),
    (
        "prime",
        "page=0&per_page=5000&status=x&is_active=z",
        [("query", "page"), ("query", "per_page"), ("query", "status"), ("query", "is_active")],
    ),
    ("instavm", "metadata=x&limit=0", [("query", "metadata"), ("query", "limit")]),
    (
        "superserve",
        "limit=0&offset=-1&status=x&metadata.a=1&metadata.a=2",
        [("query", "metadata", "a")],
    ),
    ("superserve", "status=x&offset=-1&limit=0", [("query", "limit")]),
    ("superserve", "status=x&offset=-1", [("query", "offset")]),
]


@pytest.mark.parametrize(("slug", "query", "expected"), BAD, ids=[f"{slug}-{query[:32]}" for slug, query, _ in BAD])
def test_every_issue_is_listed(slug: str, query: str, expected: list[Loc]) -> None:
    """Bad input is refused, and the refusal lists every issue with its place: no more, no less; Superserve's the first
    in its server's order."""
    found = issues(slug, get(app(), slug, query))
    assert sorted(map(repr, found)) == sorted(map(repr, expected))


def test_facets_refuse_what_the_list_refuses() -> None:
    """The facets decode their parameters as the list does, and ignore those that only the list has."""
    reply = get(app(), "dreadnode", "state=x&project_id=y&limit=0&cursor=z", path=FACETS)
    assert issues("dreadnode", reply) == [("query", "state", 0), ("query", "project_id")]


def test_the_shape_of_a_422_is_a_switch_of_prime() -> None:
    """FastAPI's `detail`, which its SDK reads; with the fixture's switch `errors`, as the provider's OpenAPI has it."""
    from fakeserver.problems import Issue, invalid
    from fakeserver.providers.prime import PROVIDER

    problem = invalid(
        [Issue(("query", "page"), "too small", "greater_than_equal"), Issue(("query", "x", 1), "no", "t")]
    )
    assert PROVIDER.switches["validation_errors"][0] == "detail"
    assert PROVIDER.errors(problem, {"validation_errors": "detail"}) == (
        422,
        {
            "detail": [
                {"loc": ["query", "page"], "msg": "too small", "type": "greater_than_equal"},
                {"loc": ["query", "x", 1], "msg": "no", "type": "t"},
            ]
        },
    )
    assert PROVIDER.errors(problem, {"validation_errors": "published"}) == (
        422,
        {"errors": [{"param": "page", "details": "too small"}, {"param": "x.1", "details": "no"}]},
    )


@pytest.mark.parametrize(
    ("slug", "query", "named"),
    [
        ("dreadnode", "limit=101", ["100"]),
        ("dreadnode", "limit=0", ["1"]),
        ("dreadnode", "state=x", ["running", "paused", "killed"]),
        ("prime", "per_page=1001", ["1000"]),
        ("prime", "status=x", ["PENDING", "TERMINATED"]),
        ("superserve", "status=x", ["active", "paused", "resuming"]),
    ],
)
def test_a_refusal_names_what_would_be_right(slug: str, query: str, named: list[str]) -> None:
    """The message of a refusal names the bound or the values that are allowed."""
    assert all(each in get(app(), slug, query).body.decode() for each in named)


@pytest.mark.parametrize("text", ["%00secret%ED%A0%80", "<script>alert(1)</script>", "\\ud800secret"])
def test_raw_input_is_not_echoed(text: str) -> None:
    """Where no framework does so, a refusal does not repeat what was sent: it may hold what no answer can carry."""
    for slug, name in (("dreadnode", "limit"), ("dreadnode", "state"), ("superserve", "status")):
        body = get(app(), slug, f"{name}={quote(text, safe='%')}").body
        assert b"secret" not in body
        assert b"script" not in body


@pytest.mark.parametrize(
    "query",
    [
        *(
            "limit=1",
            "limit=100",
            "limit=%2B5",
            "limit=05",
            "state=running",
            "state=running,paused,killed",
            "cursor_=x",
        ),
        *(
            "state=",
            "state=,",
            "state=,,&state=",
            "state=running,,paused",
            "project_id=4D2F0C8E-6A57-4F0B-9A35-1F3F6E0F7C55",
        ),
    ],
)
def test_good_dreadnode_input(query: str) -> None:
    """Bounds are inclusive; an empty state filters nothing; a UUID may be in upper case."""
    assert get(app(), "dreadnode", query).status == 200


def same(slug: str, one: str, other: str) -> bool:
    """Two queries list the same documents."""
    return rows(slug, get(app(), slug, one)) == rows(slug, get(app(), slug, other))


@pytest.mark.parametrize(
    ("slug", "one", "other"),
    [
        # Defaults.
        ("dreadnode", "", "limit=50"),
        ("instavm", "", "limit=100"),
        ("prime", "", "page=1&per_page=50"),
        ("superserve", "", "offset=0"),
        # Empty values.
        ("dreadnode", "state=", ""),
        ("dreadnode", "state=,", ""),
        ("dreadnode", "state", ""),
        ("dreadnode", "state=&state=running", "state=running"),
        ("prime", "team_id=", ""),
        ("prime", "user_id=", ""),
        ("superserve", "status=", ""),
        ("superserve", "limit=", ""),
        ("superserve", "offset=&limit=", ""),
        ("instavm", "metadata={}", ""),
        # Duplicates: lists add up, and of a single value the last one counts.
        ("dreadnode", "state=running&state=running", "state=running"),
        ("dreadnode", "state=running,running", "state=running"),
        ("dreadnode", "state=running,paused&state=killed", ""),
        ("dreadnode", "state=paused&state=running", "state=running,paused"),
        ("dreadnode", "limit=5&limit=7", "limit=7"),
        ("dreadnode", "limit=x&limit=7", "limit=7"),
        ("prime", "labels=prod&labels=prod", "labels=prod"),
        ("prime", "labels=gpu&labels=prod", "labels=prod&labels=gpu"),
        ("prime", "status=PAUSED&status=ERROR", "status=ERROR"),
        ("instavm", 'metadata={"env":"dev"}&metadata={"env":"prod"}', 'metadata={"env":"prod"}'),
        ("superserve", "status=paused,active&status=resuming", ""),
        # Superserve takes the first, whatever the others are.
        ("superserve", "limit=5&limit=7", "limit=5"),
        ("superserve", "limit=5&limit=x&limit=", "limit=5"),
        ("superserve", "limit=&limit=5", ""),
        ("superserve", "limit=5&offset=3&offset=1", "limit=5&offset=3"),
        # Spellings.
        ("prime", "is_active=1", "is_active=true"),
        ("prime", "is_active=True", "is_active=true"),
        ("prime", "is_active=off", "is_active=false"),
        ("prime", "is_active=false", ""),
        ("instavm", 'metadata={"run":2.0}', 'metadata={"run":2}'),
        ("instavm", 'metadata={"run":20e-1}', 'metadata={"run":2}'),
        ("instavm", 'metadata=%20{"env":%20"prod"}%20', 'metadata={"env":"prod"}'),
        ("instavm", 'metadata={"env":"dev","env":"prod"}', 'metadata={"env":"prod"}'),
        ("superserve", "metadata%2Eenv=prod", "metadata.env=prod"),
        ("superserve", "metadata.env=prod&metadata.owner=agent-7", "metadata.owner=agent-7&metadata.env=prod"),
        # Unknown parameters are ignored, and so is what resembles a pair.
        ("dreadnode", "nobody=1&State=x&LIMIT=0", ""),
        ("prime", "perPage=0&label=x", ""),
        ("superserve", "metadata=x&metadataenv=x&metadata%5Benv%5D=x&Metadata.env=x", ""),
    ],
)
def test_two_ways_to_say_the_same(slug: str, one: str, other: str) -> None:
    """Defaults, empty values, duplicates, spellings and unknown parameters mean what the design says they mean."""
    assert rows(slug, get(app(), slug, one))
    assert same(slug, one, other)


@pytest.mark.parametrize(("query", "kept"), [("labels=", []), ("labels=prod,gpu", []), ("labels=a,b", ["a,b"])])
def test_labels_are_not_split_on_commas(query: str, kept: list[str]) -> None:
    """A comma belongs to the label, and an empty label is one that no sandbox has."""
    app_ = app_of(size=1_000)
    listed = rows("prime", get(app_, "prime", f"per_page=1000&{query}"))
    expected = [each["id"] for each in main_tenant(app_, "prime").documents() if query[7:] in each.get("labels", [])]
    assert ids("prime", listed) == expected
    assert bool(listed) is bool(kept)


def test_an_empty_metadata_value_is_a_value() -> None:
    """`metadata.env=` asks for the sandboxes whose env is the empty text."""
    app_ = app_of(size=1_000)
    listed = rows("superserve", get(app_, "superserve", "metadata.env="))
    assert listed
    assert all(each["metadata"]["env"] == "" for each in listed)


def test_an_empty_cursor_is_refused() -> None:
    """An empty cursor is none that was handed out."""
    assert get(app(), "dreadnode", "cursor=").status == 400


@pytest.mark.parametrize(
    ("slug", "name", "least", "most", "status"),
    [
        ("dreadnode", "limit", 1, 100, 422),
        ("instavm", "limit", 1, 1_000, 422),
        ("prime", "per_page", 1, 1_000, 422),
        ("superserve", "limit", 1, 2**63 - 1, 400),
        ("superserve", "offset", 0, 2**63 - 1, 400),
    ],
)
def test_bounds_are_exact(slug: str, name: str, least: int, most: int, status: int) -> None:
    """The least and the most that a page allows are served, one less and one more are refused."""
    for number, expected in ((least - 1, status), (least, 200), (most, 200), (most + 1, status)):
        assert get(app(), slug, f"{name}={number}").status == expected, number


@pytest.mark.parametrize("count", [64, 65])
def test_pairs_are_limited_in_number(count: int) -> None:
    """Superserve takes 64 pairs and refuses 65."""
    query = "&".join(f"metadata.k{number}=v" for number in range(count))
    assert get(app(), "superserve", query).status == (200 if count == 64 else 400)


@settings(max_examples=examples(150))
@given(
    slug=st.sampled_from(["dreadnode", "instavm", "prime", "superserve"]),
    fields=st.lists(
        st.tuples(
            st.sampled_from("limit state project_id page per_page status is_active metadata offset".split()),
            st.sampled_from(["0", "1", "x", "", "running", "RUNNING", "true", "{}", "active", "{"]),
        ),
        max_size=6,
    ),
)  # fmt: skip
def test_a_request_has_the_issues_of_its_parts(slug: str, fields: list[tuple[str, str]]) -> None:
    """Parameters are judged one by one: a request is refused for exactly what each parameter alone is refused for;
    Superserve names the first of them in its server's order."""
    last = dict(fields)

    def found(pairs: list[tuple[str, str]]) -> list[Loc]:
        reply = get(app(), slug, "&".join(f"{name}={quote(text)}" for name, text in pairs))
        return [] if reply.status == 200 else issues(slug, reply)

    alone = [each for name, text in last.items() for each in found([(name, text)])]
    if slug == "superserve":
        alone = sorted(alone, key=lambda loc: SUPERSERVE_ORDER.index(str(loc[1])))[:1]
    assert sorted(map(repr, found(list(last.items())))) == sorted(map(repr, alone))


def test_path_parameters_are_decoded_once() -> None:
    """`%2561cme` is the org `%61cme`, which does not exist, while `%61cme` is acme."""
    assert get(app(), "dreadnode", path="/api/v1/org/%61cme/sandboxes").status == 200
    assert get(app(), "dreadnode", path="/api/v1/org/%2561cme/sandboxes").status == 404
    assert get(app(), "dreadnode", path=PATHS["dreadnode"]).status == 200
