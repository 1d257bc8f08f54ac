"""`superserve` from PyPI lists against the live fake, by its synchronous and its asynchronous class."""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

import pytest
import superserve
from superserve import (
    AsyncSandbox,
    AuthenticationError,
    ConflictError,
    NotFoundError,
    RateLimitError,
    Sandbox,
    SandboxError,
    SandboxStatus,
    SandboxTimeoutError,
    Secret,
    ServerError,
    ValidationError,
    _http,
    async_sandbox,
    errors,
    sandbox,
)

from tests.support.asgi import Row
from tests.support.server import Live

KEY = "superserve-admin-key"
LARGEST_PAGE = 200
OF_OTHER_OPERATIONS = {"BuildError"}
"""Raised while a template is built, which the reference page does not document."""

List = Callable[..., list[Any]]


def asynchronously(**arguments: Any) -> list[Any]:
    """`AsyncSandbox.list` as a plain call."""
    return list(asyncio.run(AsyncSandbox.list(**arguments)))


@pytest.fixture(params=[Sandbox.list, asynchronously], ids=["sync", "async"])
def sdk_list(request: pytest.FixtureRequest, live: Live, monkeypatch: pytest.MonkeyPatch) -> Iterator[List]:
    """The SDK's listing in both variants, pointed at the fake as `fakeserver env superserve` points it."""
    for name, value in live.app.services["superserve"].provider.environment(live.base_url("superserve"), KEY).items():
        monkeypatch.setenv(name, value)
    yield request.param
    _http.shared_client().close()
    _http._reset_shared_client()


def ids(found: list[Any]) -> list[str]:
    return [each["id"] if isinstance(each, dict) else each.id for each in found]


def test_listing_everything(live: Live, sdk_list: List) -> None:
    """Without arguments the SDK gets every sandbox of the team, newest first, all fields parsed."""
    rows = live.rows("superserve")
    found = sdk_list()
    assert ids(found) == ids(rows)
    for info, row in zip(found, rows, strict=True):
        assert (info.name, info.status.value, info.metadata) == (row["name"], row["status"], row["metadata"])
        assert (info.vcpu_count, info.memory_mib) == (row["vcpu_count"], row["memory_mib"])
        assert info.timeout_seconds == row.get("timeout_seconds")
        assert info.created_at == datetime.fromisoformat(row["created_at"])
        network = row.get("network")
        assert (info.network is None) == (network is None)
        if network is not None:
            assert info.network.allow_out == network.get("allow_out")
            assert info.network.deny_out == network.get("deny_out")


@pytest.mark.parametrize(
    "status",
    [
        "active",
        SandboxStatus.PAUSED,
        ["resuming"],
        ["active", "paused"],
        ["resuming", SandboxStatus.ACTIVE, "resuming"],
    ],
    ids=str,
)
def test_status(live: Live, sdk_list: List, status: Any) -> None:
    """One status, or a list of them that the SDK joins with commas, lets through exactly those rows."""
    wanted = {SandboxStatus(each) for each in ([status] if isinstance(status, str) else status)}
    expected = [row for row in live.rows("superserve") if SandboxStatus(row["status"]) in wanted]
    assert expected
    assert ids(sdk_list(status=status)) == ids(expected)


def test_no_status_is_refused_by_the_sdk(sdk_list: List) -> None:
    """An empty list of statuses is a ValueError before anything is sent."""
    with pytest.raises(ValueError, match="status must not be empty"):
        sdk_list(status=[])


@pytest.mark.parametrize(
    "metadata",
    [
        {"env": "prod"},
        {"env": "prod", "owner": "agent-7"},
        {"env": "Prod"},
        {"env": "", "key with spaces": "a,b"},
        {"größe": "klein"},
        {"a&b=c%": "1"},
        {"app.kubernetes.io/name": "web", "a&b=c%": "1"},
        {"tier": "free & easy = 50%"},
    ],
    ids=str,
)
def test_metadata(live: Live, sdk_list: List, metadata: dict[str, str]) -> None:
    """Metadata pairs are ANDed and compared exactly, whatever their keys and values hold."""
    expected = [row for row in live.rows("superserve") if metadata.items() <= row["metadata"].items()]
    assert expected
    assert ids(sdk_list(metadata=metadata)) == ids(expected)


@pytest.mark.parametrize("metadata", [{"env": "PROD"}, {"ENV": "prod"}, {"env": "prod "}, {"nowhere": "x"}])
def test_metadata_that_no_row_has(sdk_list: List, metadata: dict[str, str]) -> None:
    """Pairs that no row has give an empty list, which is no error."""
    assert sdk_list(metadata=metadata) == []


def test_every_metadata_pair_finds_its_rows(live: Live) -> None:
    """The commonest pairs and all odd ones, unicode among them, find exactly their rows."""
    rows = live.rows("superserve")
    counts = Counter(pair for row in rows for pair in row["metadata"].items())
    odd = [pair for pair in counts if not all(text.isascii() and text.isalnum() for text in pair)]
    point: dict[str, Any] = {"base_url": live.base_url("superserve"), "api_key": KEY}
    assert any(not value.isascii() for _, value in odd)
    for key, value in [*(pair for pair, _ in counts.most_common(10)), *odd[:40]]:
        expected = [row for row in rows if row["metadata"].get(key) == value]
        assert ids(Sandbox.list(metadata={key: value}, **point)) == ids(expected), (key, value)
    _http.shared_client().close()
    _http._reset_shared_client()


def test_limit_and_offset(live: Live, sdk_list: List) -> None:
    """A loop until a short page sees every matching sandbox once, in order."""
    expected = [row for row in live.rows("superserve") if row["metadata"].get("env") == "prod"]
    found: list[str] = []
    while True:
        page = ids(sdk_list(metadata={"env": "prod"}, limit=60, offset=len(found)))
        found += page
        if len(page) < 60:
            break
    assert found == ids(expected)


def test_edges_of_the_window(live: Live, sdk_list: List) -> None:
    """An offset beyond the end is empty, and a limit above the server's largest page is clamped to it."""
    rows = live.rows("superserve")
    assert sdk_list(limit=10, offset=len(rows)) == []
    assert ids(sdk_list(limit=1_000)) == ids(rows)[:LARGEST_PAGE]
    assert ids(sdk_list(limit=5, offset=len(rows) - 2)) == ids(rows)[-2:]
    assert (
        ids(sdk_list(status="active", limit=3, offset=1))
        == ids([row for row in rows if row["status"] == "active"])[1:4]
    )


@pytest.mark.parametrize("key", ["superserve-nobody-key", f"{KEY}+code=401"])
def test_unauthenticated(sdk_list: List, key: str) -> None:
    """A key that is unknown, or that asks for a 401, is an AuthenticationError."""
    with pytest.raises(AuthenticationError) as caught:
        sdk_list(api_key=key)
    assert (caught.value.status_code, caught.value.code) == (401, "auth_failed")


def test_no_key(sdk_list: List, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key the SDK fails before it sends anything."""
    monkeypatch.delenv("SUPERSERVE_API_KEY")
    with pytest.raises(AuthenticationError, match="Missing API key"):
        sdk_list()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, ValidationError),
        (403, AuthenticationError),
        (404, NotFoundError),
        (409, ConflictError),
        (410, SandboxError),
        (500, ServerError),
    ],
)
def test_refusals(sdk_list: List, code: int, kind: type[SandboxError], superserve_delays: list[float]) -> None:
    """Each documented refusal is its exception, with the body's code and message, at the first attempt."""
    with pytest.raises(SandboxError) as caught:
        sdk_list(api_key=f"{KEY}+code={code}")
    assert type(caught.value) is kind
    assert caught.value.status_code == code
    assert caught.value.code
    assert "API error" not in str(caught.value)
    assert superserve_delays == []


def test_undocumented_refusal(sdk_list: List) -> None:
    """A 422, which this provider does not document, is a plain SandboxError where a test insists on it."""
    with pytest.raises(SandboxError) as caught:
        sdk_list(api_key=f"{KEY}+code=422,handling=lenient")
    assert (type(caught.value), caught.value.status_code) == (SandboxError, 422)


@pytest.mark.parametrize("code", [502, 503, 504])
def test_failures_that_are_retried(sdk_list: List, code: int, superserve_delays: list[float]) -> None:
    """A gateway's failure is tried three times before it is a ServerError."""
    with pytest.raises(ServerError) as caught:
        sdk_list(api_key=f"{KEY}+code={code}")
    assert caught.value.status_code == code
    assert len(superserve_delays) == 2


@pytest.mark.parametrize("example", ["rate_limited", "too_many_sandboxes"])
def test_rate_limited(sdk_list: List, example: str, superserve_delays: list[float]) -> None:
    """A lasting 429 is tried three times, after the waits that Retry-After names, and keeps its code."""
    with pytest.raises(RateLimitError) as caught:
        sdk_list(api_key=f"{KEY}+code=429,example={example}")
    assert caught.value.code == example
    assert superserve_delays == [1.0, 1.0]


def test_two_rate_limits_are_ridden_out(
    live: Live, sdk_list: List, superserve_delays: list[float], request: pytest.FixtureRequest
) -> None:
    """Two 429s cost two waits, and the third attempt gets the rows."""
    world = live.base_url("superserve", f"superserve-{request.node.callspec.id}")
    found = sdk_list(base_url=world, api_key=f"{KEY}+code=429,times=2", limit=5)
    assert ids(found) == ids(live.rows("superserve"))[:5]
    assert superserve_delays == [1.0, 1.0]


@pytest.mark.parametrize(
    "arguments",
    [
        {"metadata": {"": "prod"}},
        {"metadata": {"superserve.internal": "1"}},
        {"metadata": {"k" * 257: "1"}},
        {"metadata": {"key": "v" * 2_049}},
        {"metadata": {f"k{number}": "v" for number in range(65)}},
        {"status": "running"},
        {"limit": 0},
        {"offset": -1},
    ],
    ids=lambda arguments: str(arguments)[:40],
)
def test_bad_input(sdk_list: List, arguments: Row) -> None:
    """Bad input is a ValidationError that says what is wrong."""
    with pytest.raises(ValidationError) as caught:
        sdk_list(**arguments)
    assert (caught.value.status_code, caught.value.code) == (400, "bad_request")
    assert next(iter(arguments)) in str(caught.value)


def test_timeout(sdk_list: List, silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never answers is a SandboxTimeoutError; the SDK's 30 seconds are cut short here."""
    monkeypatch.setattr(sandbox, "api_request", partial(_http.api_request, timeout=0.1))
    monkeypatch.setattr(async_sandbox, "async_api_request", partial(_http.async_api_request, timeout=0.1))
    with pytest.raises(SandboxTimeoutError):
        sdk_list(base_url=silent)


def test_nobody_listens(sdk_list: List, closed: str, superserve_delays: list[float]) -> None:
    """A refused connection is tried three times before it is a plain SandboxError."""
    with pytest.raises(SandboxError, match="Network error") as caught:
        sdk_list(base_url=closed)
    assert type(caught.value) is SandboxError
    assert len(superserve_delays) == 2


def test_what_the_fake_has_not_does_not_succeed(live: Live, sdk_list: List, superserve_delays: list[float]) -> None:
    """The SDK takes a 404 of a deletion for "already gone"; the fake says that it did nothing."""
    with pytest.raises(SandboxError, match=r"The fake does not serve DELETE /secrets/\{name\}"):
        Secret.delete_by_name("prod")


def test_every_exception_class_is_provoked_above() -> None:
    """The SDK has no exception class that a listing could raise and that this file does not provoke."""
    classes = {
        name for name, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, errors.SandboxError)
    }
    provoked = {
        "AuthenticationError",
        "ConflictError",
        "NotFoundError",
        "RateLimitError",
        "SandboxError",
        "SandboxTimeoutError",
        "ServerError",
        "ValidationError",
    }
    assert classes - OF_OTHER_OPERATIONS == provoked
    assert provoked <= set(superserve.__all__)
