"""What leaves over HTTP: one host, no redirect, no hurry, and not to a server that fails."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from contract_tests.sending.ask import Ask
from contract_tests.sending.security import NeverSent
from contract_tests.sending.transport import SendingStopped, Unreachable
from tests.support.sending import BASE, SECRET, silent, wire


@pytest.mark.parametrize("path", ["//evil.test/x", "evil.test", "@evil.test/", ""])
def test_the_host_is_pinned(path: str) -> None:
    """A path cannot lead to another host."""
    with pytest.raises(NeverSent):
        wire(silent).send(Ask(path))


def test_no_credential_follows_a_redirect() -> None:
    """A redirect is an answer; nobody goes there."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(302, headers={"location": "https://evil.test/"})

    assert wire(answer).send(Ask("/api")).status == 302
    assert asked == [f"{BASE}/api"]


def test_retry_after_is_obeyed_in_bounds() -> None:
    """A 429 with Retry-After is waited for, but never for an hour; it costs budget like any other request."""
    waits: list[float] = []
    answers = iter([("7", 429), ("3600", 429), (None, 200)])

    def answer(request: httpx.Request) -> httpx.Response:
        after, status = next(answers)
        return httpx.Response(status, headers={"retry-after": after} if after else {}, json=[])

    found = wire(answer, sleep=waits.append)
    assert found.send(Ask("/api")).status == 200
    assert (waits, found.sent) == ([7.0, 30.0], 3)


NOON = "Wed, 21 Oct 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("after", "date", "pause"),
    [
        ("Wed, 21 Oct 2026 12:00:07 GMT", NOON, 7.0),
        ("Wednesday, 21-Oct-26 12:00:07 GMT", NOON, 7.0),
        ("Wed Oct 21 12:00:07 2026", NOON, 7.0),
        ("Wed, 21 Oct 2026 13:00:00 GMT", NOON, 30.0),
        ("Wed, 21 Oct 2026 11:00:00 GMT", NOON, 0.0),
        ("Wed, 21 Oct 2026 12:00:07 GMT", "", 5.0),
        ("Wed, 21 Oct 2026 12:00:07 GMT", "yesterday", 5.0),
    ],
)
def test_a_date_to_retry_after_is_read_by_the_clock_of_the_server(after: str, date: str, pause: float) -> None:
    """By its Date, and where it has none by ours; in bounds either way."""
    waits: list[float] = []
    answers = iter(
        [httpx.Response(503, headers={"retry-after": after, "date": date}), silent(httpx.Request("GET", BASE))]
    )
    ours = datetime(2026, 10, 21, 12, 0, 2, tzinfo=UTC).timestamp()
    found = wire(lambda request: next(answers), sleep=waits.append, now=lambda: ours)
    assert (found.send(Ask("/api")).status, waits) == (200, [pause])


@pytest.mark.parametrize("status", [429, 500, 503])
def test_three_failures_in_a_row_end_the_run(status: int) -> None:
    """Whoever is overloaded is left alone."""
    found = wire(lambda request: httpx.Response(status, json={}))
    for _ in range(3):
        found.send(Ask("/api"))
    with pytest.raises(SendingStopped):
        found.send(Ask("/api"))


def test_no_answer_is_one_sentence_without_secrets() -> None:
    """A broken connection names the host, not the headers."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"refused {request.headers}")

    with pytest.raises(Unreachable) as caught:
        wire(answer).send(Ask("/api"))
    assert str(caught.value) == "https://api.example.test cannot be reached"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (httpx.ReadTimeout("slow"), "{} did not answer GET /api within 15 s, asked twice"),
        (httpx.ProxyError("407"), "the proxy in front of {} does not lead there"),
        (
            httpx.ConnectError("[SSL: BAD] unable to verify\nmore"),
            "no trusted TLS connection to {}: [SSL: BAD] unable to verify",
        ),
        (
            httpx.RemoteProtocolError("gone"),
            "{} broke the connection off at GET /api (RemoteProtocolError), asked twice",
        ),
    ],
)
def test_why_there_was_no_answer(error: Exception, says: str) -> None:
    """A pause that is too long, a certificate and a broken connection are told apart, each in one line."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(Unreachable) as caught:
        wire(answer).send(Ask("/api"))
    assert str(caught.value) == says.format("https://api.example.test")


def test_an_answer_between_failures_counts_anew() -> None:
    """Only failures one behind the other end the run."""
    statuses = iter([500, 500, 200, 500, 500, 200])
    found = wire(lambda request: httpx.Response(next(statuses), json={}))
    assert [found.send(Ask("/api")).status for _ in range(6)] == [500, 500, 200, 500, 500, 200]


@pytest.mark.parametrize("text", ["", "soon", "-1", "nan", "inf", "1e9", "Wed, 32 Oct 2026 07:28:00 GMT"])
def test_a_pause_that_nobody_can_read_is_not_waited_for(text: str) -> None:
    """The answer stands as it came, and nothing is asked again."""
    waits: list[float] = []
    found = wire(lambda request: httpx.Response(429, headers={"retry-after": text}, json=[]), sleep=waits.append)
    assert (found.send(Ask("/api")).status, waits, found.sent) == (429, [], 1)


def test_a_reply_says_how_often_it_failed() -> None:
    """A 503 that asked for a pause, and failed again behind it, has failed twice."""
    answers = iter([503, 503, 200])
    found = wire(lambda request: httpx.Response(next(answers), headers={"retry-after": "0"}, json=[]))
    reply = found.send(Ask("/api"))
    assert (reply.status, reply.failures) == (200, 2)


def test_headers_leave_as_they_were_asked_for() -> None:
    """The kit names itself, asks for JSON, and adds what the ask adds and the credential."""
    seen: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return silent(request)

    found = wire(answer)
    found.send(Ask("/api", headers=(("If-None-Match", '"x"'),)))
    assert (seen[0]["accept"], seen[0]["if-none-match"]) == ("application/json", '"x"')
    assert seen[0]["authorization"] == f"Bearer {SECRET}"
    found.close()
    with pytest.raises(RuntimeError, match="closed"):
        found.send(Ask("/api"))
