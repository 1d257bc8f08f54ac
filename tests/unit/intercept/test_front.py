"""The front over sockets: what it does with clients that mean it ill, and with those that mean well."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import InvalidStatus

from fakeserver.certificates.authority import Authority
from fakeserver.intercept import front as fronts
from fakeserver.intercept.front import Front, Streams
from fakeserver.intercept.guard import Guard
from fakeserver.intercept.proxies import Proxies, Proxy
from fakeserver.pipeline.hosts import Hosts, Territory
from fakeserver.serving.app import Settings
from fakeserver.testing.server import Server, running

pytestmark = pytest.mark.slow

PRIME = Territory("prime", {"api.primeintellect.ai": ""}, None, ("primeintellect.ai",))
KEY = b"Authorization: Bearer prime-admin-key\r\n"
GET = b"GET /api/v1/sandbox?per_page=1 HTTP/1.1\r\nHost: api.primeintellect.ai\r\n" + KEY + b"\r\n"
SECONDS = 10.0
ELSEWHERE = "93.184.216.34"


class Asked:
    """A front for which every name has one address, and a list of the connections that it opened."""

    def __init__(
        self, server: Server, *addresses: str, offline: bool = False, environ: Mapping[str, str] | None = None
    ) -> None:
        self.opened: list[str] = []
        self.proxy: tuple[str, int] | None = None
        self.looked_up: list[str] = []
        self.fake = socket.gethostbyname("localhost"), int(server.base_url.rpartition(":")[2])
        guard = Guard(Hosts([PRIME]), frozenset({"prime"}), offline, frozenset({"example.com"}), self.resolve)
        self.addresses = addresses
        self.authority = Authority()
        proxies = Proxies.read(environ or {})
        self.front = Front(self.fake, guard, self.authority, connect=self.connect, proxies=proxies)

    async def resolve(self, host: str, port: int) -> list[str]:
        self.looked_up.append(host)
        return [*self.addresses]

    async def connect(self, host: str, port: int) -> Streams:
        if (host, port) == self.proxy:
            return await asyncio.open_connection(host, port)
        self.opened.append(f"{host}:{port}")
        # Whatever it is, here it is the fake.
        return await asyncio.open_connection(*self.fake)

    def client(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.front.port), SECONDS)

    def tunnel(self, target: str) -> socket.socket:
        client = self.client()
        client.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        return client

    def context(self) -> ssl.SSLContext:
        """That of a client which trusts our authority alone."""
        return ssl.create_default_context(cadata=self.authority.certificate.decode())

    def secure(self, client: socket.socket, name: str) -> ssl.SSLSocket:
        assert client.recv(4_096).startswith(b"HTTP/1.1 200 ")
        return self.context().wrap_socket(client, server_hostname=name)

    def refusal(self, raw: bytes) -> tuple[int, str]:
        """The status and the words of an answer to these bytes, after which the connection ends."""
        with self.client() as client:
            client.sendall(raw)
            answer = b"".join(iter(lambda: client.recv(65_536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]), json.loads(body)["detail"]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(Settings(rate_limits=False)) as server:
        yield server


@pytest.fixture
def asked(server: Server) -> Iterator[Asked]:
    made = Asked(server, ELSEWHERE)
    made.front.start()
    yield made
    made.front.stop()


def read_answer(client: socket.socket) -> bytes:
    """One answer with a body of a known length."""
    text = b""
    while b"\r\n\r\n" not in text:
        text += client.recv(65_536)
    head, _, body = text.partition(b"\r\n\r\n")
    length = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")).split()[1])
    while len(body) < length:
        body += client.recv(65_536)
    return head + b"\r\n\r\n" + body


def test_a_tunnel_to_a_provider_leads_to_the_fake(asked: Asked) -> None:
    """Requests behind each other, in pieces and at once; the certificate is for the host."""
    with asked.secure(asked.tunnel("api.primeintellect.ai:443"), "api.primeintellect.ai") as client:
        for piece in (GET[:20], GET[20:]):
            client.sendall(piece)
        assert read_answer(client).startswith(b"HTTP/1.1 200 ")
        client.sendall(GET * 2)
        assert b'"per_page":1' in read_answer(client)
        assert client.selected_alpn_protocol() in (None, "http/1.1")
    assert asked.front.guard.seen.answered["prime"] >= 2
    assert asked.looked_up == []


def test_a_tunnel_for_http_needs_no_handshake(asked: Asked) -> None:
    with asked.tunnel("api.primeintellect.ai:80") as client:
        assert client.recv(4_096).startswith(b"HTTP/1.1 200 ")
        client.sendall(GET)
        assert read_answer(client).startswith(b"HTTP/1.1 200 ")


def test_a_websocket_passes(server: Server) -> None:
    """By a real client through the proxy: both ways, long and short, text and bytes, from whichever side speaks first;
    the server sees the host, and the end of it. The client has one thread: two would use one TLS session at once, which
    before Python 3.13 loses what is sent now and then."""
    hosts, ended = [], threading.Event()

    async def echo(connection: ServerConnection) -> None:
        assert connection.request is not None
        hosts.append(connection.request.headers["Host"])
        await connection.send("ready")
        async for message in connection:
            await connection.send(message)
        ended.set()

    asked = Asked(server, ELSEWHERE)

    async def talk() -> None:
        async with serve(echo, "127.0.0.1", 0, compression=None) as there, asyncio.timeout(SECONDS):
            asked.fake = next(iter(there.sockets)).getsockname()
            url, proxy = "wss://api.primeintellect.ai/terminal", asked.front.url
            async with connect(url, proxy=proxy, ssl=asked.context(), compression=None, max_size=None) as client:
                assert await client.recv() == "ready"
                for message in ("ü", b"\x00\xff" * 200_000, ""):
                    await client.send(message)
                    assert await client.recv() == message
            await asyncio.to_thread(ended.wait, SECONDS)

    asked.front.start()
    asyncio.run(talk())
    asked.front.stop()
    assert ended.is_set()
    assert hosts == ["api.primeintellect.ai"]


def test_a_websocket_that_the_fake_does_not_serve_is_refused_by_it(asked: Asked) -> None:
    """In words, as every path that it does not know."""

    async def talk() -> None:
        async with connect("wss://api.primeintellect.ai/terminal", proxy=asked.front.url, ssl=asked.context()):
            pass

    with pytest.raises(InvalidStatus) as refused:
        asyncio.run(talk())
    assert refused.value.response.status_code == 404


def test_another_host_is_passed_through_untouched(asked: Asked) -> None:
    """To the address that was looked at, and to no other; both ends may be closed on their own."""
    with asked.tunnel("example.com:443") as client:
        assert client.recv(4_096).startswith(b"HTTP/1.1 200 ")
        client.sendall(b"GET /nobody HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"".join(iter(lambda: client.recv(65_536), b"")).startswith(b"HTTP/1.1 404 ")
    assert asked.opened == [f"{ELSEWHERE}:443"]
    assert asked.front.guard.seen.passed == {"example.com": 1}


@pytest.mark.parametrize(
    "target",
    [
        "example.com:22",
        "169.254.169.254:80",
        "[fd00:ec2::254]:80",
        "10.1.2.3:443",
        "192.168.0.1:443",
        "0.0.0.0:443",
        "2130706434.:443",
        "api.primeintellect.ai:22",
        "exa%0Ample.com:443",
        "user@example.com:443",
        "example.com:99999",
        ":443",
        "/",
    ],
)
def test_targets_that_are_refused_before_anything_is_opened(asked: Asked, target: str) -> None:
    asked.addresses = ("10.0.0.1",)
    status, detail = asked.refusal(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
    assert status in (400, 403)
    assert detail
    assert asked.opened == []


def test_its_own_address_is_refused(asked: Asked) -> None:
    status, _ = asked.refusal(f"CONNECT 127.0.0.1:{asked.front.port} HTTP/1.1\r\n\r\n".encode())
    assert (status, asked.opened) == (403, [])


@pytest.mark.parametrize(
    "raw",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET ftp://example.com/ HTTP/1.1\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"CONNECT \xff\xff:443 HTTP/1.1\r\n\r\n",
        b"CONNECT a b c HTTP/1.1\r\n\r\n",
    ],
)
def test_what_no_proxy_is_asked(asked: Asked, raw: bytes) -> None:
    status, detail = asked.refusal(raw)
    assert (status, bool(detail), asked.opened) == (400, True, [])


def test_no_http_to_another_host(asked: Asked) -> None:
    """It is told there as it is where the fake stands in."""
    status, detail = asked.refusal(b"GET http://example.com/ HTTP/1.1\r\nHost: x\r\nContent-Length: y\r\n\r\n")
    assert (status, detail) == (400, "What was sent to example.com is no HTTP/1.1")


def test_no_http_behind_the_handshake(asked: Asked) -> None:
    """HTTP/2 without having agreed on it, for one."""
    with asked.secure(asked.tunnel("api.primeintellect.ai:443"), "api.primeintellect.ai") as client:
        client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 400 ")


def test_a_client_that_trusts_nothing_and_others_that_go(asked: Asked) -> None:
    """None of them keeps the front from answering the next."""
    with asked.tunnel("api.primeintellect.ai:443") as client:
        client.recv(4_096)
        with pytest.raises(ssl.SSLError):
            ssl.create_default_context().wrap_socket(client, server_hostname="api.primeintellect.ai")
    asked.client().close()
    with asked.tunnel("api.primeintellect.ai:443") as client:
        client.recv(4_096)
        client.sendall(b"no handshake at all")
    with asked.tunnel("api.primeintellect.ai:443") as client:
        client.recv(4_096)
    with asked.secure(asked.tunnel("API.PrimeIntellect.ai:443"), "api.primeintellect.ai") as client:
        client.sendall(GET)
        assert read_answer(client).startswith(b"HTTP/1.1 200 ")


def test_whoever_says_nothing_is_let_go(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first word, and before the handshake."""
    monkeypatch.setattr(fronts, "HEAD_SECONDS", 0.05)
    asked = Asked(server, ELSEWHERE)
    asked.front.start()
    with asked.client() as silent:
        silent.sendall(b"CONNECT api.pri")
        assert silent.recv(10) == b""
    with asked.tunnel("api.primeintellect.ai:443") as silent:
        assert silent.recv(4_096).startswith(b"HTTP/1.1 200 ")
        assert silent.recv(10) == b""
    asked.front.stop()


def test_a_head_without_an_end_is_let_go(asked: Asked) -> None:
    with asked.client() as client:
        client.sendall(b"CONNECT " + b"a" * 200_000)
        with suppress(ConnectionResetError):
            assert client.recv(10) == b""


def test_a_thousand_tunnels_at_once(asked: Asked) -> None:
    """Open, and each of them good for a request; no more than there may be."""
    clients = [asked.tunnel("api.primeintellect.ai:80") for _ in range(1_000)]

    def ask(client: socket.socket) -> bytes:
        with client:
            client.recv(4_096)
            client.sendall(GET)
            return read_answer(client)[:13]

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, clients)) == {b"HTTP/1.1 200 "}


def test_more_than_there_may_be_is_told(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fronts, "MAX_CONNECTIONS", 1)
    asked = Asked(server, ELSEWHERE)
    asked.front.start()
    with asked.tunnel("api.primeintellect.ai:80") as client:
        client.recv(4_096)
        assert asked.refusal(b"CONNECT example.com:443 HTTP/1.1\r\n\r\n")[0] == 503
    asked.front.stop()


def test_another_world_counts_from_the_next_request_on(server: Server, asked: Asked) -> None:
    with (
        server.world("another") as world,
        asked.secure(asked.tunnel("api.primeintellect.ai:443"), "api.primeintellect.ai") as client,
    ):
        # What else tells worlds apart is when they began, to the second.
        world.prime.documents.replace([])
        totals = []
        for namespace in ("", "another", "another"):
            asked.front.namespace = namespace
            client.sendall(GET)
            totals.append(json.loads(read_answer(client).partition(b"\r\n\r\n")[2])["total"])
    assert totals == [700, 0, 0]


def test_a_connection_is_closed_also_when_the_front_ends_meanwhile() -> None:
    """The front's end meets one that ends by itself."""

    async def talk() -> None:
        accepted: list[asyncio.StreamWriter] = []

        def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted.append(writer)

        async with await asyncio.start_server(accept, "127.0.0.1") as listening:
            place = next(iter(listening.sockets)).getsockname()
            client, upstream = [await asyncio.open_connection(*place) for _ in range(2)]
            passing = asyncio.create_task(fronts.exchange(client, upstream))
            for _ in range(2):
                await asyncio.sleep(0)
                passing.cancel()
            await asyncio.wait((passing,))
            assert upstream[1].is_closing()
            for writer in (client[1], *accepted):
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

    asyncio.run(talk())


def test_a_fake_that_is_gone(server: Server) -> None:
    asked = Asked(server, ELSEWHERE)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        asked.front._fake = nobody.getsockname()[:2]
    asked.front._connect = fronts.connect
    asked.front.start()
    with asked.tunnel("api.primeintellect.ai:80") as client:
        answer = b"".join(iter(lambda: client.recv(65_536), b""))
    assert b"HTTP/1.1 502 " in answer
    asked.front.stop()


# The user's own proxy


@contextmanager
def corporate(answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A proxy that gives every request this answer, and lets the connection end; its port, and what it was sent."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    with client:
                        client.settimeout(SECONDS)
                        heard.append(client.recv(65_536))
                        client.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1], heard
        # Closing alone would leave the thread waiting for a next one.
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(SECONDS)


@contextmanager
def behind(server: Server, port: int, *, offline: bool = False) -> Iterator[Asked]:
    """A front of somebody who had this proxy; it alone is really connected to, and no name can be resolved."""
    environ = {"HTTPS_PROXY": f"http://me:s%40cret@127.0.0.1:{port}", "HTTP_PROXY": f"127.0.0.1:{port}"}
    made = Asked(server, offline=offline, environ={**environ, "NO_PROXY": ".inside.example"})
    made.proxy = ("127.0.0.1", port)
    made.front.start()
    yield made
    made.front.stop()


def test_what_is_passed_through_goes_by_the_proxy_that_was_there(server: Server) -> None:
    """With its credentials, by name, as a tunnel, offline where the host is allowed; the fake itself needs none."""
    with corporate(b"HTTP/1.1 200 OK\r\n\r\nhello") as (port, heard), behind(server, port, offline=True) as asked:
        with asked.tunnel("example.com:443") as client:
            said = b"".join(iter(lambda: client.recv(65_536), b""))
        assert said == b"HTTP/1.1 200 Connection established\r\n\r\nhello"
        assert heard == [
            b"CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n"
            b"proxy-authorization: Basic bWU6c0BjcmV0\r\n\r\n"
        ]
        assert (asked.opened, asked.looked_up) == ([], [])
        assert asked.front.guard.seen.passed == {"example.com": 1}
        status, detail = asked.refusal(b"CONNECT elsewhere.example:443 HTTP/1.1\r\n\r\n")
        assert (status, "--offline" in detail, len(heard)) == (403, True, 1)
        with asked.secure(asked.tunnel("api.primeintellect.ai:443"), "api.primeintellect.ai") as client:
            client.sendall(GET)
            assert read_answer(client).startswith(b"HTTP/1.1 200 ")
        assert len(heard) == 1


def test_a_page_without_tls_is_asked_of_the_proxy_itself(server: Server) -> None:
    """With its whole URL, since few proxies dig tunnels to port 80."""
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    with corporate(answer) as (port, heard), behind(server, port) as asked, asked.client() as client:
        client.sendall(b"GET http://example.com/a?b=c HTTP/1.1\r\nHost: example.com\r\n\r\n")
        assert b"".join(iter(lambda: client.recv(65_536), b"")).endswith(b"\r\n\r\nok")
    assert heard == [b"GET http://example.com:80/a?b=c HTTP/1.1\r\nhost: example.com\r\nconnection: close\r\n\r\n"]


def test_a_proxy_that_refuses_or_is_none(server: Server) -> None:
    """The client is told what the proxy said, and never what its credentials are."""
    with corporate(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n") as (port, _), behind(server, port) as asked:
        status, detail = asked.refusal(b"CONNECT example.com:443 HTTP/1.1\r\n\r\n")
        assert (status, detail) == (502, "example.com cannot be reached: your proxy answered with 407")
    with corporate(b"SSH-2.0-x\r\n") as (port, _), behind(server, port) as asked:
        status, detail = asked.refusal(b"CONNECT example.com:443 HTTP/1.1\r\n\r\n")
        assert (status, detail) == (502, "example.com cannot be reached by your proxy")


@pytest.mark.parametrize("host", ["169.254.169.254", "10.1.2.3", "git.inside.example", "127.0.0.1"])
def test_what_the_proxy_is_not_asked_for(server: Server, host: str) -> None:
    """Addresses of private networks, this machine, and what the user's own exceptions name."""
    with corporate(b"HTTP/1.1 200 OK\r\n\r\n") as (port, heard), behind(server, port) as asked:
        with asked.tunnel(f"{host}:8080") as client:
            client.settimeout(SECONDS)
            assert client.recv(65_536)
        assert heard == []


def test_proxies_are_read_as_elsewhere() -> None:
    """Small letters first; one for everything stands in for each; what does not speak plain HTTP is named, and not
    used; a password shows nowhere."""
    read = Proxies.read({"https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:2", "ALL_PROXY": "c"})
    assert (read.tunnels, read.pages) == (Proxy("a", 1), Proxy("c", 80))
    other = Proxies.read({"HTTPS_PROXY": "socks5://a:1", "ALL_PROXY": "https://b", "HTTP_PROXY": "http://x:y:z"})
    assert (other.tunnels, other.pages, other.unusable) == (None, None, ("HTTPS_PROXY", "HTTP_PROXY"))
    assert Proxies.read({}) == Proxies()
    assert Proxy("a", 1).connecting("2001:db8::1", 443).startswith(b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\n")
    secret = Proxies.read({"HTTP_PROXY": "http://me:hush@a:1"})
    assert secret.pages is not None
    assert secret.pages.headers == [(b"proxy-authorization", b"Basic bWU6aHVzaA==")]
    assert "bWU6" not in repr(secret)
