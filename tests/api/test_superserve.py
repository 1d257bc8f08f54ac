"""Superserve's answers as its server gives them: its sentences, its headers, and its order of refusals."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest

from fakeserver.providers.superserve import written
from tests.support.asgi import EPOCH, PATHS, app_of, call, get

STATES = "starting, active, pausing, paused, resuming, migrating, failed, deleted"
MANY = "&".join(f"metadata.k{number}=v" for number in range(65))
MUCH = "&".join(f"metadata.k{number}={'v' * 2_048}" for number in range(8))


@cache
def app() -> Any:
    return app_of(size=50)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("limit=0", "limit must be a positive integer"),
        ("offset=x", "offset must be a non-negative integer"),
        ("status=active,bogus", f"status must be one or more of: {STATES}"),
        ("metadata.=x", "metadata filter key cannot be empty"),
        ("metadata.a=1&metadata.a=2", 'metadata filter "a" has multiple values; only one allowed'),
        (f"metadata.{'k' * 257}=x", f'metadata key "{"k" * 257}" is 257 bytes, max is 256'),
        (f"metadata.a={quote('ä' * 1_025)}", 'metadata value for key "a" is 2050 bytes, max is 2048'),
        ("metadata.Superserve.x=1", 'metadata key "Superserve.x" uses reserved prefix "superserve."'),
        ("metadata._superserve=1", 'metadata key "_superserve" uses reserved prefix "_superserve"'),
        (MANY, "metadata has 65 keys, max is 64"),
        (MUCH, "metadata exceeds 16384 bytes total"),
        ("limit=0&offset=x&status=x&metadata.=x", "metadata filter key cannot be empty"),
        ("status=x&offset=x&limit=0", "limit must be a positive integer"),
    ],
    ids=lambda text: text[:30],
)
def test_a_refusal_is_the_servers_sentence(query: str, sentence: str) -> None:
    """A 400 has one sentence, about the first mistake in the server's order, and names a key of metadata bare."""
    reply = get(app(), "superserve", query)
    assert (reply.status, reply.value) == (400, {"error": {"code": "bad_request", "message": sentence}})


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "nobody"}], ids=["none", "unknown"])
def test_a_missing_key_and_an_unknown_one_are_answered_alike(headers: dict[str, str]) -> None:
    """The 401 has the server's sentence."""
    reply = call(app(), f"/superserve{PATHS['superserve']}", headers=headers)
    expected = {"code": "auth_failed", "message": "Invalid or missing X-API-Key header."}
    assert (reply.status, reply.value["error"]) == (401, expected)


@pytest.mark.parametrize(
    ("code", "name", "sentence"),
    [
        (429, "rate_limited", "Rate limit exceeded. Please retry later."),
        (500, "internal_error", "A problem occurred. Please try again, or contact the team if it persists."),
        (503, "service_unavailable", "Authentication is temporarily unavailable. Please retry."),
    ],
)
def test_failures_have_the_servers_sentences(code: int, name: str, sentence: str) -> None:
    """What is asked for is what the server would say."""
    reply = get(app(), "superserve", prefer=f"code={code}")
    assert (reply.status, reply.value) == (code, {"error": {"code": name, "message": sentence}})


def test_a_failure_of_the_fake_has_the_servers_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """So does a 500 that nobody asked for."""
    broken = app_of(size=2)
    monkeypatch.setattr(type(broken.world), "advance", lambda *_: 1 / 0)
    reply = get(broken, "superserve")
    assert reply.status == 500
    assert reply.value == get(app(), "superserve", prefer="code=500").value


@pytest.mark.parametrize("query", ["", "limit=0", "__code=503"])
def test_what_comes_with_every_answer(query: str) -> None:
    """The server's own headers, and its JSON with the charset."""
    headers = get(app(), "superserve", query).headers
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert headers["strict-transport-security"] == "max-age=63072000; includeSubDomains"
    assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")


def listed() -> list[dict[str, Any]]:
    return json.loads(get(app_of(size=1_000), "superserve").body)  # type: ignore[no-any-return]


def test_dates_are_written_as_go_writes_them() -> None:
    """A fraction has no zeros at its end, so that it has no fixed width; the spec's `date-time` all the same."""
    fractions = [re.fullmatch(r"[0-9-]{10}T[0-9:]{8}(\.[0-9]{0,5}[1-9])?Z", row["created_at"]) for row in listed()]
    assert all(fractions)
    assert len({len(each[1] or "") for each in fractions if each}) > 1


@pytest.mark.parametrize(
    ("micros", "text"),
    [(0, "00Z"), (100_000, "00.1Z"), (120, "00.00012Z"), (123_456, "00.123456Z"), (10_000_000, "10Z")],
)
def test_no_digit_that_counts_is_lost(micros: int, text: str) -> None:
    """Seconds keep their zeros."""
    assert written(EPOCH // 60_000_000 * 60_000_000 + micros).endswith(":" + text)


def test_sizes_are_those_of_templates() -> None:
    """1 to 4 vCPUs, 256 to 4,096 MiB."""
    rows = listed()
    assert {row["vcpu_count"] for row in rows} <= {1, 2, 3, 4}
    assert all(256 <= row["memory_mib"] <= 4_096 for row in rows)


def test_addresses_stand_in_front_of_domains() -> None:
    """As the server keeps them: rules for addresses, then those for domains."""
    lists = [row["network"]["allow_out"] for row in listed() if "allow_out" in row.get("network", {})]
    assert any("/" in each[0] for each in lists)
    assert all(sorted(each, key=lambda rule: "/" not in rule) == each for each in lists)
