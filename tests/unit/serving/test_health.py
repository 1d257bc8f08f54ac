"""`fakeserver health`, for probes."""

from __future__ import annotations

import io
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fakeserver import __version__
from fakeserver.cli import main
from fakeserver.serving.health import Place, place_of
from tests.support.server import Live

pytestmark = pytest.mark.slow


def health(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return main(["health", *arguments], out, err), out.getvalue(), err.getvalue()


@contextmanager
def answering(reply: bytes) -> Iterator[str]:
    """Something that answers every connection with these bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(reply)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


def test_ready(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """0 and a line, by URL and where the variables of the environment say; no proxy is asked."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert health("--url", live.root) == (0, f"ready: fakeserver {__version__} at {live.root}\n", "")
    monkeypatch.setenv("FAKESERVER_HOST", "0.0.0.0")
    monkeypatch.setenv("FAKESERVER_PORT", live.root.rpartition(":")[2])
    assert health()[0] == 0
    assert health("--url", f"{live.root}/ns/probed/")[0] == 0


def test_not_ready() -> None:
    """1 and a line that says why: nobody there, no HTTP, and what is no fakeserver."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    code, told, _ = health("--url", f"http://127.0.0.1:{port}")
    assert (code, told.count("\n")) == (1, 1)
    assert told.startswith(f"not ready: http://127.0.0.1:{port}: ")
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b"
    for body in (b"{}", b"[]", b"\xff", b"<html>", b'{"status": "ok"}'):
        with answering(head % (len(body), body)) as url:
            assert health("--url", url) == (1, f"not ready: {url}: what answers there is no fakeserver\n", "")
    with answering(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n") as url:
        assert health("--url", url) == (1, f"not ready: {url}: it answers 503\n", "")
    with answering(b"SSH-2.0-dropbear\r\n") as url:
        assert health("--url", url)[0] == 1


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://localhost", "http://", "http://h:99999", "http://[", "http://h\n"]
)
def test_usage(url: str) -> None:
    """2 and one line on stderr."""
    code, told, error = health("--url", url)
    assert (code, told, error.count("\n")) == (2, "", 1)
    assert "--url" in error


def test_where_a_server_listens_that_has_these_variables(tmp_path: Path) -> None:
    assert place_of({}) == Place("http://127.0.0.1:8000")
    assert place_of({"FAKESERVER_HOST": "::", "FAKESERVER_PORT": "9"}) == Place("http://127.0.0.1:9")
    assert place_of({"FAKESERVER_HOST": "::1", "FAKESERVER_TLS_CERT": "c"}) == Place("https://[::1]:8000")
    assert place_of({"FAKESERVER_TLS": "1", "FAKESERVER_PORT": "9"}) == Place("https://127.0.0.1:9")
    assert place_of({"FAKESERVER_TLS": "0"}) == Place("http://127.0.0.1:8000")
    assert place_of({"FAKESERVER_UDS": "/s"}) == Place("http://localhost", Path("/s"))


def test_a_kubernetes_link_is_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable that names the cause for `serve` is refused here as well."""
    monkeypatch.setitem(os.environ, "FAKESERVER_PORT", "tcp://10.0.0.1:8000")
    code, _, error = health()
    assert (code, error.count("\n")) == (2, 1)
