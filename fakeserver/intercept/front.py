"""The front: an HTTP proxy on loopback that ends TLS for the providers' hosts and leads them to the fake."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import cast
from urllib.parse import quote, urlsplit

from fakeserver.certificates.authority import Authority
from fakeserver.intercept.guard import HTTP, HTTPS, Guard, Refused
from fakeserver.intercept.heads import Broken, Rewriter
from fakeserver.intercept.proxies import Proxies, Proxy, place_of
from fakeserver.loopback import ADDRESS
from fakeserver.problems import PROBLEM_JSON, FakeProblem

MAX_CONNECTIONS = 2_048
MAX_HEAD = 65_536
"""Bytes of the head of what a client asks the proxy for."""
HEAD_SECONDS = 10.0
"""Until a client has said what it wants, until it has shaken hands, and until a host has been reached."""
PIECE = 65_536
BACKLOG = 1_024
START_SECONDS = 10.0
NO_PROXIES = Proxies()
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[str, int], Awaitable[Streams]]
"""Opens a connection to an address."""


async def connect(host: str, port: int) -> Streams:
    return await asyncio.open_connection(host, port)


class Front:
    """A proxy in a thread of its own. `fake` is the address of the fake's server, and `namespace` the world there, none
    at the root; another one counts from the next request on. What is passed through goes by the `proxies`."""

    def __init__(
        self,
        fake: tuple[str, int],
        guard: Guard,
        authority: Authority,
        namespace: str = "",
        connect: Connect = connect,
        proxies: Proxies = NO_PROXIES,
    ) -> None:
        self.namespace = namespace
        self.guard, self.proxies = guard, proxies
        self._fake, self._authority, self._connect = fake, authority, connect
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fakeserver-front", daemon=True)
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.port}"

    def start(self) -> Front:
        self._thread.start()
        self._ready.wait(START_SECONDS)
        return self

    def stop(self) -> None:
        """End all connections."""
        with contextlib.suppress(RuntimeError):  # The loop may be over.
            self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(START_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._stopped = asyncio.Event()
        server = await asyncio.start_server(self._accept, ADDRESS, 0, limit=MAX_HEAD, backlog=BACKLOG)
        self.port = server.sockets[0].getsockname()[1]
        self._loop.set_exception_handler(lambda loop, context: None)  # A client that breaks off is no news.
        self._ready.set()
        await self._stopped.wait()
        server.close()
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._answer(reader, writer)
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass  # Whoever it was has gone, or never said what it wanted.
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What a client asks for first says what becomes of its connection."""
        async with asyncio.timeout(HEAD_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
        if len(self._tasks) > MAX_CONNECTIONS:
            return await refuse(writer, 503, "There are as many connections as there may be")
        words = head.partition(b"\r\n")[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return await refuse(writer, 400, "This is a proxy for HTTP/1.1")
        try:
            if words[0] == b"CONNECT":
                host, port = authority_of(words[1].decode("ascii"), HTTPS)
                return await self._tunnel(host, port, reader, writer)
            url = urlsplit(words[1].decode("ascii"))
            if url.scheme != "http" or not url.hostname:
                return await refuse(writer, 400, "This is a proxy: it wants CONNECT, or the URL of a page with http://")
            # A request for a whole URL, as clients send it for http: one, and then the connection ends.
            return await self._lead(url.hostname, url.port or HTTP, head, reader, writer)
        except ValueError:
            return await refuse(writer, 400, "The target of the request is none")

    async def _tunnel(self, host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """CONNECT: to the fake for a provider's host, whoever it would be otherwise."""
        if self.guard.of(host) is None:
            upstream = await self._reach(host, port, writer, self.proxies.of(host, port, tunnel=True))
            if upstream is not None:
                writer.write(ESTABLISHED)
                await exchange((reader, writer), upstream)
            return None
        if port not in (HTTP, HTTPS):
            self.guard.seen.refused[f"{host}:{port}"] += 1
            return await refuse(writer, 403, f"{host} is a provider's, and port {port} is none of the web")
        if port == HTTPS:
            context = await asyncio.to_thread(self._authority.context, host.lower())
            # What the client says next is for the handshake, and nobody else may read it.
            cast(asyncio.Transport, writer.transport).pause_reading()
            writer.write(ESTABLISHED)
            await writer.start_tls(context, ssl_handshake_timeout=HEAD_SECONDS)
        else:
            writer.write(ESTABLISHED)
        return await self._lead(host, port, b"", reader, writer)

    async def _reach(
        self, host: str, port: int, writer: asyncio.StreamWriter, proxy: Proxy | None, *, tunnel: bool = True
    ) -> Streams | None:
        """A connection to the fake for a provider's host, and else to the host, or by a proxy; None where there is
        none, which was said."""
        seen = self.guard.seen
        if self.guard.of(host) is not None:
            try:
                return await self._connect(*self._fake)
            except OSError:
                await refuse(writer, 502, "The fake does not answer")
                return None
        try:
            if port == self.port:
                raise Refused("it is this proxy's own address")
            if proxy is None:
                places = [(address, port) for address in await self.guard.addresses(host, port)]
            else:
                self.guard.permit(host, port)
                places = [(proxy.host, proxy.port)]
        except Refused as reason:
            seen.refused[safe(host)] += 1
            await refuse(writer, 403, f"{safe(host)}: {reason}")
            return None
        for place in places:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(HEAD_SECONDS):
                    found = await self._connect(*place)
                    status = await dig(found, proxy, host, port) if proxy is not None and tunnel else 200
                if not 200 <= status < 300:
                    found[1].close()
                    await refuse(writer, 502, f"{safe(host)} cannot be reached: your proxy answered with {status}")
                    return None
                seen.passed[host.lower()] += 1
                return found
        await refuse(writer, 502, f"{safe(host)} cannot be reached" + (" by your proxy" if proxy else ""))
        return None

    async def _lead(
        self, host: str, port: int, begun: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Requests go where those for a host belong, with other heads, and the answers back, byte for byte. What has
        `begun` outside of a tunnel is one request."""
        is_ours = self.guard.of(host) is not None
        proxy = None if is_ours else self.proxies.of(host, port, tunnel=False)
        upstream = await self._reach(host, port, writer, proxy, tunnel=False)
        if upstream is None:
            return None
        origin = b"" if proxy is None else b"http://" + place_of(host, port)
        note = self._note(host) if proxy is None else lambda request: proxy.headers
        rewriter = Rewriter(note, once=bool(begun), origin=origin)
        try:
            upstream[1].write(rewriter.feed(begun))
            await exchange((reader, writer), upstream, rewriter.feed)
        except Broken:
            upstream[1].close()
            await refuse(writer, 400, f"What was sent to {safe(host)} is no HTTP/1.1")
        return None

    def _note(self, host: str) -> Callable[[Rewriter], list[tuple[bytes, bytes]]]:
        """Counts each request for a host, and says which world it is for; those for nobody's host go as they are."""
        found = self.guard.of(host)
        if found is None:
            return lambda request: []
        slug, way = found

        def note(request: Rewriter) -> list[tuple[bytes, bytes]]:
            seen = self.guard.seen
            if way == "guarded":
                seen.guarded[safe(host)] += 1
            else:
                seen.answered[slug] += 1
            if way == "api":
                self.guard.note_key(slug, request.credentials)
            headers = [(b"x-fakeserver-origin", b"http://%s:%d" % (self._fake[0].encode(), self._fake[1]))]
            if self.namespace:
                headers.append((b"x-fakeserver-namespace", self.namespace.encode()))
            return headers

        return note


async def dig(streams: Streams, proxy: Proxy, host: str, port: int) -> int:
    """Ask a proxy for a tunnel; the status of its answer. An OSError where it answers nothing like one."""
    reader, writer = streams
    writer.write(proxy.connecting(host, port))
    try:
        words = (await reader.readuntil(b"\r\n\r\n")).split(b" ")
        return int(words[1][:3])
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, LookupError, ValueError):
        writer.close()
        raise OSError("no answer of a proxy") from None
    except asyncio.CancelledError:  # It is too late, or nobody waits any more.
        writer.close()
        raise


def authority_of(text: str, port: int) -> tuple[str, int]:
    """Host and port of `host:port`, where an IPv6 address stands in brackets. ValueError: it is none."""
    url = urlsplit(f"//{text}")
    if not url.hostname or url.username is not None or url.path or url.query:
        raise ValueError(text)
    return url.hostname, url.port or port


def safe(host: str) -> str:
    """A host as it may be repeated."""
    return quote(host, safe=":[]")


async def refuse(writer: asyncio.StreamWriter, status: int, detail: str) -> None:
    """Say why there is no connection; the client shows it, or at least its status."""
    body = json.dumps(FakeProblem(status, detail).body).encode()
    reason = HTTPStatus(status).phrase
    head = f"HTTP/1.1 {status} {reason}\r\ncontent-type: {PROBLEM_JSON}\r\ncontent-length: {len(body)}\r\n"
    writer.write(head.encode() + b"connection: close\r\n\r\n" + body)
    await writer.drain()


async def exchange(client: Streams, upstream: Streams, rewrite: Callable[[bytes], bytes] | None = None) -> None:
    """Pass bytes both ways. A plain tunnel ends when both sides have said everything; where requests are rewritten, it
    ends with the answers, and a `Broken` is the caller's."""
    there = asyncio.create_task(pass_on(client[0], upstream[1], rewrite))
    back = asyncio.create_task(pass_on(upstream[0], client[1], None))
    try:
        await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
        if back.done() and rewrite is not None:
            return
        if there.done() and (error := there.exception()) is not None:
            if isinstance(error, Broken):
                raise error
            return
        # One side has said everything, and may still listen.
        await asyncio.wait((there, back))
    finally:
        # Before it is waited for the two: the front may end meanwhile.
        upstream[1].close()
        for each in (there, back):
            each.cancel()
        await asyncio.gather(there, back, return_exceptions=True)


async def pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rewrite: Callable[[bytes], bytes] | None
) -> None:
    while piece := await reader.read(PIECE):
        writer.write(piece if rewrite is None else rewrite(piece))
        await writer.drain()
    # To the fake, whose server takes the end of a connection for its client's leaving, nothing says so.
    if rewrite is None and writer.can_write_eof():
        writer.write_eof()
