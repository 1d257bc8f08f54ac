"""The network as it is, over real sockets: what breaks once is asked again, what cannot be read is named."""

from __future__ import annotations

import gzip
import socket
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from contract_tests.sending import body as bodies
from contract_tests.sending import wire as wires
from contract_tests.sending.ask import Ask
from contract_tests.sending.recorder import Recorder
from contract_tests.sending.transport import SendingStopped, Unreachable
from contract_tests.sending.wire import Wire
from tests.kit.sending.test_recorder import Listener
from tests.support.sending import SECRET, SECURITY
from tests.support.sending import wire as in_process
from tests.support.sockets import Talk, answer, conversing, read_request, saying

ASK = Ask("/api", (("page", "1"),))
FINE = answer(b'["fine"]', "connection: close")
PAGE = answer(b"<!DOCTYPE html><h1>Oops", "connection: close", status="502 Bad Gateway", media_type="text/html")
LOGIN = answer(b"<html>Log in", "connection: close", media_type="text/html")


@contextmanager
def sending(talk: Talk, timeout: float = 2.0) -> Iterator[Wire]:
    with conversing(talk) as base_url:
        found = Wire(base_url, SECURITY, {"token": SECRET}, timeout=timeout, sleep=lambda seconds: None)
        try:
            yield found
        finally:
            found.close()


def reset(connection: socket.socket) -> None:
    """Close as a crash does: the other side is told nothing but RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def silent(connection: socket.socket) -> None:
    connection.settimeout(10)
    connection.recv(1)


def cut(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n[1")


def cut_chunk(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n[1,")


def close(connection: socket.socket) -> None:
    """At once."""


def garbage(connection: socket.socket) -> None:
    connection.sendall(b"\x16\x03\x01garbage\r\n\r\n")


def http_09(connection: socket.socket) -> None:
    connection.sendall(b"[1, 2, 3]\r\n")


def header_bomb(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n" + b"x-a: b\r\n" * 40_000)


BREAKS = [reset, silent, cut, cut_chunk, close, garbage, http_09, header_bomb]


@pytest.mark.parametrize("breaks", BREAKS, ids=lambda each: each.__name__)
def test_what_breaks_once_is_asked_again(breaks: Talk) -> None:
    """On another connection, and the answer is as good as any."""

    def talk(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(FINE) if number != 2 else breaks(connection)  # type: ignore[call-arg]

    with sending(talk) as wire:
        assert [wire.send(ASK).json() for _ in range(3)] == [["fine"]] * 3
        assert wire.sent == 4


@pytest.mark.parametrize("breaks", BREAKS, ids=lambda each: each.__name__)
def test_what_breaks_twice_names_the_request(breaks: Talk) -> None:
    """In one sentence without a secret, and nothing is asked a third time."""

    def talk(connection: socket.socket, number: int) -> None:
        read_request(connection)
        breaks(connection)  # type: ignore[call-arg]

    with sending(talk, timeout=0.2) as wire:
        with pytest.raises(Unreachable, match=r"GET /api\?page=1.*, asked twice$") as caught:
            wire.send(ASK)
        assert (wire.sent, SECRET in str(caught.value)) == (2, False)


def crumbs(connection: socket.socket) -> None:
    """A body that never ends and is never silent."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.02)


def crumbs_of_a_head(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nx-a: ")
    while True:
        connection.sendall(b"a")
        time.sleep(0.02)


def hints(connection: socket.socket) -> None:
    """One 103 after the other."""
    while True:
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        time.sleep(0.02)


@pytest.mark.parametrize("drips", [crumbs, crumbs_of_a_head, hints], ids=lambda each: each.__name__)
def test_an_answer_that_never_ends_is_given_up(drips: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """No time-out of the client passes while something arrives, and still nobody waits for ever."""

    def talk(connection: socket.socket, number: int) -> None:
        read_request(connection)
        drips(connection)  # type: ignore[call-arg]

    monkeypatch.setattr(wires, "WHOLE_ANSWER", 0.0)
    with sending(talk, timeout=0.3) as wire, pytest.raises(Unreachable, match=r"GET /api\?page=1.*, asked twice$"):
        wire.send(ASK)


def test_a_cold_start_is_waited_for() -> None:
    """The first request has more patience than those behind it, once the connection is there."""
    given: list[tuple[float, float]] = []

    def note(request: httpx.Request) -> httpx.Response:
        given.append((request.extensions["timeout"]["connect"], request.extensions["timeout"]["read"]))
        return httpx.Response(200, json=[])

    found = in_process(note, timeout=3.0)
    for _ in range(3):
        found.send(ASK)
    assert given == [(3.0, 3.0 * wires.COLD_START), (3.0, 3.0), (3.0, 3.0)]
    assert wires.COLD_START > 1


BOMB = gzip.compress(gzip.compress(bytes(bodies.MAX_BODY_BYTES + 1)))
PLAIN = b'{"n": 1}'


@pytest.mark.parametrize(
    ("body", "encoding", "flaw"),
    [
        (b"not gzip at all", "gzip", "is not gzip, as its Content-Encoding says"),
        (gzip.compress(PLAIN, mtime=0)[:-4], "gzip", "ends before its gzip is complete"),
        (gzip.compress(PLAIN, mtime=0)[:-8] + b"\0" * 8, "gzip", "is not gzip, as its Content-Encoding says"),
        (b"", "gzip", ""),
        (PLAIN, "br", "is encoded as 'br', which was not asked for"),
        (BOMB, "gzip, gzip", "is encoded as 'gzip, gzip', which was not asked for"),
        (gzip.compress(bytes(bodies.MAX_BODY_BYTES + 1)), "gzip", "has more than 67,108,864 bytes"),
    ],
    ids=["no gzip", "cut off", "checksum", "empty", "other", "twice", "bomb"],
)
def test_a_body_that_cannot_be_decoded_says_why(body: bytes, encoding: str, flaw: str) -> None:
    """It is an answer, with its status; what it is not is JSON."""
    with sending(saying(answer(body, f"content-encoding: {encoding}"))) as wire:
        reply = wire.send(ASK)
        assert (reply.status, reply.body, reply.flaw) == (200, b"", flaw)
        with pytest.raises(ValueError, match="it "):
            reply.json()


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(PLAIN, mtime=0), "gzip"),
        (gzip.compress(PLAIN, mtime=0), "X-Gzip"),
        (zlib.compress(PLAIN), "deflate"),
        (zlib.compress(PLAIN)[2:-4], "deflate"),
        (PLAIN, "identity"),
    ],
    ids=["gzip", "x-gzip", "deflate", "bare deflate", "identity"],
)
def test_an_encoding_is_read(body: bytes, encoding: str) -> None:
    """Those that were asked for, deflate without its header as well."""
    with sending(saying(answer(body, f"content-encoding: {encoding}"))) as wire:
        assert wire.send(ASK).json() == {"n": 1}


def test_a_body_without_end_is_read_no_further_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, and never held in memory as a whole."""
    monkeypatch.setattr(bodies, "MAX_BODY_BYTES", 100_000)

    def talk(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
        while True:
            connection.sendall(b" " * 10_000)

    with sending(talk) as wire:
        assert wire.send(ASK).flaw == "has more than 100,000 bytes"


@pytest.mark.parametrize(
    ("body", "media_type", "says"),
    [
        (b"", "application/json", "it is empty"),
        (b" <HTML><p>Hello", "text/plain", "it is an HTML page"),
        (b"Hello", "text/html; charset=utf-8", "it is an HTML page"),
        (b'"\xe9"', "application/json; charset=latin-1", r"it is not UTF-8 \(its charset is latin-1\)"),
        (b'"\xe9"', "application/json", "it is not UTF-8$"),
        (b"[1", "application/json", "unexpected end"),
    ],
)
def test_what_is_no_json_is_named(body: bytes, media_type: str, says: str) -> None:
    """Whatever came, in words."""
    with sending(saying(answer(body, media_type=media_type))) as wire, pytest.raises(ValueError, match=says):
        wire.send(ASK).json()


# What is told of a server that fails.


def listened(wire: Wire) -> tuple[Recorder, Listener]:
    recorder, listener = Recorder(wire), Listener()
    recorder.watch(listener)
    return recorder, listener


def unhandled(connection: socket.socket, number: int) -> None:
    """What uvicorn does behind an exception: a whole 500, whose connection looks as if it stayed open and does not."""
    while read_request(connection):
        connection.sendall(
            answer(b"Internal Server Error", status="500 Internal Server Error", media_type="text/plain")
        )
        connection.recv(1)
        return


def test_an_unhandled_exception_is_two_failures() -> None:
    """The repeat finds the connection closed, is asked on a fresh one, and fails again."""
    with sending(unhandled) as wire:
        recorder, listener = listened(wire)
        assert recorder.send(ASK).status == 500
        assert listener.heard == [("500, twice in a row", (ASK,))]


@pytest.mark.parametrize("headers", [(), ("retry-after: 0",)])
def test_a_failure_and_then_no_answer_are_two_failures(headers: tuple[str, ...]) -> None:
    """Whoever asks again, the recorder or the transport that was told to."""
    with sending(saying(answer(b"{}", "connection: close", *headers, status="503 Service Unavailable"), b"")) as wire:
        recorder, listener = listened(wire)
        assert recorder.send(ASK).status == 503
        ((sentence, asks),) = listener.heard
        assert sentence.startswith("503, ")
        assert asks == (ASK,)


OTHER = Ask("/other")


@pytest.mark.parametrize("page", [PAGE, LOGIN], ids=["gateway", "login"])
def test_a_page_that_comes_once_is_bad_luck(page: bytes) -> None:
    """The same request again is answered by the API."""
    with sending(saying(FINE, page, FINE)) as wire:
        recorder, listener = listened(wire)
        recorder.send(OTHER)
        assert recorder.send(ASK).json() == ["fine"]
        assert listener.heard == []


@pytest.mark.parametrize(("page", "status"), [(PAGE, 502), (LOGIN, 200)], ids=["gateway", "login"])
def test_a_gateway_in_the_place_of_the_api_is_named_and_nobody_accused(page: bytes, status: int) -> None:
    """What was answered before is not answered any more: the API is not there, and which request saw it is told."""
    with sending(saying(FINE, page)) as wire:
        recorder, listener = listened(wire)
        recorder.send(OTHER)
        with pytest.raises(Unreachable, match=rf"^GET /api\?page=1 was answered with an HTML page \({status}\)"):
            recorder.send(ASK)
        assert listener.heard == []


def test_an_outage_in_which_sending_stops_accuses_nobody() -> None:
    """Pages of a gateway in a row are no failures of the API."""
    with sending(saying(FINE, PAGE)) as wire:
        recorder, listener = listened(wire)
        recorder.send(OTHER)
        with pytest.raises((Unreachable, SendingStopped)):
            recorder.together([ASK, OTHER])
        assert listener.heard == []


def test_a_request_that_alone_is_answered_by_a_gateway_has_failed() -> None:
    """A worker that dies of one request, behind a gateway that says so: others are answered."""
    with sending(saying(FINE, PAGE, PAGE, FINE)) as wire:
        recorder, listener = listened(wire)
        recorder.send(OTHER)
        assert recorder.send(ASK).status == 502
        assert listener.heard == [("502, twice in a row", (ASK,))]


def test_a_token_that_expires_is_named_and_nobody_accused() -> None:
    """What it was good for before is refused as well."""
    refused = answer(b"{}", "connection: close", status="401 Unauthorized")
    with sending(saying(FINE, refused)) as wire:
        recorder, listener = listened(wire)
        recorder.send(OTHER)
        with pytest.raises(SendingStopped, match=r"no longer taken: GET /api\?page=1 was answered with 401$"):
            recorder.send(ASK)
        assert listener.heard == []


@pytest.mark.parametrize("ask", [ASK, Ask("/api", credential="garbage"), Ask("/api", channel="X-API-Key")])
def test_a_refusal_of_one_request_is_an_answer(ask: Ask) -> None:
    """Where the token is good for others, and where it was not the documented one that was sent."""
    refused = answer(b"{}", "connection: close", status="401 Unauthorized")
    with sending(saying(FINE, refused, FINE)) as wire:
        recorder, _ = listened(wire)
        recorder.send(OTHER)
        assert recorder.send(ask).status == 401


def test_headers_without_number_are_read_once() -> None:
    """Those that come twice are joined; thousands take no time."""
    many = "".join(f"x-{number}: y\r\n" for number in range(5_000)) + "x-1: z"
    with sending(saying(answer(b"[]", many))) as wire:
        headers = wire.send(ASK).headers
        assert (headers["x-1"], headers["x-4999"]) == ("y, z", "y")


def test_a_request_too_long_to_send_is_named() -> None:
    """A cursor that a server has made up may be of any length."""
    with sending(saying(FINE)) as wire, pytest.raises(Unreachable, match=r"^a request of 70,\d+ characters cannot be"):
        wire.send(Ask("/api", (("cursor", "x" * 70_000),)))
