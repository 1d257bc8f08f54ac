"""Pages: together they are the whole, each once and in order, and a cursor can be neither forged nor moved."""

from __future__ import annotations

import base64
import re
import string
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.support.admin import admin, done
from tests.support.asgi import FACETS, Reply, Row, app_of, get, ids, main_tenant, rows

ID_BYTES = 36
ALPHABET = string.ascii_letters + string.digits + "-_"


@pytest.fixture(scope="module")
def app() -> Any:
    return app_of()


# Numbered pages, and windows.


@pytest.mark.parametrize(
    "query", ["", "&status=TERMINATED", "&labels=prod&labels=gpu", "&is_active=true", "&labels=no"]
)
@pytest.mark.parametrize("size", [1, 7, 50, 499, 500, 1000])
def test_prime_pages_over_the_wire(app: Any, size: int, query: str) -> None:
    """Prime's pages agree on `total`, echo what was asked, announce a next page truly, and add up to the whole."""
    seen: list[str] = []
    total = get(app, "prime", f"per_page=1{query}").value["total"]
    last = max(1, -(-total // size))
    assert total <= 1000
    for number in range(1, min(last, 40) + 1):
        value = get(app, "prime", f"page={number}&per_page={size}{query}").value
        assert (value["total"], value["page"], value["per_page"]) == (total, number, size)
        assert value["has_next"] is (number < last)
        seen += ids("prime", value["sandboxes"])
    whole = ids("prime", rows("prime", get(app, "prime", f"per_page=1000{query}")))
    assert seen == whole[: 40 * size]
    assert len(set(whole)) == len(whole) == total


@pytest.mark.parametrize("number", [2_147_483_648, 2**64, 10**4_299], ids=["32 bits", "64 bits", "all digits"])
def test_prime_page_beyond_the_last(app: Any, number: int) -> None:
    """A page behind the last one is empty, not an error, however large its number is; the journal has it, too."""
    value = get(app, "prime", f"page={number}&per_page=1000").value
    assert (value["sandboxes"], value["page"]) == ([], number)
    assert str(done(admin(app, "GET", "/requests"))["requests"][0]["values"]["page"]) == str(number)
    assert value["has_next"] is False
    assert value["total"] > 0


def test_prime_default_page(app: Any) -> None:
    """Without parameters prime sends the first 50."""
    value = get(app, "prime").value
    assert (value["page"], value["per_page"], len(value["sandboxes"]), value["has_next"]) == (1, 50, 50, True)


@pytest.mark.parametrize(("query", "count"), [("", 100), ("limit=1", 1), ("limit=100", 100), ("limit=1000", 950)])
def test_instavm_limit_over_the_wire(app: Any, query: str, count: int) -> None:
    """InstaVM's list is the newest `limit` VMs, 100 by default."""
    whole = ids("instavm", main_tenant(app, "instavm").documents())
    assert len(whole) == 950
    assert ids("instavm", rows("instavm", get(app, "instavm", query))) == whole[:count]


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ("", 0, None),
        ("limit=1", 0, 1),
        ("limit=200", 0, 200),
        ("limit=201", 0, 200),
        ("limit=9223372036854775807", 0, 200),
        ("offset=3", 3, None),
        ("limit=5&offset=0", 0, 5),
        ("limit=5&offset=948", 948, 950),
        ("limit=5&offset=950", 950, 950),
        ("offset=9223372036854775807", 950, 950),
    ],
)
def test_superserve_window_over_the_wire(app: Any, query: str, start: int, end: int | None) -> None:
    """Superserve sends everything, or a window whose limit counts as at most 200; X-Total-Count counts all matches."""
    whole = ids("superserve", main_tenant(app, "superserve").documents())
    reply = get(app, "superserve", query)
    assert ids("superserve", rows("superserve", reply)) == whole[start:end]
    assert reply.headers["x-total-count"] == str(len(whole)) == "950"


def test_superserve_total_counts_the_matches(app: Any) -> None:
    """X-Total-Count is narrowed by filters, but not by the window."""
    matching = rows("superserve", get(app, "superserve", "metadata.env=prod"))
    reply = get(app, "superserve", "metadata.env=prod&limit=2&offset=1")
    assert reply.headers["x-total-count"] == str(len(matching))
    assert rows("superserve", reply) == matching[1:3]


# Cursors.


def walk(
    app: Any, query: str, limit: int, *, who: str = "admin", path: str = "", most: int = 10_000
) -> Iterator[Reply]:
    """The pages of a dreadnode listing, by following next_cursor."""
    reply = get(app, "dreadnode", f"{query}&limit={limit}", who=who, path=path)
    for _ in range(most):
        yield reply
        following = reply.value["next_cursor"]
        if following is None:
            return
        reply = get(app, "dreadnode", f"{query}&limit={limit}&cursor={following}", who=who, path=path)


@pytest.mark.parametrize("query", ["", "state=paused", "state=running,killed", "who=member"])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 99, 100])
def test_cursor_walk_is_the_whole(query: str, limit: int) -> None:
    """Following next_cursor visits every document once, in order, whatever the limit, across ties, under filters."""
    app = app_of(size=300)
    collection = main_tenant(app, "dreadnode")
    who = "member" if query == "who=member" else "admin"
    states = query.removeprefix("state=").split(",") if query.startswith("state") else ["running", "paused", "killed"]
    user = app.services["dreadnode"].fixture.callers[f"dreadnode-{who}-key"].user
    expected = [
        collection.document(rank)["id"]
        for rank in collection.everything
        if collection.document(rank)["state"] in states and (who == "admin" or collection.owner(rank) == user)
    ]
    seen: list[str] = []
    for reply in walk(app, query, limit, who=who):
        listed = ids("dreadnode", rows("dreadnode", reply))
        assert len(listed) == limit or reply.value["next_cursor"] is None
        seen += listed
    assert seen == expected


def test_ties_fall_on_page_boundaries() -> None:
    """The walks above do cross ties: neighbours with equal dates, ordered by id."""
    documents = list(main_tenant(app_of(size=300), "dreadnode").documents())
    ties = [(a, b) for a, b in pairwise(documents) if a["created_at"] == b["created_at"]]
    assert len(ties) > 10
    assert all(a["id"] < b["id"] for a, b in ties)


def test_default_limit_of_dreadnode(app: Any) -> None:
    """Without a limit dreadnode sends 50, and says where to go on."""
    reply = get(app, "dreadnode")
    assert len(rows("dreadnode", reply)) == 50
    assert reply.value["next_cursor"]


def refused(reply: Reply) -> bool:
    """A bad cursor is a 400 in dreadnode's words."""
    value = reply.value
    return reply.status == 400 and value["code"] == 400 and value["type"] == "invalid_error" and bool(value["detail"])


@pytest.fixture(scope="module")
def cursor(app: Any) -> str:
    return str(get(app, "dreadnode", "state=killed&limit=3").value["next_cursor"])


def with_cursor(app: Any, text: str, query: str = "state=killed&limit=3", **more: str) -> Reply:
    return get(app, "dreadnode", f"{query}&cursor={text}", **more)


def test_every_flipped_bit_is_refused(app: Any, cursor: str) -> None:
    """A cursor with any one bit changed is refused."""
    assert with_cursor(app, cursor).status == 200
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    for bit in range(len(raw) * 8):
        forged = bytearray(raw)
        forged[bit // 8] ^= 1 << bit % 8
        assert refused(with_cursor(app, base64.urlsafe_b64encode(forged).rstrip(b"=").decode())), bit


def test_every_other_character_is_refused(app: Any, cursor: str) -> None:
    """No position of a cursor has a second spelling."""
    for position in range(len(cursor)):
        for step in (1, 2, 4, 8, 16, 32):
            other = ALPHABET[(ALPHABET.index(cursor[position]) + step) % len(ALPHABET)]
            forged = cursor[:position] + other + cursor[position + 1 :]
            assert refused(with_cursor(app, forged)), forged


def test_truncated_and_extended_cursors_are_refused(app: Any, cursor: str) -> None:
    """A cursor that was cut, extended, padded, repeated or wrapped in something is refused."""
    cut = [cursor[:end] for end in range(1, len(cursor))] + [cursor[start:] for start in range(1, len(cursor))]
    longer = [cursor + each for each in (*"Aa0-_=", "==", "AA", "%20", "%0A", "%00", ".", cursor, "A" * 600)]
    odd = [
        f"%20{cursor}",
        f"%0A{cursor}",
        f"%22{cursor}%22",
        "null",
        "0",
        "1",
        "====",
        "%C3%A9",
        "%ED%A0%80",
        "A" * 9_000,
    ]
    for forged in (*cut, *longer, *odd):
        assert refused(with_cursor(app, forged)), forged


@pytest.mark.parametrize(
    "query",
    ["limit=3", "state=paused&limit=3", "state=killed,paused&limit=3", "state=killed&limit=3&project_id={project}"],
)
def test_a_cursor_is_bound_to_its_filters(app: Any, cursor: str, query: str) -> None:
    """A cursor issued for other filters is refused."""
    project = next(each["project_id"] for each in main_tenant(app, "dreadnode").documents() if each.get("project_id"))
    assert refused(with_cursor(app, cursor, query.format(project=project)))


def test_a_cursor_is_bound_to_its_org_and_world(app: Any, cursor: str) -> None:
    """A cursor of another org, or of a world with another seed, is refused."""
    assert refused(with_cursor(app, cursor, path="/api/v1/org/globex/sandboxes"))
    other = app_of(seed=1)
    assert refused(with_cursor(other, cursor))


def test_the_limit_may_change_between_pages(app: Any) -> None:
    """A cursor goes on where its page ended, however long the next page is."""
    whole = ids("dreadnode", rows("dreadnode", get(app, "dreadnode", "limit=100")))
    following = get(app, "dreadnode", "limit=7").value["next_cursor"]
    assert ids("dreadnode", rows("dreadnode", get(app, "dreadnode", f"limit=50&cursor={following}"))) == whole[7:57]


def test_the_order_of_states_does_not_matter(app: Any) -> None:
    """Lists, and cursors, of `paused,running` and of `state=running&state=paused` are the same."""
    spellings = ["state=paused,running", "state=running&state=paused", "state=running,paused,running&state="]
    pages = [get(app, "dreadnode", f"{each}&limit=5") for each in spellings]
    assert len({each.body for each in pages}) == 1
    following = pages[0].value["next_cursor"]
    assert len({get(app, "dreadnode", f"{each}&limit=5&cursor={following}").body for each in spellings}) == 1
    assert rows("dreadnode", get(app, "dreadnode", f"{spellings[2]}&limit=5&cursor={following}"))


def test_a_cursor_says_little() -> None:
    """A cursor is not text, whatever is decoded of it; it names neither org nor date, and cursors of neighbours look
    unrelated."""
    app = app_of(size=300)
    cursors = [each.value["next_cursor"] for each in walk(app, "state=", 1, most=60)]
    for text in cursors:
        assert re.fullmatch(r"[A-Za-z0-9_-]+", text)
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        assert not raw.isascii()
        # The id is random, so that anything may stand in it.
        for clear in (text.encode(), raw[:-ID_BYTES]):
            assert b"acme" not in clear
            assert b"2026" not in clear
    first = [base64.urlsafe_b64decode(each + "==")[:4] for each in cursors]
    assert len(set(first)) == len(first)


def test_facets_take_no_cursor(app: Any, cursor: str) -> None:
    """The facets declare no cursor, so one is ignored there like any unknown parameter."""
    assert get(app, "dreadnode", f"cursor={cursor}", path=FACETS).body == get(app, "dreadnode", path=FACETS).body


def test_long_pages_are_sent_in_pieces() -> None:
    """A list longer than one piece is the same JSON as a short one, and the pieces are many."""
    app = app_of(size=2_600)
    listed = rows("superserve", get(app, "superserve"))
    documents: list[Row] = list(main_tenant(app, "superserve").documents())
    assert len(listed) > 2_000
    assert listed == documents
