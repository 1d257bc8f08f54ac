"""The shortcut from the socket to the bytes: an answer that is known at once is the one that ASGI would have sent."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import pairwise

import httpx
import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fakeserver.instants import instant
from fakeserver.pipeline.exchange import Answer
from fakeserver.serving.app import App, Settings, create_app
from fakeserver.serving.configuration import server_config
from fakeserver.serving.heads import MAX_HELD
from fakeserver.serving.protocol import Protocol
from fakeserver.serving.sending import ANSWER, send_answer
from fakeserver.testing.server import running
from tests.support.asgi import PATHS
from tests.support.server import Live, serving

pytestmark = pytest.mark.slow

SECONDS = 10.0
END = b"\r\n\r\n"
EPOCH = instant("2026-01-01T00:00:00Z")
PRIME = f"GET /prime{PATHS['prime']}?per_page=2"
KEY = "Authorization: Bearer prime-admin-key"


def make() -> App:
    return create_app(Settings(size=200, epoch=EPOCH))


@contextmanager
def connected(live: Live) -> Iterator[socket.socket]:
    port = int(live.root.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        yield connection


def request(line: str, *headers: str, version: str = "1.1", body: str = "") -> bytes:
    return "\r\n".join([f"{line} HTTP/{version}", "Host: localhost", *headers, "", body]).encode()


def answers(connection: socket.socket, count: int) -> list[tuple[bytes, bytes]]:
    """The heads and bodies of so many answers to GET."""
    found: list[tuple[bytes, bytes]] = []
    text = b""
    while len(found) < count:
        head, end, rest = text.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head) if end else None
        if length is not None and len(rest) >= int(length[1]):
            found.append((head, rest[: int(length[1])]))
            text = rest[int(length[1]) :]
            continue
        piece = connection.recv(1 << 16)
        assert piece, f"the connection ended after {len(found)} answers"
        text += piece
    assert text == b""
    return found


def everything(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def without_date(text: bytes) -> bytes:
    return re.sub(rb"\r\ndate: [^\r]*", b"", text)


Both = Callable[..., list[bytes]]


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    """Sends a request, in pieces that begin at these bounds, to the same world under our protocol and under uvicorn's
    own: the answers but their dates."""
    with ExitStack() as stack:
        served = [
            (app, stack.enter_context(serving(app, protocol)))
            for app, protocol in ((make(), Protocol), (make(), HttpToolsProtocol))
        ]

        def ask(raw: bytes, *bounds: int) -> list[bytes]:
            found = []
            for app, live in served:
                app.world.reset()
                app.world.clock.freeze(EPOCH)
                with connected(live) as connection:
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    for start, end in pairwise([0, *bounds, len(raw)]):
                        with suppress(BrokenPipeError):  # It was refused before it was whole.
                            connection.sendall(raw[start:end])
                        # Pieces that are read at once would be one.
                        time.sleep(0.005 if bounds else 0.0)
                    found.append(without_date(everything(connection)))
            return found

        yield ask


@pytest.mark.parametrize(
    "raw",
    [
        request(PRIME, KEY, "Connection: close"),
        request(PRIME.replace("GET", "HEAD"), KEY, "Connection: close"),
        request("HEAD /superserve/sandboxes", "X-API-Key: superserve-admin-key", "Connection: close"),
        request("GET /prime/api/v1/sandbox/?page=2", KEY, "Connection: close"),
        request(PRIME, KEY, version="1.0"),
        request(PRIME, KEY, "Connection: keep-alive", version="1.0"),
        request(PRIME, "Connection: close"),
        request(PRIME, KEY, "Connection: close", "Origin: http://localhost:3000"),
        request(PRIME, KEY, "Connection: close", "Content-Length: 4", body="body"),
        request(PRIME, KEY, "Connection: close", "Expect: 100-continue", "Content-Length: 4", body="body"),
        request(PRIME, KEY, "Connection: close, upgrade", "Upgrade: h2c"),
        request(PRIME, KEY, "Connection: close", "Prefer: code=429"),
        request(PRIME, KEY, "Connection: close", "Prefer: delay=20ms"),
        request(PRIME, KEY, "Connection: close", "Prefer: fault=WRONG_CONTENT_TYPE"),
        request(PRIME, KEY, "Connection: close", "Prefer: fault=HTML_GATEWAY"),
        request(PRIME + "&per_page=x", KEY, "Connection: close"),
        request("GET /prime/api%2Fv1/sandbox?page=1%00", KEY, "Connection: close"),
        request("GET http://localhost/nobody", "Connection: close"),
        request("OPTIONS *", "Connection: close"),
        request("POST /superserve/sandboxes", "Connection: close", "Content-Length: 2", body="{}"),
        request("GET /superserve/sandboxes", "X-API-Key: superserve-admin-key", "Connection: close"),
        request("GET /ns/other/instavm/v1/sessions/sandboxes", "X-API-Key: instavm-admin-key", "Connection: close"),
        request("GET /__admin/health", "Connection: close"),
        request("GET /__admin", "Connection: close"),
        request("GET /ns/", "Connection: close"),
        request("GET /ns", "Connection: close"),
        b"GET nonsense\r\n\r\n",
    ],
    ids=lambda raw: raw.split(b"\r\nHost")[0].decode() + str(len(raw)),
)
def test_the_shortcut_sends_what_asgi_sends(raw: bytes, both: Both) -> None:
    """Byte for byte but the date, the same application under uvicorn's own protocol gives the same answer."""
    ours, uvicorns = both(raw)
    assert ours == uvicorns
    assert ours.startswith(b"HTTP/1.1 ")


CREATE = "POST /prime/api/v1/sandbox"
NEW = '{"name": "mine", "docker_image": "python:3.11-slim"}'
JSON = "Content-Type: application/json"
LONG = '{"name": "' + "a" * MAX_HELD + '"}'
RENAME = '{"metadata": {"env": "prod"}}'


def write(line: str, *headers: str, body: str = NEW, length: int | None = None) -> bytes:
    return request(line, *headers, JSON, f"Content-Length: {len(body) if length is None else length}", body=body)


@pytest.mark.parametrize("pieces", [(), (0,), (10,), (-1,), (-20, -10)], ids=str)
@pytest.mark.parametrize(
    "raw",
    [
        write(CREATE, KEY, "Connection: close"),
        write(CREATE, KEY, "Connection: close", body="{}"),
        write(CREATE, KEY, "Connection: close", body='{"name": 1, "labels": "a"}'),
        write(CREATE, KEY, "Connection: close", body="nonsense"),
        write(CREATE, KEY, "Connection: close", body=LONG),
        write(CREATE, KEY, "Connection: close", "Prefer: code=402"),
        write(CREATE, KEY, "Connection: close", "Prefer: delay=20ms"),
        write(CREATE, KEY, "Connection: close", "Prefer: code=503, phase=after"),
        write(CREATE, KEY, "Connection: close", "Origin: http://localhost:3000"),
        write(CREATE, KEY, "Connection: close", "Expect: 100-continue"),
        write(CREATE, KEY, "Connection: keep-alive") + write(CREATE, KEY, "Connection: close"),
        write(CREATE, KEY) + request(PRIME, KEY) + write(CREATE, "Connection: close"),
        write("POST /superserve/sandboxes", "X-API-Key: superserve-admin-key", "Connection: close"),
        write("POST /instavm/v1/vms", "X-API-Key: instavm-admin-key", "Connection: close", body=RENAME),
        write("DELETE /prime/api/v1/sandbox", KEY, "Connection: close", body='{"sandbox_ids": []}'),
        write("PUT /__admin/settings", "Connection: close", body='{"transitions": "manual"}'),
        request(
            CREATE,
            KEY,
            JSON,
            "Connection: close",
            "Transfer-Encoding: chunked",
            body=f"{len(NEW):x}\r\n{NEW}\r\n0\r\n\r\n",
        ),
        request(CREATE, KEY, JSON, "Connection: close", "Content-Length: x", body=NEW),
    ],
    ids=lambda raw: raw.split(b"\r\nHost")[0].decode() + str(len(raw)),
)
def test_a_body_is_answered_as_asgi_answers_it(raw: bytes, pieces: tuple[int, ...], both: Both) -> None:
    """Byte for byte, however it comes in pieces; the ids of what is made are the same too."""
    ours, uvicorns = both(raw, *(raw.index(END) + len(END) if each == 0 else each % len(raw) for each in pieces))
    assert ours == uvicorns
    assert ours.startswith(b"HTTP/1.1 ")


def test_a_body_that_never_ends_is_nobodys() -> None:
    """Nothing is made of it, and the server serves on."""
    app = make()
    with serving(app) as live:
        before = live.request("prime", PATHS["prime"]).json()["total"]
        with connected(live) as connection:
            connection.sendall(write(CREATE, KEY, length=len(NEW) + 1))
            assert live.request("prime", PATHS["prime"]).json()["total"] == before
        assert live.request("prime", PATHS["prime"]).json()["total"] == before


def test_an_application_without_the_shortcut_is_called() -> None:
    """The protocol serves any ASGI application, such as one that a user wrapped."""
    app = make()

    async def wrapped(scope: object, receive: object, send: object) -> None:
        await app(scope, receive, send)  # type: ignore[arg-type]

    with serving(wrapped) as live:  # type: ignore[arg-type]
        assert len(live.request("prime", "/api/v1/sandbox?per_page=2").json()["sandboxes"]) == 2


def test_requests_in_one_packet_are_answered_in_order() -> None:
    """Also when some take their time: an answer never overtakes the one before it."""
    pages = [*range(1, 21)]
    lines = [f"GET /prime{PATHS['prime']}?per_page=1&page={page}" for page in pages]
    slow = ["Prefer: delay=30ms"]
    raw = b"".join(request(line, KEY, *(slow if index % 7 == 3 else [])) for index, line in enumerate(lines))
    with serving(make()) as live, connected(live) as connection:
        connection.sendall(raw)
        found = answers(connection, len(pages))
    assert [int(re.findall(rb'"page":(\d+)', body)[0]) for _, body in found] == pages


def test_an_application_is_told_which_world_a_packet_is_known_to_be_about() -> None:
    """By what is around its query, once that has been there twice: then the packet is not looked into."""
    app, named = make(), list[str | None]()

    def hold(packet: bytes, name: str | None, go_on: object) -> bool:
        named.append(name)
        return False

    app.hold = hold
    with serving(app) as live, connected(live) as connection:
        for line in (PRIME, f"GET /ns/his/prime{PATHS['prime']}?per_page=2"):
            for rows in range(1, 6):
                connection.sendall(request(f"{line}{rows}", KEY))
                assert answers(connection, 1)[0][0].startswith(b"HTTP/1.1 200")
    assert named == [None, None, None, "", "", None, None, None, "his", "his"]


def test_many_requests_in_one_packet_leave_room_for_others() -> None:
    """Only the first is answered at once; between the others, every other connection gets its turn."""
    count = 2_000
    raw = b"GET /prime/x HTTP/1.1\r\n\r\n" * count
    with serving(make()) as live, connected(live) as busy, connected(live) as other:
        busy.sendall(raw)
        busy.recv(1)
        other.sendall(request("GET /__admin/requests?limit=1"))
        # How many there were by then, the server says itself: it may have answered the others before this is read.
        journal = json.loads(answers(other, 1)[0][1])["meta"]["total"]
        left = everything_of(busy, count)
    assert left == count
    assert 0 < journal < count


def everything_of(connection: socket.socket, count: int) -> int:
    """How many answers arrive, until as many as wanted have."""
    text = b"H"
    while (seen := text.count(b"TTP/1.1 404")) < count or not text.endswith(b"}"):
        piece = connection.recv(1 << 16)
        if not piece:
            break
        text += piece
    return seen


def test_an_idle_timer_does_not_end_a_slow_answer() -> None:
    """The answer at once has armed the timer of idle connections; the slow one behind it in the packet disarms it."""
    with serving(make(), keep_alive_seconds=1) as live, connected(live) as connection:
        connection.sendall(request(PRIME, KEY) + request(PRIME, KEY, "Prefer: delay=1.5s"))
        assert len(answers(connection, 2)) == 2


def test_idle_connections_are_ended() -> None:
    """By the server, once nothing has come for a while; until then the connection takes further requests."""
    with serving(make(), keep_alive_seconds=1) as live, connected(live) as connection:
        for _ in range(2):
            connection.sendall(request(PRIME, KEY))
            answers(connection, 1)
        assert connection.recv(1) == b""
        assert live.app.world.journal.total == 2


def test_clients_give_idle_connections_up_first() -> None:
    """Else a client now and then uses one that the server is just closing."""
    kept = httpx.Limits().keepalive_expiry
    assert kept is not None
    assert server_config(make()).timeout_keep_alive > 2 * kept


def test_nothing_is_answered_after_the_last_request() -> None:
    """What stands in the packet behind `Connection: close` reaches nobody, the journal included."""
    with serving(make()) as live, connected(live) as connection:
        connection.sendall(request(PRIME, KEY, "Connection: close") + request(PRIME, KEY))
        assert everything(connection).count(b"HTTP/1.1 200") == 1
        assert live.app.world.journal.total == 1


@pytest.mark.parametrize("packets", [1, 2_000])
def test_a_client_that_does_not_read_is_waited_for(packets: int) -> None:
    """Its answers do not pile up in memory: the server stops making them until there is room."""
    count = 2_000
    lines = request(f"GET /prime{PATHS['prime']}?per_page=100", KEY) * (count // packets)
    with serving(make()) as live, connected(live) as busy, connected(live) as other:
        journal = live.app.world.journal
        for _ in range(packets):
            busy.sendall(lines)
        # Each of these is a turn that the busy connection could have as well; what nobody serves is in no journal.
        for _ in range(3 * count):
            other.sendall(request("GET /nobody"))
            answers(other, 1)
        assert 0 < journal.total < count
        assert live.request("superserve", "/sandboxes", key="unknown").status_code == 401


def test_the_server_stands_on_what_it_overrides() -> None:
    """uvicorn's names that the shortcut relies on; without one of them it would be passed by in silence."""
    for name in ("data_received", "on_headers_complete", "on_body", "on_message_complete"):
        assert callable(getattr(HttpToolsProtocol, name)), name
    config = server_config(make())
    config.load()
    assert config.http_protocol_class is Protocol
    assert config.loaded_app.at_once


def test_a_header_that_would_begin_another_is_never_sent() -> None:
    """Neither on the short way, where uvicorn does not look, nor through ASGI."""

    class Split:
        def at_once(self, scope: Scope, body: bytes) -> Answer:
            return Answer(200, b"{}", {"X-Note": "a\r\nset-cookie: b"})

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await send_answer(self.at_once(scope, b""), scope, receive, send)

    for protocol in (Protocol, HttpToolsProtocol):
        with serving(Split(), protocol) as live, connected(live) as connection:  # type: ignore[arg-type]
            connection.sendall(request(PRIME, "Connection: close"))
            answer = everything(connection)
        assert answer.startswith(b"HTTP/1.1 500"), answer
        assert b"set-cookie" not in answer


def test_finished_answers_are_let_go() -> None:
    """A connection that lives long keeps nothing of the pipelined answers that it has had."""
    slow = request("GET /superserve/sandboxes", "X-API-Key: superserve-admin-key", "Prefer: delay=1ms")
    with running() as server:
        port = int(server.base_url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
            for _ in range(20):
                connection.sendall(slow + request("GET /nobody"))
                answers(connection, 2)
            (kept,) = (each for each in server._server.server_state.connections if each.waiting)  # type: ignore[union-attr]
            assert len(kept.waiting) == 1  # type: ignore[union-attr]
            assert ANSWER not in kept.waiting[0].scope  # type: ignore[union-attr]


@pytest.mark.parametrize("before", [b"", request("GET /nobody")])
def test_trailers_are_no_headers(before: bytes) -> None:
    """What comes behind a body authenticates nobody, wherever in a packet the request stands."""
    chunked = request(PRIME, "Transfer-Encoding: chunked", "Connection: close") + f"0\r\n{KEY}\r\n\r\n".encode()
    with serving(make()) as live, connected(live) as connection:
        connection.sendall(before + chunked)
        assert b"HTTP/1.1 401" in everything(connection)


@pytest.mark.parametrize("pieces", [1, 3], ids=["at once", "in pieces"])
@pytest.mark.parametrize("slug", PATHS)
@pytest.mark.parametrize(("text", "code"), [("é", "C3"), (" ", "20"), ("\x7f", "7F"), ("\x01", "01")])
def test_a_raw_byte_in_a_query_is_refused_in_the_dialect(slug: str, text: str, code: str, pieces: int) -> None:
    """What no URL holds is named with its field and its escape, by the provider, and noted in the journal."""
    target = f"/{slug}{PATHS[slug]}?limit=2&label=a{text}b"
    head = f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    step = -(-len(head) // pieces)
    with serving(make()) as live, connected(live) as connection:
        for start in range(0, len(head), step):
            connection.sendall(head[start : start + step])
            time.sleep(0.02 if pieces > 1 else 0)  # The next piece shall be a packet of its own.
        status, _, body = everything(connection).partition(b"\r\n")
        noted = live.request("__admin", "/requests").json()["requests"]
    assert status == b"HTTP/1.1 400 Bad Request"
    assert f"label: the query has the raw byte 0x{code}, which is written as %{code}".encode() in body
    dialect = {"dreadnode": b'"invalid_error"', "superserve": b'"bad_request"'}
    assert dialect.get(slug, b'{"detail":"label:') in body
    assert [(each["operation"], each["status"]) for each in noted] == [("listSandboxes", 400)]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET /prime/é HTTP/1.1\r\nHost: x\r\n\r\n", b'404 Not Found|"detail":"Not Found"'),
        (
            "GET /dreadnode/api/v1/org/acmé/sandboxes?__code=500&__fault=EMPTY_RESPONSE HTTP/1.1\r\n\r\n",
            b"400 Bad Request|The URL has the raw byte 0xC3, which is written as %C3",
        ),
        (
            "POST /superserve/x HTTP/1.1\r\nContent-Length: 25\r\n\r\nGET /prime/é HTTP/1.1\r\n\r\n"
            "GET /superserve/\x01 HTTP/1.1\r\n\r\n",
            b"HTTP/1.1 404 Not Found|connection: close",
        ),
        ("GET /nobody?a=é HTTP/1.1\r\nHost: x\r\n\r\n", b'404 Not Found|"No provider answers at this path"'),
        ("GET /__admin/health?a=é HTTP/1.1\r\nHost: x\r\n\r\n", b"400 Bad Request|percent-encoded"),
        ("GET /prime/x HTTP/9.1\r\nHost: x\r\n\r\n", b"400 Bad Request|Invalid HTTP request received."),
        ("gibberish é\r\n\r\n", b"400 Bad Request|Invalid HTTP request received."),
        ("POST /prime/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\né /x?é HTTP/1.1\r\n", b"400 Bad Request|Invalid"),
    ],
)
def test_what_cannot_be_parsed_is_refused(head: str, status: bytes) -> None:
    """A raw byte in a path names nothing; what is no request at all is uvicorn's to refuse."""
    with serving(make()) as live, connected(live) as connection:
        connection.sendall(head.encode())
        said = everything(connection)
    for part in status.split(b"|"):
        assert part in said


def test_a_refusal_overtakes_no_answer() -> None:
    """What cannot be parsed behind a request that is still to be answered ends the connection after that answer."""
    with serving(make()) as live, connected(live) as connection:
        connection.sendall(request(PRIME, KEY, "Prefer: delay=300ms"))
        time.sleep(0.1)  # The second shall be a packet of its own.
        connection.sendall("GET /prime/x?q=é HTTP/1.1\r\n\r\n".encode())
        said = everything(connection)
    assert said.startswith(b"HTTP/1.1 200 OK")
    assert said.count(b"HTTP/1.1 ") == 1
