"""`instavm` from PyPI lists against the live fake.

Its constructor starts a session, which is a sandbox in the list; every client here is therefore made with
`auto_start_session=False`, the SDK's own switch for management calls. `test_instavm_life.py` has the others.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import instavm
import pytest
from instavm import (
    AuthenticationError,
    ForbiddenError,
    InstaVM,
    NetworkError,
    RateLimitError,
    SessionError,
    UnsupportedOperationError,
    sandbox_client,
)

from tests.support.asgi import Row
from tests.support.server import Live

KEY = "instavm-admin-key"
DEFAULT_LIMIT = 100
OF_OTHER_OPERATIONS = {
    "BrowserError",
    "BrowserInteractionError",
    "BrowserNavigationError",
    "BrowserSessionError",
    "BrowserTimeoutError",
    "CustomDomainError",
    "ElementNotFoundError",
    "ExecutionError",
    "QuotaExceededError",
    "WebhookVerificationError",
}
"""Raised by operations that the reference page does not document, or by none."""


@contextmanager
def client_of(base_url: str, key: str | None = KEY, **options: Any) -> Iterator[InstaVM]:
    """A client with this key, whose connections are closed at the end."""
    client = InstaVM(key, base_url=base_url, auto_start_session=False, **options)
    try:
        yield client
    finally:
        client.session.close()


@pytest.fixture
def base_url(live: Live) -> str:
    return live.base_url("instavm")


@pytest.fixture
def client(base_url: str) -> Iterator[InstaVM]:
    """A client with the admin's key."""
    with client_of(base_url) as made:
        yield made


@pytest.fixture
def delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the SDK would have slept between its attempts."""
    slept: list[float] = []
    monkeypatch.setattr(sandbox_client, "time", SimpleNamespace(sleep=slept.append))
    return slept


def holds(stored: Any, wanted: Any) -> bool:
    """PostgreSQL's `@>` for JSON: objects by key, arrays as sets, scalars by value and type."""
    if isinstance(wanted, dict):
        return isinstance(stored, dict) and all(key in stored and holds(stored[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return isinstance(stored, list) and all(any(holds(each, part) for each in stored) for part in wanted)
    return isinstance(stored, bool) is isinstance(wanted, bool) and bool(stored == wanted)


def test_default_listing_is_the_newest_hundred(live: Live, client: InstaVM) -> None:
    """Without arguments the SDK gets the newest hundred rows, as they are."""
    rows = live.rows("instavm")
    assert len(rows) > DEFAULT_LIMIT
    assert client.list_sandboxes() == rows[:DEFAULT_LIMIT]


@pytest.mark.parametrize("limit", [1, 7, 1_000])
def test_limit(live: Live, client: InstaVM, limit: int) -> None:
    """`limit` is how many of the newest rows come."""
    assert client.list_sandboxes(limit=limit) == live.rows("instavm")[:limit]


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"env": "prod"},
        {"userId": "123", "env": "dev"},
        {"run": 1},
        {"run": 1.0},
        {"run": "2"},
        {"attempt": 1.5},
        {"debug": True},
        {"parent": None},
        {"tags": ["nightly"]},
        {"tags": ["nightly", "smoke", "nightly"]},
        {"matrix": [[2]]},
        {"steps": [{"ok": False}]},
        {"agent": {"version": 3}},
        {"agent": {"version": "3"}},
        {"agent": {}, "debug": False},
        {"note": "50% off & more = fun"},
        {"key with spaces": "a,b", "größe": "klein", "100%": "x&y=z"},
    ],
    ids=lambda metadata: json.dumps(metadata, ensure_ascii=False),
)
def test_metadata(live: Live, client: InstaVM, metadata: Row) -> None:
    """`metadata` lets through exactly the rows that contain it, nested and typed as JSON is."""
    expected = [row for row in live.rows("instavm") if holds(row["metadata"], metadata)]
    assert expected
    assert client.list_sandboxes(metadata=metadata, limit=1_000) == expected
    assert client.list_sandboxes(metadata=metadata, limit=2) == expected[:2]


@pytest.mark.parametrize("metadata", [{"env": "PROD"}, {"env": None}, {"run": True}, {"agent": {"name": []}}])
def test_metadata_that_nothing_contains(client: InstaVM, metadata: Row) -> None:
    """A filter that no row satisfies gives an empty list, which is no error."""
    assert client.list_sandboxes(metadata=metadata) == []


def test_every_metadata_value_finds_its_rows(live: Live, client: InstaVM) -> None:
    """Each distinct metadata object of the newest rows, foreign cities among them, finds its own rows."""
    rows = live.rows("instavm")
    seen = {json.dumps(row["metadata"], sort_keys=True): row["metadata"] for row in rows[:60]}
    for metadata in seen.values():
        expected = [row["sandbox_id"] for row in rows if holds(row["metadata"], metadata)]
        assert [row["sandbox_id"] for row in client.list_sandboxes(metadata=metadata, limit=1_000)] == expected


def test_each_account_sees_its_own(live: Live, base_url: str) -> None:
    """The outsider's key lists another account."""
    with client_of(base_url, "instavm-outsider-key") as outsider:
        found = {row["sandbox_id"] for row in outsider.list_sandboxes()}
    assert found
    assert found.isdisjoint(row["sandbox_id"] for row in live.rows("instavm"))


@pytest.mark.parametrize("key", ["instavm-nobody-key", f"{KEY}+code=401"])
def test_unauthenticated(base_url: str, key: str) -> None:
    """A key that is unknown, or that asks for a 401, is an AuthenticationError."""
    with client_of(base_url, key) as refused, pytest.raises(AuthenticationError, match="Invalid API key"):
        refused.list_sandboxes()


def test_no_key(base_url: str) -> None:
    """Without a key the SDK fails before it sends anything."""
    with client_of(base_url, None) as keyless, pytest.raises(AuthenticationError, match="API key not set"):
        keyless.list_sandboxes()


def test_forbidden(base_url: str) -> None:
    """A 403 is a ForbiddenError that carries the body's detail, not the SDK's stand-in for a missing one."""
    with client_of(base_url, f"{KEY}+code=403") as refused, pytest.raises(ForbiddenError) as caught:
        refused.list_sandboxes()
    assert str(caught.value) not in ("", "Forbidden", "None")


def test_rate_limited(base_url: str, delays: list[float]) -> None:
    """A 429 is a RateLimitError with the body's detail, and is never retried."""
    with client_of(base_url, f"{KEY}+code=429", max_retries=3) as refused, pytest.raises(RateLimitError) as caught:
        refused.list_sandboxes()
    assert str(caught.value)
    assert delays == []


@pytest.mark.parametrize("code", [500, 502, 503, 504])
def test_server_failures(base_url: str, code: int, delays: list[float]) -> None:
    """A 5xx is a NetworkError that names the code and shows the body, and is never retried."""
    shown = pytest.raises(NetworkError, match=rf"(?s){code} .*Details: {{.*detail")
    with client_of(base_url, f"{KEY}+code={code}", max_retries=3) as refused, shown:
        refused.list_sandboxes()
    assert delays == []


@pytest.mark.parametrize("code", [400, 404, 409, 422])
def test_other_refusals(base_url: str, code: int) -> None:
    """Other refusals are a SessionError that names the code; the SDK drops the body."""
    with client_of(base_url, f"{KEY}+code={code}") as refused, pytest.raises(SessionError, match=f": {code} "):
        refused.list_sandboxes()


@pytest.mark.parametrize(
    "arguments", [{"limit": 0}, {"limit": 1_001}, {"limit": "ten"}, {"metadata": ["prod"]}, {"metadata": "prod"}]
)
def test_bad_input(client: InstaVM, arguments: Row) -> None:
    """A limit out of range and metadata that is no object are a 422, which is a SessionError."""
    with pytest.raises(SessionError, match=": 422 "):
        client.list_sandboxes(**arguments)


def test_timeout(silent: str, delays: list[float]) -> None:
    """A server that never answers is a NetworkError, after the retries that were asked for."""
    with client_of(silent, timeout=0.05, max_retries=2) as waiting, pytest.raises(NetworkError, match="timeout"):
        waiting.list_sandboxes()
    assert delays == [1, 2]


def test_nobody_listens(closed: str, delays: list[float]) -> None:
    """A refused connection is a NetworkError, after the retries that were asked for."""
    with client_of(closed, max_retries=1) as refused, pytest.raises(NetworkError, match="Connection failed"):
        refused.list_sandboxes()
    assert delays == [1]


def test_local_mode_does_not_list(base_url: str) -> None:
    """The SDK's local mode has no listing: UnsupportedOperationError, and nothing is sent."""
    with client_of(base_url, local=True, local_url=base_url) as local, pytest.raises(UnsupportedOperationError):
        local.list_sandboxes()


def test_every_exception_class_is_provoked_above() -> None:
    """The SDK has no exception class that a listing could raise and that this file does not provoke."""
    classes = {
        name
        for name in instavm.__all__
        if inspect.isclass(each := getattr(instavm, name)) and issubclass(each, Exception)
    }
    provoked = (
        AuthenticationError,
        ForbiddenError,
        NetworkError,
        RateLimitError,
        SessionError,
        UnsupportedOperationError,
    )
    assert classes - OF_OTHER_OPERATIONS - {"InstaVMError"} == {each.__name__ for each in provoked}
    assert all(issubclass(each, instavm.InstaVMError) for each in provoked)
