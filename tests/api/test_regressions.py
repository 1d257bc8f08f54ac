"""Bugs that were met once, each with the request that showed it."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from fakeserver.admin import bodies
from fakeserver.pipeline.exchange import Request
from fakeserver.spec.parameters import MAX_QUERY_BYTES
from fakeserver.testing.server import running
from fakeserver.worlds.entries import MAX_TEXT, MAX_WARNINGS, Exchange
from fakeserver.worlds.journal import LOOP
from tests.support.admin import admin, done, refused
from tests.support.asgi import app_of, call, credential, get, main_tenant, runner, tenants
from tests.support.listing import fill


def test_a_huge_number_in_a_filter_does_not_break_the_journal() -> None:
    """An integer that no JSON encoder takes is kept as text."""
    app = app_of()
    get(app, "instavm", "metadata=%7B%22a%22:123456789012345678901234567890%7D")

    (entry,) = done(admin(app, "GET", "/requests"))["requests"]
    assert entry["values"]["metadata"] == {"a": "123456789012345678901234567890"}
    done(admin(app, "GET", "/snapshot"))


def test_a_document_whose_dates_cannot_be_read_does_not_age() -> None:
    """InstaVM's page leaves dates free; a strange one is served as it is, at any instant."""
    app = app_of()
    row = {"sandbox_id": "a", "name": "n", "metadata": {}, "started_at": "2026-01-01T00:00:00", "status": "active"}
    done(admin(app, "PUT", "/documents/instavm/main", [{**row, "end_at": "soon"}]))
    done(admin(app, "PUT", "/clock", {"action": "advance", "seconds": 10}))

    assert get(app, "instavm").value == [{**row, "end_at": "soon"}]


@pytest.mark.parametrize("pattern", ["(?:){99999999}", "a{1,99999}", "(a{900}){900}"])
def test_patterns_that_would_eat_the_machine_are_refused(pattern: str) -> None:
    """A count in a pattern is bounded, and counts do not multiply."""
    refused(admin(app_of(), "POST", "/requests/count", {"urlPattern": pattern}), 422, "urlPattern")


@pytest.mark.parametrize("code", [204, 304])
def test_a_status_without_a_body_leaves_the_connection_usable(code: int) -> None:
    """204 and 304 end with their head, so that the next answer begins where the client expects it."""
    with running() as server, httpx.Client(trust_env=False) as client:
        url = f"{server.base_url}/prime/api/v1/sandbox?per_page=1"
        first = client.get(url, headers={"Prefer": f"code={code}, handling=lenient"})
        second = client.get(url, headers=credential("prime"))

    assert (first.status_code, first.content, second.status_code) == (code, b"", 200)


def test_deeply_nested_json_is_refused() -> None:
    """What one JSON reader takes and another does not is a 400 or 422, never a failure."""
    reply = call(
        app_of(), "/__admin/settings", method="PUT", headers={"host": "localhost"}, body=b"[" * 1_000 + b"]" * 1_000
    )

    assert reply.status in (400, 422)


def test_pipelined_faults_leave_no_task_behind() -> None:
    """When the connection goes, every request on it is over."""
    with running() as server:
        port = int(server.base_url.rpartition(":")[2])
        request = b"GET /prime/api/v1/sandbox HTTP/1.1\r\nHost: localhost\r\n"
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(request + b"Prefer: fault=EMPTY_RESPONSE\r\n\r\n" + request + b"\r\n")
                while connection.recv(1_024):
                    pass
        deadline = time.monotonic() + 10
        while server._server.server_state.tasks and time.monotonic() < deadline:
            time.sleep(0.01)

        assert not server._server.server_state.tasks


def test_credentials_in_the_query_are_not_kept() -> None:
    """A credential in an undeclared parameter is masked, however its name is spelled; declared values are kept."""
    app = app_of()
    get(app, "prime", "x-api-key=S1&key=S2&auth=S5&PRIME_API_KEY=S8&api%5Fkey=S4&access_token=S9&labels=token")

    (entry,) = done(admin(app, "GET", "/requests"))["requests"]
    assert not any(secret in entry["query"] for secret in ("S1", "S2", "S4", "S5", "S8", "S9"))
    assert "labels=token" in entry["query"]


def test_a_scripted_header_takes_the_place_of_the_fakes_own() -> None:
    """One Retry-After goes out, in whatever case it was asked for."""
    app = app_of()
    script = {"provider": "superserve", "operation": "listSandboxes", "code": 429, "headers": {"retry-after": "7"}}
    done(admin(app, "POST", "/faults", script))

    assert get(app, "superserve").headers["retry-after"] == "7"


def test_an_answer_that_was_not_made_to_fail_does_not_say_so() -> None:
    """A spent wish, or one with nothing left to fail, leaves no mark."""
    app = app_of()
    headers = {"x-api-key": "superserve-admin-key+code=503,times=1"}
    replies = [call(app, "/superserve/sandboxes", headers=headers) for _ in range(2)]

    assert [reply.status for reply in replies] == [503, 200]
    assert "preference-applied" not in replies[1].headers
    late = call(app, "/superserve/sandboxes", headers={"prefer": "code=503, phase=after"})
    assert late.status == 401
    assert "x-fakeserver-fault" not in late.headers


def test_preferences_in_two_lines_count_as_one() -> None:
    """RFC 7240 allows several Prefer lines."""
    lines = [(b"prefer", b"code=503"), (b"prefer", b"wait=10"), (b"x-api-key", b"superserve-admin-key")]

    assert call(app_of(), "/superserve/sandboxes", headers=lines).status == 503


def test_a_facet_takes_its_name_from_what_was_found() -> None:
    """A bucket is named after the newest document in view, not after one outside of it."""
    app = app_of()
    rows = list(main_tenant(app, "dreadnode").documents())
    running_one = next(each for each in rows if each["state"] == "running" and each["project_id"])
    newer = {**rows[0], "state": "killed", "project_id": running_one["project_id"], "project_key": "OTHER"}
    fill(tenants(app, "dreadnode")["acme"], [(newer, "x"), (running_one, "x")])

    (bucket,) = get(app, "dreadnode", "state=running", path="/api/v1/org/acme/sandboxes/facets").value["projects"]
    assert bucket["project_key"] == running_one["project_key"]


def test_a_long_answer_stays_whole_while_documents_change() -> None:
    """What was begun is finished from the documents that were there."""
    app = app_of(size=3_000)
    collection = main_tenant(app, "superserve")
    expected = [each["id"] for each in collection.documents()]
    service = app.services["superserve"]
    answer = service.answer(Request("GET", "/sandboxes", b"", credential("superserve")), app.world)
    assert isinstance(answer.body, Iterator)
    first = next(answer.body)
    fill(collection, [])
    assert [each["id"] for each in json.loads(first + b"".join(answer.body))] == expected


def test_holding_documents_against_the_spec_lets_others_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """While many documents are checked, a request that came later is answered first."""
    app, ended = app_of(size=200), []
    documents = [*main_tenant(app, "superserve").documents()]
    monkeypatch.setattr(bodies, "CHUNK_DOCUMENTS", 1)

    async def send(client: httpx.AsyncClient, method: str, path: str, **more: Any) -> None:
        response = await client.request(method, f"/__admin{path}", **more)
        ended.append((path, response.status_code))

    async def together() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            put = send(client, "PUT", "/documents/superserve/main", json=documents)
            await asyncio.gather(put, send(client, "GET", "/health"))

    runner.run(together())
    assert ended == [("/health", 200), ("/documents/superserve/main", 204)]


@pytest.mark.parametrize("example", ["%E2%98%83", "%0D%0Aset-cookie:%20a", "nobody"])
def test_an_undocumented_code_has_no_example(example: str) -> None:
    """A header repeats what was asked for, so only names that the spec chose may be in it."""
    refused(get(app_of(), "prime", f"__code=418&__handling=lenient&__example={example}"), 400, "example")


def test_a_namespace_without_a_name_is_refused() -> None:
    for path in ("/ns", "/ns/"):
        refused(call(app_of(), path), 400, "namespace")


def test_the_tightest_limit_is_reported_when_several_are_used_up() -> None:
    """None is left of either; the one that was used up first stays the one that is told of."""
    app = app_of(rate_limits=True)
    app.world.clock.freeze()
    told = {get(app, "superserve", "limit=1").headers["ratelimit-limit"] for _ in range(150)}
    assert told == {"40"}


def test_a_loop_is_seen_across_a_snapshot() -> None:
    """Also where the journal shows the query cut or masked."""
    app = app_of()
    for _ in range(LOOP - 1):
        get(app, "prime", "per_page=1&api_key=secret")
    done(admin(app, "PUT", "/snapshot", done(admin(app, "GET", "/snapshot"))))
    get(app, "prime", "per_page=1&api_key=secret")

    newest = done(admin(app, "GET", "/requests"))["requests"][0]
    assert any("times in a row" in each for each in newest["warnings"]), newest


def test_the_journal_keeps_little_of_a_long_query() -> None:
    """A query that was refused for its length is not kept whole, and one of many fields is not taken apart."""
    app = app_of()
    get(app, "prime", "a=" + "b" * MAX_QUERY_BYTES)
    (exchange,) = app.world.journal._ring
    assert isinstance(exchange, Exchange)
    assert MAX_TEXT <= len(exchange.about.query) <= 3 * MAX_TEXT

    get(app, "prime", "&".join(f"unknown{number}=1" for number in range(990)))
    newest, _ = done(admin(app, "GET", "/requests"))["requests"]
    assert len(newest["warnings"]) == MAX_WARNINGS
    assert not any("unknown100'" in each for each in newest["warnings"])


def test_an_entry_is_written_once() -> None:
    """Reading the journal again costs nothing again."""
    app = app_of()
    get(app, "prime")
    first, second = (next(iter(app.world.journal.entries())) for _ in range(2))
    assert first is second
