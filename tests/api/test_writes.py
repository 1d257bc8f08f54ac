"""Operations that a provider brings along, and that change documents: sandboxes are created and deleted."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from fakeserver.listing.meaning import Asked, Meaning, Result, View
from fakeserver.pipeline.agreement import check_agreement
from fakeserver.problems import SpecError
from fakeserver.serving.app import App, Settings, create_app
from fakeserver.spec.bodies import MAX_BODY_BYTES
from tests.support.admin import admin, done
from tests.support.asgi import EPOCH, Reply, call, credential, get, rows
from tests.support.server import Live, serving
from tests.support.writes import Create, Delete, Get, service_of

JSON = {"content-type": "application/json"}
WISH = {"name": "mine", "metadata": {"env": "prod"}}
KEY = credential("superserve")


@pytest.fixture
def app(tmp_path: Path) -> App:
    return app_of(tmp_path)


def app_of(folder: Path, *, size: int = 40, **changed: Meaning) -> App:
    settings = Settings(size=size, epoch=EPOCH, rate_limits=False)
    return create_app(settings, {"superserve": service_of(folder, **changed)})


def ask(app: App, method: str, path: str = "", body: Any = b"", *, ns: str = "", **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = KEY | JSON | {name.replace("_", "-"): text for name, text in headers.items()}
    root = f"/ns/{ns}/superserve" if ns else "/superserve"
    return call(app, f"{root}/sandboxes{path}", method=method, headers=sent, body=raw)


def names(app: App) -> list[str]:
    return [row["name"] for row in rows("superserve", get(app, "superserve"))]


def test_a_sandbox_is_created_looked_at_and_deleted(app: App) -> None:
    """What an operation wants changed is changed when its answer goes out, in every view of the documents."""
    before = names(app)
    created = ask(app, "POST", "?timeout_seconds=60", WISH)
    assert (created.status, created.value["name"], created.value["timeout_seconds"]) == (201, "mine", 60)
    assert created.headers["x-frame-options"] == "DENY"
    path = "/" + created.value["id"]
    assert created.headers["location"] == f"/sandboxes{path}"
    assert names(app) == ["mine", *before]
    assert ask(app, "GET", path).value == created.value
    assert ask(app, "GET", "?metadata.env=prod").value[0] == created.value
    deleted = ask(app, "DELETE", path)
    assert (deleted.status, deleted.body) == (204, b"")
    assert names(app) == before
    assert {ask(app, method, path).status for method in ("GET", "HEAD", "DELETE")} == {404}


def test_seeded_sandboxes_can_be_deleted(app: App) -> None:
    seeded = rows("superserve", get(app, "superserve"))
    assert ask(app, "GET", f"/{seeded[3]['id']}").value == seeded[3]
    assert ask(app, "DELETE", f"/{seeded[3]['id']}", b"a body that nobody asked for").status == 204
    assert rows("superserve", get(app, "superserve")) == seeded[:3] + seeded[4:]


def test_the_journal_notes_writes(app: App) -> None:
    identity = ask(app, "POST", "", WISH).value["id"]
    ask(app, "GET", f"/{identity}")
    ask(app, "DELETE", f"/{identity}")
    ask(app, "POST", "?timeout_seconds=0", WISH)
    noted = [
        (entry["method"], entry["operation"], entry["status"], entry["values"], entry["caller"])
        for entry in done(admin(app, "GET", "/requests"))["requests"]
    ]
    assert noted == [
        ("POST", "createSandbox", 400, None, "admin"),
        ("DELETE", "deleteSandbox", 204, {"sandbox_id": identity}, "admin"),
        ("GET", "getSandbox", 200, {"sandbox_id": identity}, "admin"),
        ("POST", "createSandbox", 201, {"timeout_seconds": None}, "admin"),
    ]


def test_the_same_requests_have_the_same_results(tmp_path: Path) -> None:
    """Operations depend on the world and the request alone: two servers of a seed stay alike, and namespaces apart."""
    answers = []
    for _ in range(2):
        app = app_of(tmp_path)
        done(admin(app, "PUT", "/clock", {"action": "freeze", "instant": "2026-01-19T00:00:00Z"}))
        answers.append([ask(app, "POST", "", {"name": name}).body for name in ("a", "b")])
        other = ask(app, "POST", "", {"name": "a"}, ns="other")
        assert other.status == 201
        assert other.value["id"] not in [json.loads(body)["id"] for body in answers[-1]]
        assert names(app)[:2].count("a") == 1
    assert answers[0] == answers[1]
    assert len({*answers[0]}) == 2


@pytest.mark.parametrize(
    ("query", "body", "fields"),
    [
        ("", b"{", ["body"]),
        ("?timeout_seconds=0", b"", ["timeout_seconds", "body"]),
        ("?timeout_seconds=x", {"metadata": {"a": 1}, "b": 2}, ["timeout_seconds", "metadata.a", "b", "name"]),
        ("", {"name": 1}, ["name"]),
    ],
)
def test_every_issue_of_a_request_is_named(app: App, query: str, body: Any, fields: list[str]) -> None:
    """What is wrong with the parameters and with the body stands in one refusal, and nothing changes."""
    version = app.world.version
    reply = ask(app, "POST", query, body)
    assert (reply.status, reply.value["error"]["code"]) == (400, "bad_request")
    assert [part.partition(": ")[0] for part in reply.value["error"]["message"].split("; ")] == fields
    assert app.world.version == version


def test_a_problem_of_another_kind_stands_alone(app: App) -> None:
    """A body that nobody looks at is refused for that alone; one that is sent as something else has issues like any."""
    reply = ask(app, "POST", "?timeout_seconds=x", b" " * (MAX_BODY_BYTES + 1))
    assert (reply.status, reply.value["error"]["code"]) == (413, "too_long")
    reply = ask(app, "POST", "?timeout_seconds=x", WISH, content_type="text/plain")
    assert (reply.status, reply.value["error"]["code"]) == (400, "bad_request")
    assert reply.value["error"]["message"].endswith("; body: Input should be sent as application/json")


def test_a_body_that_is_too_large(app: App) -> None:
    """The largest body is read; one byte more is a refusal in the dialect, and nothing changes."""
    filler = len(json.dumps({"name": ""}))
    version = app.world.version
    reply = ask(app, "POST", "", {"name": "n" * (MAX_BODY_BYTES - filler + 1)})
    assert (reply.status, reply.value["error"]["code"]) == (413, "too_long")
    assert app.world.version == version
    assert ask(app, "POST", "", {"name": "n" * (MAX_BODY_BYTES - filler)}).status == 201


def test_a_body_that_nobody_reads_may_be_of_any_size(app: App) -> None:
    identity = ask(app, "POST", "", WISH).value["id"]
    body = b"n" * (MAX_BODY_BYTES + 1)
    assert ask(app, "DELETE", f"/{identity}", body).status == 204
    assert ask(app, "PUT", "", body).status == 405


def test_other_methods(app: App) -> None:
    """A path allows what its operations are, and HEAD where there is a GET."""
    path = "/" + ask(app, "POST", "", WISH).value["id"]
    for at, allowed in (("", "GET, HEAD, POST"), (path, "GET, HEAD, DELETE")):
        for method in ("PUT", "PATCH", "OPTIONS"):
            reply = ask(app, method, at, WISH)
            assert (reply.status, reply.headers["allow"]) == (405, allowed)
    whole, head = ask(app, "GET", path), ask(app, "HEAD", path)
    assert (head.status, head.body, head.steady_headers) == (200, b"", whole.steady_headers)
    assert get(app, "superserve", path="/sandboxes", who="").status == 401
    assert call(app, f"/superserve/sandboxes{path}", method="DELETE").status == 401
    assert ask(app, "GET", path).status == 200


def test_a_page_in_a_browser_may_write(app: App) -> None:
    """A body reaches the operation behind CORS too."""
    reply = ask(app, "POST", "", WISH, origin="http://localhost:5173")
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (201, "http://localhost:5173")
    preflight = {"origin": "http://localhost:5173", "access-control-request-method": "PATCH"}
    assert call(app, "/superserve/sandboxes", method="OPTIONS", headers=preflight).status == 204


FAULTS = [
    ("code=500", 500, False),
    ("code=500, phase=after", 500, True),
    ("fault=HTML_GATEWAY", 502, False),
    ("fault=HTML_GATEWAY, phase=after", 502, True),
    ("fault=CONNECTION_RESET_BY_PEER", 501, False),
    ("fault=CONNECTION_RESET_BY_PEER, phase=after", 501, True),
    ("delay=1ms", 201, True),
    ("code=201", 201, True),
]


@pytest.mark.parametrize(("preference", "status", "happens"), FAULTS)
def test_a_fault_says_whether_the_request_took_effect(app: App, preference: str, status: int, happens: bool) -> None:
    """In front of the operation, a fault finds nothing changed; behind it, only the answer is lost."""
    assert ask(app, "POST", "", WISH, prefer=preference).status == status
    assert ("mine" in names(app)) is happens


def test_a_fault_behind_a_refusal_loses_nothing(app: App) -> None:
    reply = ask(app, "POST", "", {"name": 1}, prefer="code=500, phase=after")
    assert (reply.status, "x-fakeserver-fault" in reply.headers) == (400, False)


def test_the_catalogue_says_how_to_cause_the_errors_of_writes(app: App) -> None:
    """A recipe names the method, and looking for it changes nothing."""
    listed = done(admin(app, "GET", "/errors"))
    causes = {(each["operation"], each["code"]): each["recipes"].get("cause") for each in reversed(listed)}
    assert causes["createSandbox", 401] == "curl -X POST \"$BASE_URL\"'/superserve/sandboxes'"
    assert causes["deleteSandbox", 404].startswith('curl -X DELETE "$BASE_URL"\'/superserve/sandboxes/')
    assert causes["getSandbox", 404].startswith('curl "$BASE_URL"\'/superserve/sandboxes/')
    assert app.world.version == 0


def test_scripts_know_the_operations(app: App) -> None:
    script = {"provider": "superserve", "operation": "createSandbox", "code": 409, "times": 1}
    done(admin(app, "POST", "/faults", script))
    assert [ask(app, "POST", "", WISH).status for _ in range(2)] == [409, 201]
    assert names(app).count("mine") == 1


def test_changes_that_cannot_be_made_are_a_refusal(tmp_path: Path) -> None:
    """An operation that wants the impossible is refused in the dialect, with the reason, and nothing has changed."""
    app = app_of(tmp_path, deleteSandbox=Delete(blind=True))
    version = app.world.version
    reply = ask(app, "DELETE", "/nobody")
    assert (reply.status, reply.value["error"]["code"]) == (409, "conflict")
    assert reply.value["error"]["message"] == "The change cannot be made: 0: there is no document 'nobody'"
    assert app.world.version == version


class Deaf(Create):
    """A creation that takes no body."""

    body = False

    def answer(self, asked: Asked, view: View) -> Result:
        return Result(201, None)


class Greedy(Get):
    """A look that takes a body."""

    body = True


DISAGREEMENTS: dict[str, tuple[dict[str, Meaning], str]] = {
    "createSandbox": ({"createSandbox": Deaf()}, "the spec declares the body of a request, which nothing reads"),
    "getSandbox": (
        {"getSandbox": Greedy()},
        "the provider reads the body of a request, which the spec does not declare",
    ),
    "deleteSandbox": (
        {"deleteSandbox": Create()},
        "the spec declares 'sandbox_id', which nothing reads; "
        "the provider reads 'timeout_seconds', which the spec does not declare",
    ),
}


@pytest.mark.parametrize("operation", DISAGREEMENTS)
def test_a_meaning_that_its_spec_does_not_bear_out_stops_the_start(operation: str, tmp_path: Path) -> None:
    changed, sentence = DISAGREEMENTS[operation]
    with pytest.raises(SpecError) as error:
        service_of(tmp_path, **changed)
    assert str(error.value) == f"{tmp_path / 'superserve.yaml'}: {operation}: {sentence}"


def test_what_a_meaning_objects_to_stops_the_start(tmp_path: Path) -> None:
    """A provider's own meaning has a say too."""
    service = service_of(tmp_path)
    row = service.spec.document["components"]["schemas"]["SandboxResponse"]["properties"]
    row["identity"] = row.pop("id")
    with pytest.raises(SpecError, match="getSandbox: sandboxes are found by 'id', which no row has"):
        check_agreement(replace(service.provider, identity="name"), service.spec)


def test_large_worlds_are_filed_beforehand(tmp_path: Path) -> None:
    """Every operation is asked what it will look up."""
    asked: list[int] = []

    class Noting(Get):
        def prepare(self, collection: Any) -> None:
            asked.append(len(collection))

    app = app_of(tmp_path, getSandbox=Noting())
    provider = app.services["superserve"].provider
    app.seeded.prepare(provider)
    assert sorted(asked) == sorted(len(each) for each in app.world.tenants(provider).values())


# Over a socket


@pytest.fixture
def live(app: App) -> Iterator[Live]:
    with serving(app) as running:
        yield running


@pytest.fixture
def client(live: Live) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=live.base_url("superserve"), headers=KEY, trust_env=False, timeout=10) as client:
        yield client


def chunked(body: bytes) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        for start in range(0, len(body), 7):
            yield body[start : start + 7]

    return pieces


@pytest.mark.slow
def test_writes_over_a_socket(client: httpx.Client, app: App) -> None:
    """Bodies arrive whole or in chunks, before or after requests that are answered at once on the same connection."""
    before = client.get("/sandboxes").json()
    whole = client.post("/sandboxes", json=WISH)
    pieces = client.post("/sandboxes", content=chunked(json.dumps(WISH).encode())(), headers=JSON)
    assert [whole.status_code, pieces.status_code] == [201, 201]
    path = f"/sandboxes/{whole.json()['id']}"
    assert client.get(path).json() == whole.json()
    assert client.head(path).content == b""
    assert client.request("DELETE", path, json={"why": "done"}).status_code == 204
    assert client.delete(f"/sandboxes/{pieces.json()['id']}").status_code == 204
    assert client.post("/sandboxes").status_code == 400
    assert client.options("/sandboxes").headers["allow"] == "GET, HEAD, POST"
    assert client.get("/sandboxes").json() == before


@pytest.mark.slow
@pytest.mark.parametrize("how", ["whole", "chunked"])
def test_a_body_of_ten_megabytes_over_a_socket(client: httpx.Client, app: App, how: str) -> None:
    """It is refused, and no more of it is kept than is needed to tell."""
    version = app.world.version
    body = b'{"name": "' + b"n" * 10_000_000 + b'"}'
    content = body if how == "whole" else iter([body[: len(body) // 2], body[len(body) // 2 :]])
    reply = client.post("/sandboxes", content=content, headers=JSON)
    assert (reply.status_code, reply.json()["error"]["code"]) == (413, "too_long")
    assert app.world.version == version
    assert client.post("/sandboxes", json=WISH).status_code == 201


@pytest.mark.slow
def test_a_client_that_leaves_before_its_body_changes_nothing(live: Live, client: httpx.Client, app: App) -> None:
    version = app.world.version
    port = int(live.root.rpartition(":")[2])
    head = f"POST /superserve/sandboxes HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY['x-api-key']}\r\n"
    head += 'Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{"name": "m"}'
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head.encode())
    assert client.get("/sandboxes").status_code == 200
    assert app.world.version == version


@pytest.mark.slow
def test_a_connection_that_breaks_behind_the_write(live: Live, client: httpx.Client, app: App) -> None:
    """Answers are lost, before the write or behind it, as a client sees it on a bad day."""
    for phase, count in (("before", 0), ("after", 1)):
        with pytest.raises(httpx.TransportError):
            client.post("/sandboxes", json=WISH, headers={"prefer": f"fault=CONNECTION_RESET_BY_PEER, phase={phase}"})
        assert names(app).count("mine") == count
