"""`prime-sandboxes` from PyPI lists against the live fake.

Its settings come from the environment, so each test sets what a user would export.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import prime_sandboxes
import pytest
from prime_sandboxes import (
    APIClient,
    APIError,
    APITimeoutError,
    AsyncSandboxClient,
    PaymentRequiredError,
    SandboxClient,
    UnauthorizedError,
)

from fakeserver.faults.scenarios import FLAKY, NEXT_VERSION, SCENARIOS, SLOW
from tests.clients.others import waits_for_limits
from tests.support.asgi import PATHS, Row
from tests.support.server import Live

KEY = "prime-admin-key"
STATUSES = ("PENDING", "PROVISIONING", "RUNNING", "PAUSED", "ERROR", "TERMINATED")
RATE_LIMIT_DELAYS = [10.0, 30.0]
"""The SDK's fixed waits after a 429; it ignores Retry-After."""
OF_OTHER_OPERATIONS = {
    *("BatchStatusUnsupportedError", "SandboxImagePullError", "SandboxNotRunningError"),
    *("SandboxOOMError", "SandboxTimeoutError"),
}
"""Raised by operations on one sandbox, and provoked by `test_prime_life`."""
OF_COMMANDS_AND_FILES = {
    *("CommandTimeoutError", "DownloadTimeoutError", "SandboxFileNotFoundError", "SandboxFileTooLargeError"),
    "UploadTimeoutError",
}
"""Raised by what the fake does not serve."""


@pytest.fixture(autouse=True)
def exported(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `fakeserver env prime` exports."""
    for name, value in live.app.services["prime"].provider.environment(live.base_url("prime"), KEY).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def client() -> Iterator[SandboxClient]:
    """A sandbox client with the admin's key."""
    with closing(KEY) as sandboxes:
        yield sandboxes


@contextmanager
def closing(key: str | None) -> Iterator[SandboxClient]:
    """A sandbox client with this key, whose connections are closed at the end."""
    api = APIClient(api_key=key)
    try:
        yield SandboxClient(api)
    finally:
        api.client.close()


def ids(rows: list[Row]) -> list[str]:
    return [row["id"] for row in rows]


def listed(client: SandboxClient, **arguments: Any) -> list[str]:
    found = client.list(per_page=1_000, **arguments)
    assert found.total == len(found.sandboxes)
    return [sandbox.id for sandbox in found.sandboxes]


def test_default_listing_is_the_newest_page(live: Live, client: SandboxClient) -> None:
    """Without arguments the SDK gets the newest 50 sandboxes of the caller's personal account, all fields parsed."""
    rows = live.rows("prime")
    found = client.list()
    assert [sandbox.id for sandbox in found.sandboxes] == ids(rows)[:50]
    assert (found.total, found.page, found.per_page, found.has_next) == (len(rows), 1, 50, True)
    for sandbox, row in zip(found.sandboxes, rows, strict=False):
        assert (sandbox.name, sandbox.status, sandbox.labels) == (row["name"], row["status"], row.get("labels", []))
        assert (sandbox.memory_gb, sandbox.gpu_count) == (row["memoryGB"], row["gpuCount"])
        assert sandbox.created_at.isoformat().replace("+00:00", "Z") == row["createdAt"]


def test_every_row_parses(live: Live, client: SandboxClient) -> None:
    """The SDK's model takes every seeded row, early records that lack the optional fields among them."""
    rows = live.rows("prime")
    assert any("labels" not in row for row in rows)
    assert listed(client) == ids(rows)


@pytest.mark.parametrize("status", STATUSES)
def test_status(live: Live, client: SandboxClient, status: str) -> None:
    """`status` lets through exactly the rows with that status."""
    expected = [row["id"] for row in live.rows("prime") if row["status"] == status]
    assert expected
    assert listed(client, status=status) == expected


def test_labels_are_all_of(live: Live, client: SandboxClient) -> None:
    """Repeated labels must all be on the row, whatever characters they hold."""
    rows = live.rows("prime")
    counts = Counter(label for row in rows for label in row.get("labels", ()))
    odd = [label for label in counts if any(sign in label for sign in " ,&=%") or not label.isascii()]
    assert odd
    wanted = [[label] for label in [*list(counts)[:10], *odd]] + [["prod", "gpu"], ["gpu", "prod"], ["prod", "dev"]]
    for labels in wanted:
        expected = [row["id"] for row in rows if set(labels) <= set(row.get("labels", ()))]
        assert listed(client, labels=labels) == expected, labels


@pytest.mark.parametrize("active", [True, False])
def test_exclude_terminated(live: Live, client: SandboxClient, active: bool) -> None:
    """`exclude_terminated=True` leaves out the terminated rows; False filters nothing."""
    expected = [row["id"] for row in live.rows("prime") if not active or row["status"] != "TERMINATED"]
    assert listed(client, exclude_terminated=active) == expected


def test_team_and_user(live: Live, client: SandboxClient) -> None:
    """A team's admin lists the team, and each of its users' sandboxes alone."""
    team = live.rows("prime", "team_id=research")
    assert {row["teamId"] for row in team} == {"research"}
    assert listed(client, team_id="research") == ids(team)
    for user in {row["userId"] for row in team}:
        expected = [row["id"] for row in team if row["userId"] == user]
        assert listed(client, team_id="research", user_id=user) == expected


def test_team_from_the_environment(live: Live, client: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """PRIME_TEAM_ID becomes `team_id` of every listing, and the empty one means the personal account."""
    assert listed(client) == ids(live.rows("prime"))
    monkeypatch.setenv("PRIME_TEAM_ID", "research")
    assert listed(client) == ids(live.rows("prime", "team_id=research"))


def test_filters_combine(live: Live, client: SandboxClient) -> None:
    """Status, labels, activity, team and user narrow together."""
    expected = [
        row["id"]
        for row in live.rows("prime", "team_id=research")
        if row["status"] == "RUNNING" and "prod" in row.get("labels", ()) and row["userId"] == "user_admin"
    ]
    arguments = {"status": "RUNNING", "labels": ["prod"], "exclude_terminated": True, "user_id": "user_admin"}
    assert expected
    assert listed(client, team_id="research", **arguments) == expected


@pytest.mark.parametrize("size", [7, 100, 1_000])
def test_walking_the_pages(live: Live, client: SandboxClient, size: int) -> None:
    """A loop on `has_next` sees every sandbox once, in order."""
    expected = [row["id"] for row in live.rows("prime") if row["status"] == "RUNNING"]
    found: list[str] = []
    page = 1
    while True:
        answer = client.list(status="RUNNING", page=page, per_page=size)
        assert (answer.total, answer.page, answer.per_page) == (len(expected), page, size)
        found += [sandbox.id for sandbox in answer.sandboxes]
        if not answer.has_next:
            break
        page += 1
    assert found == expected
    beyond = client.list(status="RUNNING", page=page + 1, per_page=size)
    assert (beyond.sandboxes, beyond.total, beyond.has_next) == ([], len(expected), False)


@waits_for_limits
def test_async_client_lists_and_fails_alike(live: Live, prime_delays: list[float]) -> None:
    """The asynchronous client gets the same rows, and the same errors."""

    async def scenario() -> list[str]:
        async with AsyncSandboxClient(api_key=KEY) as sandboxes:
            found = await sandboxes.list(per_page=1_000, status="RUNNING", labels=["prod"])
        async with AsyncSandboxClient(api_key=f"{KEY}+code=401") as refused:
            with pytest.raises(UnauthorizedError):
                await refused.list()
        async with AsyncSandboxClient(api_key=f"{KEY}+code=402") as refused:
            with pytest.raises(PaymentRequiredError):
                await refused.list()
        async with AsyncSandboxClient(api_key=f"{KEY}+code=429") as refused:
            with pytest.raises(APIError, match="HTTP 429"):
                await refused.list()
        return [sandbox.id for sandbox in found.sandboxes]

    expected = [row["id"] for row in live.rows("prime") if row["status"] == "RUNNING" and "prod" in row["labels"]]
    assert asyncio.run(scenario()) == expected
    assert prime_delays == RATE_LIMIT_DELAYS


@pytest.mark.parametrize("key", ["prime-nobody-key", f"{KEY}+code=401"])
def test_unauthorized(key: str) -> None:
    """A key that is unknown, or that asks for a 401, is an UnauthorizedError."""
    with closing(key) as refused, pytest.raises(UnauthorizedError):
        refused.list()


def test_payment_required() -> None:
    """A 402 is a PaymentRequiredError."""
    with closing(f"{KEY}+code=402") as refused, pytest.raises(PaymentRequiredError):
        refused.list()


@pytest.mark.parametrize("code", [400, 403, 404, 409, 422, 500])
def test_api_error_without_retry(code: int, prime_delays: list[float]) -> None:
    """Other refusals are an APIError that names the code, at the first attempt."""
    with closing(f"{KEY}+code={code}") as refused, pytest.raises(APIError, match=f"HTTP {code}") as caught:
        refused.list()
    assert type(caught.value) is APIError
    assert prime_delays == []


@pytest.mark.parametrize("code", [502, 503, 504])
def test_api_error_after_retries(code: int, prime_delays: list[float]) -> None:
    """A gateway's failure is tried three times before it is an APIError."""
    with closing(f"{KEY}+code={code}") as refused, pytest.raises(APIError, match=f"HTTP {code}"):
        refused.list()
    assert len(prime_delays) == 2


@waits_for_limits
def test_one_rate_limit_is_ridden_out(
    live: Live, client: SandboxClient, prime_delays: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A single 429 costs the SDK its first wait, and the second attempt gets the page."""
    monkeypatch.setenv("PRIME_API_BASE_URL", live.base_url("prime", "prime-one-429"))
    with closing(f"{KEY}+code=429,times=1") as limited:
        found = limited.list()
    assert [sandbox.id for sandbox in found.sandboxes] == [sandbox.id for sandbox in client.list().sandboxes]
    assert prime_delays == RATE_LIMIT_DELAYS[:1]


@waits_for_limits
def test_rate_limited(prime_delays: list[float]) -> None:
    """A lasting 429 is tried three times, after the SDK's fixed waits."""
    with closing(f"{KEY}+code=429") as refused, pytest.raises(APIError, match="HTTP 429"):
        refused.list()
    assert prime_delays == RATE_LIMIT_DELAYS


@pytest.mark.parametrize(
    "arguments",
    [{"status": "running"}, {"page": 0}, {"per_page": 1_001}, {"status": "nope", "page": -1, "per_page": 0}],
)
def test_bad_input(client: SandboxClient, arguments: dict[str, Any]) -> None:
    """A bad argument is a 422 whose text, the `detail`, names every parameter at fault, and no other."""
    with pytest.raises(APIError, match="HTTP 422: ") as caught:
        client.list(**arguments)
    detail = ast.literal_eval(str(caught.value).removeprefix("HTTP 422: "))
    assert {each["loc"][1] for each in detail} == arguments.keys()


@pytest.mark.parametrize(
    ("key", "arguments"),
    [
        (KEY, {"team_id": "nowhere"}),
        (KEY, {"user_id": "user_member"}),
        ("prime-member-key", {"team_id": "research", "user_id": "user_admin"}),
        ("prime-outsider-key", {"team_id": "research"}),
    ],
)
def test_forbidden(key: str, arguments: dict[str, Any]) -> None:
    """Teams that the caller is not in, and other users' sandboxes, are a 403."""
    with closing(key) as refused, pytest.raises(APIError, match="HTTP 403"):
        refused.list(**arguments)


def test_timeout(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never answers is an APITimeoutError.

    `list` waits for ever, for it passes `timeout=None` on; so the request is made one step below it.
    """
    monkeypatch.setenv("PRIME_API_BASE_URL", silent)
    with closing(KEY) as waiting, pytest.raises(APITimeoutError):
        waiting.client.request("GET", "/sandbox", timeout=0.1)


def test_nobody_listens(closed: str, prime_delays: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused connection is tried three times before it is an APIError."""
    monkeypatch.setenv("PRIME_API_BASE_URL", closed)
    with closing(KEY) as refused, pytest.raises(APIError, match="Request failed: ConnectError"):
        refused.list()
    assert len(prime_delays) == 2


def test_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key the SDK fails before it sends anything."""
    monkeypatch.delenv("PRIME_API_KEY")
    with closing(None) as keyless, pytest.raises(APIError, match="No API key"):
        keyless.list()


def test_base_url_may_end_in_a_slash(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's own spellings of the base URL all reach the fake."""
    for ending in ("/", "/api/v1", "/api/v1/"):
        monkeypatch.setenv("PRIME_API_BASE_URL", live.base_url("prime") + ending)
        with closing(KEY) as sandboxes:
            assert sandboxes.list(per_page=1).total == len(live.rows("prime"))


def test_every_exception_class_is_provoked_above() -> None:
    """The SDK has no exception class that a listing could raise and that this file does not provoke."""
    classes = {
        name
        for name in prime_sandboxes.__all__
        if inspect.isclass(each := getattr(prime_sandboxes, name)) and issubclass(each, Exception)
    }
    provoked = {"APIError", "UnauthorizedError", "PaymentRequiredError", "APITimeoutError"}
    assert classes - OF_OTHER_OPERATIONS - OF_COMMANDS_AND_FILES - {"TimeoutError"} == provoked
    assert prime_sandboxes.TimeoutError is APITimeoutError


@pytest.mark.parametrize("name", [each for each in SCENARIOS if each not in (SLOW, FLAKY, NEXT_VERSION)])
def test_the_sdk_reads_every_scenario(live: Live, name: str) -> None:
    """What a scenario puts into a field is something that the SDK can read there."""
    with closing(f"{KEY}+scenario={name}") as client:
        rows = live.request("prime", f"{PATHS['prime']}?__scenario={name}&per_page=200").json()["sandboxes"]
        assert [sandbox.id for sandbox in client.list(per_page=200).sandboxes] == ids(rows)
