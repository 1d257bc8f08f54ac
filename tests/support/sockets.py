"""A server that is nothing but its socket, and says whatever a test wants it to say."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from urllib.parse import unquote

from contract_tests.sending.in_process import Handler

HELD_SECONDS = 60.0
"""A connection that nothing is said on is held so long, at most."""

Talk = Callable[[socket.socket, int], None]
"""One conversation: the connection, and the number of the connection, from 1 on."""


def read_request(connection: socket.socket) -> bytes:
    """The head of the next request, or nothing where the client has gone."""
    head = b""
    while b"\r\n\r\n" not in head:
        part = connection.recv(65_536)
        if not part:
            return b""
        head += part
    return head


def answer(body: bytes, *headers: str, status: str = "200 OK", media_type: str = "application/json") -> bytes:
    """A whole answer as bytes, with its length."""
    lines = [f"HTTP/1.1 {status}", f"content-type: {media_type}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def saying(*texts: bytes) -> Talk:
    """One text per connection, the last one for all that follow; then the connection is closed."""

    def talk(connection: socket.socket, number: int) -> None:
        if read_request(connection):
            connection.sendall(texts[min(number, len(texts)) - 1])

    return talk


@contextmanager
def conversing(talk: Talk, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The base URL of a server that holds these conversations until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    numbers, over = count(1), threading.Event()
    open_ones: list[socket.socket] = []

    def hold(connection: socket.socket, number: int) -> None:
        with suppress(OSError), connection:
            if tls is None:
                talk(connection, number)
            else:
                with tls.wrap_socket(connection, server_side=True) as secured:
                    talk(secured, number)

    def listen() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            open_ones.append(connection)
            threading.Thread(target=hold, args=(connection, next(numbers)), daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()
    port = listener.getsockname()[1]
    try:
        yield f"{'https://localhost' if tls else 'http://127.0.0.1'}:{port}"
    finally:
        over.set()
        for each in [listener, *open_ones]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def handled(handler: Handler, until: int = 10**9, then: Callable[[], None] = lambda: None) -> Talk:
    """What a server in process answers, over a socket. From the request of this number on, `then` is called, and
    nothing is answered any more."""
    numbers, lock = count(1), threading.Lock()

    def talk(connection: socket.socket, number: int) -> None:
        while head := read_request(connection):
            first, *lines = head.decode("latin-1").rstrip().split("\r\n")
            method, target, _ = first.split(" ")
            path, _, query = target.partition("?")
            headers = {name.lower(): text for name, _, text in (line.partition(": ") for line in lines)}
            with lock:
                if next(numbers) >= until:
                    then()
                    connection.settimeout(HELD_SECONDS)
                    connection.recv(1)
                    return
                status, sent, body = handler(method, unquote(path), query.encode(), headers)
            kept = [f"{name}: {text}" for name, text in sent.items() if name.lower() not in ("content-length",)]
            lines = [f"HTTP/1.1 {status} Said", *kept, f"content-length: {len(body)}", "", ""]
            connection.sendall("\r\n".join(lines).encode("latin-1") + (b"" if method == "HEAD" else body))

    return talk
