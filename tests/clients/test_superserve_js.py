"""`@superserve/sdk` from npm lists against the live fake, by metadata, which is the one filter that it has.

One node process runs every scenario; the tests look at what came of each.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from fakeserver.instants import instant
from tests.clients.superserve_node import needs_node, run
from tests.support.asgi import Row
from tests.support.server import Live

PROGRAM = Path(__file__).with_name("superserve_listing.mjs")
KEY = "superserve-admin-key"
OF_OTHER_OPERATIONS = {"BuildError"}
"""Raised while a template is built, which the reference page does not document."""

METADATA: dict[str, dict[str, str]] = {
    "one pair": {"env": "prod"},
    "two pairs": {"env": "prod", "owner": "agent-7"},
    "case": {"env": "Prod"},
    "empty value": {"env": "", "key with spaces": "a,b"},
    "unicode key": {"größe": "klein"},
    "signs": {"a&b=c%": "1", "app.kubernetes.io/name": "web"},
    "signs in the value": {"tier": "free & easy = 50%"},
}
REFUSALS: dict[str, tuple[str, int]] = {
    "400": ("ValidationError", 400),
    "401": ("AuthenticationError", 401),
    "403": ("AuthenticationError", 403),
    "404": ("NotFoundError", 404),
    "409": ("ConflictError", 409),
    "410": ("SandboxError", 410),
    "422,handling=lenient": ("SandboxError", 422),
    "429": ("RateLimitError", 429),
    "500": ("ServerError", 500),
    "502": ("ServerError", 502),
    "503": ("ServerError", 503),
    "504": ("ServerError", 504),
}
BAD_INPUT: dict[str, dict[str, str]] = {"empty key": {"": "x"}, "reserved key": {"superserve.internal": "1"}}
RETRIED = {"429", "502", "503", "504"}

pytestmark = needs_node


@pytest.fixture(scope="module")
def told(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the program printed after all scenarios."""
    base_url = live.base_url("superserve")
    point = {"baseUrl": base_url, "apiKey": KEY}
    scenarios: dict[str, Row] = {"everything": point}
    scenarios |= {name: {**point, "metadata": pairs} for name, pairs in METADATA.items()}
    scenarios |= {f"code {code}": {**point, "apiKey": f"{KEY}+code={code}"} for code in REFUSALS}
    scenarios |= {name: {**point, "metadata": pairs} for name, pairs in BAD_INPUT.items()}
    scenarios |= {
        "unknown pair": {**point, "metadata": {"env": "PROD"}},
        "unknown key": {**point, "apiKey": "superserve-nobody-key"},
        "no key": {"baseUrl": base_url},
        "ridden out": {"baseUrl": live.base_url("superserve", "superserve-js"), "apiKey": f"{KEY}+code=429,times=2"},
    }
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as gone:
        silent_url, gone_url = (f"http://127.0.0.1:{each.getsockname()[1]}" for each in (silent, gone))
        gone.close()
        scenarios["silent"] = {**point, "baseUrl": silent_url, "timeout": 100}
        scenarios["nobody listens"] = {**point, "baseUrl": gone_url}
        return run(PROGRAM, tmp_path_factory.mktemp("home"), scenarios=scenarios)


@pytest.fixture(scope="module")
def outcomes(told: Any) -> dict[str, Any]:
    return dict(told["outcomes"])


def ids(found: list[Row]) -> list[str]:
    return [each["id"] for each in found]


def test_listing_everything(live: Live, outcomes: dict[str, Any]) -> None:
    """Without options the SDK gets every sandbox of the team, newest first, what is absent left undefined."""
    rows = live.rows("superserve")
    found = outcomes["everything"]["rows"]
    assert ids(found) == ids(rows)
    for info, row in zip(found, rows, strict=True):
        assert (info["name"], info["status"], info["metadata"]) == (row["name"], row["status"], row["metadata"])
        assert (info["vcpuCount"], info["memoryMib"]) == (row["vcpu_count"], row["memory_mib"])
        assert info.get("timeoutSeconds") == row.get("timeout_seconds")
        assert ("network" in info) == ("network" in row)
        assert instant(info["createdAt"]) == instant(row["created_at"]) // 1_000 * 1_000


@pytest.mark.parametrize("name", METADATA)
def test_metadata(live: Live, outcomes: dict[str, Any], name: str) -> None:
    """Metadata pairs are ANDed and compared exactly, whatever their keys and values hold."""
    expected = [row for row in live.rows("superserve") if METADATA[name].items() <= row["metadata"].items()]
    assert expected
    assert ids(outcomes[name]["rows"]) == ids(expected)


def test_metadata_that_no_row_has(outcomes: dict[str, Any]) -> None:
    """A pair that no row has gives an empty list, which is no error."""
    assert outcomes["unknown pair"]["rows"] == []


@pytest.mark.parametrize("code", REFUSALS)
def test_refusals(outcomes: dict[str, Any], code: str) -> None:
    """Each refusal is its exception, with the body's code; gateways' failures and 429s after three attempts."""
    outcome = outcomes[f"code {code}"]
    assert (outcome["error"], outcome["status"]) == REFUSALS[code]
    assert outcome["code"]
    assert "API error" not in outcome["message"]
    assert len(outcome["delays"]) == (2 if code in RETRIED else 0)


def test_retry_after_is_honoured(live: Live, outcomes: dict[str, Any]) -> None:
    """The SDK waits as long as Retry-After says, and two 429s are ridden out."""
    assert outcomes["code 429"]["delays"] == [1_000, 1_000]
    assert outcomes["ridden out"]["delays"] == [1_000, 1_000]
    assert ids(outcomes["ridden out"]["rows"]) == ids(live.rows("superserve"))


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input(outcomes: dict[str, Any], name: str) -> None:
    """Bad metadata is a ValidationError that names the parameter."""
    outcome = outcomes[name]
    assert (outcome["error"], outcome["status"], outcome["code"]) == ("ValidationError", 400, "bad_request")
    assert "metadata" in outcome["message"]


def test_credentials(outcomes: dict[str, Any]) -> None:
    """An unknown key is refused by the fake, and a missing one by the SDK."""
    assert (outcomes["unknown key"]["error"], outcomes["unknown key"]["code"]) == ("AuthenticationError", "auth_failed")
    assert outcomes["no key"]["error"] == "AuthenticationError"
    assert "Missing API key" in outcomes["no key"]["message"]


def test_connection_failures(outcomes: dict[str, Any]) -> None:
    """A server that never answers is a TimeoutError, and a port that nobody listens on a SandboxError."""
    assert outcomes["silent"]["error"] == "TimeoutError"
    assert outcomes["nobody listens"]["error"] == "SandboxError"
    assert len(outcomes["nobody listens"]["delays"]) == 2


def test_every_exception_class_is_provoked_above(told: Any) -> None:
    """The SDK exports no error class that a listing could raise and that no scenario provokes."""
    provoked = {outcome["error"] for outcome in told["outcomes"].values() if "error" in outcome}
    assert provoked == set(told["errors"]) - OF_OTHER_OPERATIONS
