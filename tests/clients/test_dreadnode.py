"""`dreadnode` from PyPI lists against the live fake, where it is installed: it brings about a gigabyte with it."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.asgi import Row
from tests.support.server import Live

KEY = "dreadnode-admin-key"
STATES = ("running", "paused", "killed")
FACETS = "/org/acme/sandboxes/facets"

with warnings.catch_warnings():
    # The SDK's many dependencies warn about each other while they are imported, which says nothing about the fake.
    warnings.simplefilter("ignore")
    pytest.importorskip(
        "dreadnode", reason="dreadnode is not installed; it is about a gigabyte, so `make test` leaves it out"
    )
    from dreadnode.app.api.client import ApiClient, AuthenticationError, ConflictError, NotFoundError
    from dreadnode.core.exceptions import InsufficientCreditsError


@contextmanager
def client_of(base_url: str, key: str | None = KEY, **options: Any) -> Iterator[ApiClient]:
    """A client with this key, whose connections are closed at the end."""
    client = ApiClient(base_url, api_key=key, **options)
    try:
        yield client
    finally:
        client._client.close()


@pytest.fixture
def base_url(live: Live) -> str:
    return live.base_url("dreadnode")


@pytest.fixture
def client(base_url: str) -> Iterator[ApiClient]:
    """A client with the admin's key."""
    with client_of(base_url) as made:
        yield made


def walk(client: ApiClient, **filters: Any) -> list[Row]:
    """Every page behind the filters, by the SDK's own call."""
    found: list[Row] = []
    cursor = None
    while True:
        page = client.list_sandboxes("acme", cursor=cursor, **filters)
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def test_default_listing_is_the_newest_page(live: Live, client: ApiClient) -> None:
    """Without arguments the SDK gets the newest fifty sandboxes and a cursor."""
    page = client.list_sandboxes("acme")
    assert page["items"] == live.rows("dreadnode")[:50]
    assert page["next_cursor"]


@pytest.mark.parametrize("limit", [7, 50, 100])
def test_walking_the_pages(live: Live, client: ApiClient, limit: int) -> None:
    """A loop on `next_cursor` sees every sandbox once, in order."""
    assert walk(client, limit=limit) == live.rows("dreadnode")


@pytest.mark.parametrize(
    "state",
    [*STATES, ["running"], ["running", "paused"], ["killed", "running", "killed"], "running,paused,killed"],
    ids=str,
)
def test_state(live: Live, client: ApiClient, state: str | list[str]) -> None:
    """One state, a list that the SDK joins with commas, or the joined text lets through exactly those rows."""
    wanted = set(state.split(",") if isinstance(state, str) else state)
    expected = [row for row in live.rows("dreadnode") if row["state"] in wanted]
    assert expected
    assert walk(client, state=state, limit=100) == expected


def test_project(live: Live, client: ApiClient) -> None:
    """`project_id` lets through exactly the project's rows, and narrows together with the state."""
    rows = live.rows("dreadnode")
    for project, _ in Counter(row["project_id"] for row in rows if row.get("project_id")).most_common(5):
        expected = [row for row in rows if row.get("project_id") == project]
        assert walk(client, project_id=project, limit=100) == expected
        running = [row for row in expected if row["state"] == "running"]
        assert walk(client, project_id=project, state="running", limit=100) == running
    nobody = "00000000-0000-4000-8000-000000000000"
    assert client.list_sandboxes("acme", project_id=nobody) == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("state", [None, "running", "paused,killed"])
def test_facets(live: Live, client: ApiClient, state: str | None) -> None:
    """The facets, for which the SDK has no call of its own, count the rows that the same filters let through."""
    body = client.request("GET", FACETS, params={"state": state} if state else None).json()
    wanted = set(state.split(",")) if state else set(STATES)
    rows = [row for row in live.rows("dreadnode") if row["state"] in wanted]
    states = Counter(row["state"] for row in rows)
    assert {each["value"]: each["count"] for each in body["states"]} == states
    projects = Counter(row["project_id"] for row in rows if row.get("project_id"))
    assert {each["project_id"]: each["count"] for each in body["projects"]} == projects
    counts = [each["count"] for each in body["projects"]]
    assert counts == sorted(counts, reverse=True)


def test_members_see_their_own(live: Live, base_url: str, client: ApiClient) -> None:
    """A member's listing is a part of the admin's, and each org lists its own."""
    with client_of(base_url, "dreadnode-member-key") as member:
        own = [row["id"] for row in walk(member, limit=100)]
    everything = [row["id"] for row in live.rows("dreadnode")]
    assert own == [each for each in everything if each in set(own)]
    assert 0 < len(own) < len(everything)
    globex = client.list_sandboxes("globex")["items"]
    assert {row["id"] for row in globex}.isdisjoint(everything)


@pytest.mark.parametrize("ending", ["/", "/api/v1", "/api/v1/"])
def test_base_url_endings(live: Live, base_url: str, ending: str) -> None:
    """The spellings of the base URL that lead to the documented paths reach the fake."""
    with client_of(base_url + ending) as made:
        assert made.list_sandboxes("acme", limit=1)["items"] == live.rows("dreadnode")[:1]


@pytest.mark.parametrize("key", [None, "dreadnode-nobody-key", f"{KEY}+code=401"])
def test_unauthenticated(base_url: str, key: str | None) -> None:
    """A missing or unknown key, or one that asks for a 401, is an AuthenticationError."""
    with client_of(base_url, key) as refused, pytest.raises(AuthenticationError, match="401: "):
        refused.list_sandboxes("acme")


def test_unknown_org(client: ApiClient) -> None:
    """An org that does not exist is a NotFoundError."""
    with pytest.raises(NotFoundError, match="404: "):
        client.list_sandboxes("nowhere")


def test_foreign_org(base_url: str) -> None:
    """An org that the caller is not a member of is a 403, which is a RuntimeError."""
    with client_of(base_url, "dreadnode-outsider-key") as outsider, pytest.raises(RuntimeError, match="403: "):
        outsider.list_sandboxes("acme")


def test_conflict(base_url: str) -> None:
    """A 409 is a ConflictError."""
    with client_of(base_url, f"{KEY}+code=409") as refused, pytest.raises(ConflictError, match="409: "):
        refused.list_sandboxes("acme")


def test_out_of_credits(base_url: str) -> None:
    """The 429 of a spent usage limit speaks of credits, which the SDK turns into InsufficientCreditsError."""
    key = f"{KEY}+code=429,example=usage_limit_exceeded_error"
    with client_of(base_url, key) as refused, pytest.raises(InsufficientCreditsError, match="credit"):
        refused.list_sandboxes("acme")


def test_rate_limited(base_url: str) -> None:
    """A 429 that is not about credits is a RuntimeError."""
    key = f"{KEY}+code=429,example=e2b_rate_limit_error"
    with client_of(base_url, key) as refused, pytest.raises(RuntimeError, match="429: "):
        refused.list_sandboxes("acme")


@pytest.mark.parametrize("code", [400, 403, 422, 426, 500, 502, 504])
def test_other_refusals(base_url: str, code: int) -> None:
    """Every other refusal is a RuntimeError that names the code."""
    with client_of(base_url, f"{KEY}+code={code}") as refused, pytest.raises(RuntimeError, match=f"{code}: ") as caught:
        refused.list_sandboxes("acme")
    assert type(caught.value) is RuntimeError


@pytest.mark.parametrize(
    "arguments",
    [{"state": "stopped"}, {"project_id": "nope"}, {"limit": 0}, {"limit": 101}],
    ids=str,
)
def test_bad_input(client: ApiClient, arguments: Row) -> None:
    """Bad arguments are a 422, which is a RuntimeError."""
    with pytest.raises(RuntimeError, match="422: "):
        client.list_sandboxes("acme", **arguments)


def test_foreign_cursor(client: ApiClient) -> None:
    """A cursor that was never handed out, or for other filters, is a 400."""
    cursor = client.list_sandboxes("acme", limit=1)["next_cursor"]
    for arguments in ({"cursor": "bm90IG91cnM"}, {"cursor": cursor, "state": "killed"}):
        with pytest.raises(RuntimeError, match="400: "):
            client.list_sandboxes("acme", **arguments)
