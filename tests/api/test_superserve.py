"""Superserve's answers as its server gives them: its sentences, its headers, and its order of refusals."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from fakeserver.providers import PROVIDERS
from fakeserver.providers.superserve.states import written
from fakeserver.serving.app import Settings, create_app
from tests.support.admin import admin, done
from tests.support.asgi import EPOCH, PATHS, app_of, call, get, main_tenant

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


ELSEWHERE = (
    "this API key belongs to region '{region}'; use that region's endpoint ({endpoint}) or upgrade your SDK, which "
    "routes automatically"
)
EAST, WEST = "https://api.superserve.ai", "https://api-usw.superserve.ai"


def test_a_key_of_another_region_is_told_where_to_go() -> None:
    """Which region the server stands for is a switch; a key that the recipe has is good whatever it is called."""
    served = app_of(size=2)
    expected = {"code": "wrong_region", "message": ELSEWHERE.format(region="usw", endpoint=WEST)}
    reply = call(served, f"/superserve{PATHS['superserve']}", headers={"x-api-key": "ss_live_usw_k3TQ_xV"})
    assert (reply.status, reply.value["error"]) == (401, expected)
    assert "k3TQ" not in reply.body.decode()
    done(admin(served, "PUT", "/settings", {"switches": {"superserve": {"region": "usw"}}}))
    assert said_to(served, "ss_live_usw_k3TQ_xV")["code"] == "auth_failed"
    expected["message"] = ELSEWHERE.format(region="use", endpoint=EAST)
    assert said_to(served, "ss_live_use_k3TQ") == expected


@pytest.mark.parametrize(
    "key",
    [
        *("ss_live_use_own", "ss_live_abc_older", "ss_live_usw_", "ss_live_usw", "ss_live_USW_x", "ss_test_usw_x"),
        *("xss_live_usw_x", "ss_live__usw_x", f"ss_live_{'w' * 18}_x", "ss_live_us\u00adw_x"),
    ],
)
def test_a_key_of_no_other_known_region_is_any_strangers(key: str) -> None:
    """The server's own region, one that it does not know, and what only looks like a region."""
    assert said_to(app(), key) == {"code": "auth_failed", "message": "Invalid or missing X-API-Key header."}


def test_a_wrong_region_can_be_asked_for() -> None:
    """The example has the sentence that a key gets."""
    reply = get(app(), "superserve", prefer="example=wrong_region")
    assert (reply.status, reply.value["error"]) == (401, said_to(app(), "ss_live_usw_x"))


def test_a_recipes_own_key_may_name_any_region(tmp_path: Path) -> None:
    recipe = PROVIDERS["superserve"].recipe.read_text("utf-8").replace("superserve-admin-key", "ss_live_usw_mine")
    (tmp_path / "superserve.yaml").write_text(recipe, "utf-8")
    served = create_app(Settings(size=2, only=("superserve",), fixtures=tmp_path))
    assert call(served, f"/superserve{PATHS['superserve']}", headers={"x-api-key": "ss_live_usw_mine"}).status == 200


def said_to(served: Any, key: str) -> Any:
    """The error that somebody with this key gets."""
    reply = call(served, f"/superserve{PATHS['superserve']}", headers={"x-api-key": key})
    assert reply.status == 401
    return reply.value["error"]


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


# What the list goes by, and what it is searched for.

CHOICES = ("", "sort=name", "sort=status", "sort=created_at")
KEPT = ("", "status=paused", "metadata.env=prod", "q=AN", "q=e-&status=active,paused", "q=nobody")


def in_order(rows: list[dict[str, Any]], sort: str, order: str) -> list[dict[str, Any]]:
    """Rows, which come newest first, as the server sorts them: what has the same value stays newest first."""
    field = sort.removeprefix("sort=") or "created_at"
    if field == "created_at":
        return rows if order != "order=asc" else rows[::-1]
    texts = sorted({row[field] for row in rows}, reverse=order != "order=asc")
    return [row for text in texts for row in rows if row[field] == text]


def asked(server: Any, *parts: str) -> list[dict[str, Any]]:
    reply = get(server, "superserve", "&".join(filter(None, parts)))
    assert reply.status == 200, reply.body
    return json.loads(reply.body)  # type: ignore[no-any-return]


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("order", ["", "order=desc", "order=asc"])
@pytest.mark.parametrize("sort", CHOICES)
def test_a_list_in_any_order_is_the_list(sort: str, order: str, kept: str) -> None:
    """Sorted by a field, those of one value newest first; windows cut it, and filters narrow it."""
    server = app_of(size=300)
    expected = in_order(asked(server, kept), sort, order)
    assert asked(server, kept, sort, order) == expected
    for limit, offset in ((1, 0), (7, 0), (7, 5), (200, 3), (5, max(0, len(expected) - 3)), (5, len(expected))):
        window = asked(server, kept, sort, order, f"limit={limit}", f"offset={offset}")
        assert window == expected[offset : offset + limit]


def test_a_search_takes_every_character_for_itself() -> None:
    """Part of the name, in capitals or not; `%`, `_` and a backslash stand for nothing else."""
    names = ["Build_1", "build-1", "100%", "1000", "a\\b", "ÄPFEL", "build_2"]
    server = app_of(size=0)
    for number, name in enumerate(names):
        main_tenant(server, "superserve").add(row_of(name, number), "user-1")
    for text, found in (
        ("BUILD", ["build_2", "build-1", "Build_1"]),
        ("d_", ["build_2", "Build_1"]),
        ("0%", ["100%"]),
        ("\\", ["a\\b"]),
        ("äpfel", ["ÄPFEL"]),
        ("", names[::-1]),
    ):
        assert [row["name"] for row in asked(server, f"q={quote(text)}")] == found, text
    by_name = [row["name"] for row in asked(server, "sort=name&order=asc")]
    assert by_name == ["100%", "1000", "Build_1", "a\\b", "build-1", "build_2", "ÄPFEL"]


def row_of(name: str, number: int) -> dict[str, Any]:
    return {
        "id": f"00000000-0000-4000-8000-{number:012d}",
        "name": name,
        "status": "active",
        "vcpu_count": 1,
        "memory_mib": 512,
        "created_at": f"2026-01-18T10:00:{number:02d}Z",
        "metadata": {},
    }


def test_an_order_follows_what_is_written() -> None:
    """A list that was sorted before a document came, changed or went is right after it."""
    server = app_of(size=40)
    collection = main_tenant(server, "superserve")
    before = asked(server, "sort=name&order=asc")
    collection.add(row_of("aaa", 1), "user-1")
    collection.add(row_of("zzz", 2), "user-1")
    after = asked(server, "sort=name&order=asc")
    assert [row["name"] for row in after] == ["aaa", *(row["name"] for row in before), "zzz"]
    collection.add({**row_of("zzzz", 1)}, "user-1")
    assert [row["name"] for row in asked(server, "sort=name&limit=2")] == ["zzzz", "zzz"]
    assert asked(server, "q=aaa") == []


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("sort=x&order=up", "sort must be one of: created_at, name, status"),
        ("order=ASC&status=x", "order must be 'asc' or 'desc'"),
        ("sort=name&offset=-1", "offset must be a non-negative integer"),
    ],
)
def test_no_other_order_is_taken(query: str, sentence: str) -> None:
    """An unknown order is refused, in the place that the server looks at it."""
    assert get(app(), "superserve", query).value["error"]["message"] == sentence


def test_empty_orders_count_as_absent() -> None:
    """As every empty parameter does."""
    assert asked(app(), "sort=&order=&q=") == asked(app())
