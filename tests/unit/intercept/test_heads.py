"""Requests on their way to the fake: other heads, and everything else byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakeserver.intercept.heads import Broken, Rewriter

POST = b"POST /a?b=c HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 3\r\n\r\nabc"
CHUNKED = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n"


def mark(request: Rewriter) -> list[tuple[bytes, bytes]]:
    return [(b"x-mark", b"1")]


def rewritten(raw: bytes, size: int = 1 << 20, *, once: bool = False) -> bytes:
    rewriter = Rewriter(mark, once=once)
    return b"".join(rewriter.feed(raw[start : start + size]) for start in range(0, len(raw), size))


def test_a_head_gets_more_and_the_body_stays() -> None:
    assert rewritten(POST) == (
        b"POST /a?b=c HTTP/1.1\r\nhost: api.example.com\r\ncontent-length: 3\r\nx-mark: 1\r\n\r\nabc"
    )


@given(size=st.integers(1, 40), count=st.integers(1, 3))
def test_pieces_are_no_matter(size: int, count: int) -> None:
    """Nor is it how many requests come behind each other."""
    assert rewritten(POST * count, size) == rewritten(POST) * count


def test_a_body_in_chunks_stays_one() -> None:
    """Its trailers, which nobody reads, do not."""
    assert rewritten(CHUNKED).endswith(b"x-mark: 1\r\n\r\n3\r\nabc\r\n0\r\n\r\n")


def test_headers_for_the_proxy_go_no_further() -> None:
    """And nobody else may say which world is meant, or where this machine is."""
    names = (b"Proxy-Connection", b"Proxy-Authorization", b"X-Fakeserver-Namespace", b"x-fakeserver-origin")
    head = b"".join(b"%s: secret\r\n" % name for name in names)
    assert b"secret" not in rewritten(b"GET / HTTP/1.1\r\nHost: h\r\n" + head + b"\r\n")


def test_a_whole_url_becomes_its_path_and_the_connection_ends() -> None:
    raw = b"GET http://h.example/x?y=1 HTTP/1.1\r\nHost: h.example\r\nConnection: keep-alive\r\n\r\n"
    assert (
        rewritten(raw, once=True) == b"GET /x?y=1 HTTP/1.1\r\nhost: h.example\r\nx-mark: 1\r\nconnection: close\r\n\r\n"
    )
    assert rewritten(b"GET http://h.example HTTP/1.1\r\nHost: h\r\n\r\n", once=True).startswith(b"GET / HTTP/1.1")


def test_what_comes_behind_an_upgrade_is_no_longer_looked_at() -> None:
    raw = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    rewriter = Rewriter(mark)
    assert rewriter.feed(raw + b"\x81\x00").endswith(b"x-mark: 1\r\n\r\n\x81\x00")
    assert rewriter.feed(b"\x88\x00") == b"\x88\x00"


@pytest.mark.parametrize("raw", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01", b"GET /\xff HTTP/9\r\n\r\n"])
def test_what_is_no_http_is_broken(raw: bytes) -> None:
    with pytest.raises(Broken):
        rewritten(raw)
