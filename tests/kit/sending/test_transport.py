"""What leaves and what never leaves: methods, hosts, credentials, pace and budget."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from contract_tests.judging.target import target
from contract_tests.sending.transport import (
    Ask,
    BudgetExhausted,
    InProcess,
    NeverSent,
    Pace,
    Scheme,
    Security,
    SendingStopped,
    Unreachable,
    Wire,
    is_loopback,
)

BASE = "https://api.example.test/prime"
SECRET = "canary-3f9a1c-token"
SECURITY = Security((Scheme("Authorization", "Bearer "), Scheme("X-API-Key")))


def wire(answer: Callable[[httpx.Request], httpx.Response], **more: object) -> Wire:
    client = httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=False)
    given: dict[str, object] = {"rate": None, "client": client, "sleep": lambda seconds: None, **more}
    return Wire(BASE, SECURITY, {"token": SECRET}, **given)  # type: ignore[arg-type]


def silent(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=[])


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "QUERY"])
def test_nothing_but_get_and_head_leaves(method: str) -> None:
    """Any other method is refused before a request exists, over HTTP and in process alike."""
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.method)
        return silent(request)

    with pytest.raises(NeverSent):
        wire(answer).send(Ask("/api", method=method))
    local = InProcess(lambda *each: (200, {}, b"[]"), SECURITY, {"token": SECRET})
    with pytest.raises(NeverSent):
        local.send(Ask("/api", method=method))
    assert (seen, local.sent) == ([], 0)


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


def test_the_pace_is_smooth() -> None:
    """Five a second is one every 0.2 s, from the first request on; no burst is saved up."""
    now, slept = [100.0], list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(5.0, clock=lambda: now[0], sleep=sleep)
    for _ in range(4):
        pace.wait()
    now[0] += 60
    for _ in range(3):
        pace.wait()
    assert [round(each, 3) for each in slept] == [0.2, 0.2, 0.2, 0.2, 0.2]


@pytest.mark.parametrize(
    ("url", "loopback"),
    [("http://127.0.0.1:8000/x", True), ("http://localhost/x", True), ("http://[::1]:1/", True), (BASE, False)],
)
def test_loopback_is_told_apart(url: str, loopback: bool) -> None:
    """Only this machine is asked without a pause."""
    assert is_loopback(url) is loopback


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


@pytest.mark.parametrize("status", [429, 500, 503])
def test_three_failures_in_a_row_end_the_run(status: int) -> None:
    """Whoever is overloaded is left alone."""
    found = wire(lambda request: httpx.Response(status, json={}))
    for _ in range(3):
        found.send(Ask("/api"))
    with pytest.raises(SendingStopped):
        found.send(Ask("/api"))


def test_the_budget_is_never_exceeded() -> None:
    """The request behind the last one is refused before it leaves."""
    found = wire(silent, budget=3)
    for _ in range(3):
        found.send(Ask("/api"))
    with pytest.raises(BudgetExhausted):
        found.together([Ask("/api"), Ask("/api")])
    assert found.sent == 3


def test_no_answer_is_one_sentence_without_secrets() -> None:
    """A broken connection names the host, not the headers."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"refused {request.headers}")

    with pytest.raises(Unreachable) as caught:
        wire(answer).send(Ask("/api"))
    assert str(caught.value) == "https://api.example.test cannot be reached"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("credential", "channel", "header"),
    [
        ("token", "", ("authorization", f"Bearer {SECRET}")),
        ("token", "X-API-Key", ("x-api-key", SECRET)),
        ("malformed", "", ("authorization", f"Basic {SECRET}")),
        ("truncated", "", ("authorization", f"Bearer {SECRET[:-1]}")),
        ("recased", "X-API-Key", ("x-api-key", SECRET.upper())),
    ],
)
def test_credentials_travel_as_the_spec_says(credential: str, channel: str, header: tuple[str, str]) -> None:
    """The scheme of the spec decides about the header; laws only name the credential."""
    seen: dict[str, str] = {}

    def handler(method: str, path: str, query: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        seen.update(headers)
        return 200, {}, b"[]"

    InProcess(handler, SECURITY, {"token": SECRET}).send(Ask("/api", credential=credential, channel=channel))
    assert seen[header[0]] == header[1]


@pytest.mark.parametrize("slug", ["dreadnode", "instavm", "prime", "superserve"])
def test_curl_lines_hold_no_credential(slug: str) -> None:
    """A request can be repeated in a shell that has $TOKEN, and quotes survive."""
    security = target(slug).security
    for credential in ("token", "other", "none", "garbage", "malformed", "truncated", "recased"):
        line = Ask("/x", (("labels", "it's, ü"),), credential).curl(BASE, security)
        assert SECRET not in line
        assert ("$TOKEN" in line) == (credential in ("token", "malformed"))
        assert line.endswith("'https://api.example.test/prime/x?labels=it%27s%2C%20%C3%BC'")


def test_strict_json_only() -> None:
    """NaN is no JSON."""
    reply = InProcess(lambda *each: (200, {}, b"[NaN]"), SECURITY, {"token": SECRET}).send(Ask("/x"))
    with pytest.raises(ValueError, match=r"JSON|expected|unexpected"):
        reply.json()
