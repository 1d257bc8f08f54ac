"""Failures on demand: by script, by request and by credential, as answers and as broken connections."""

from __future__ import annotations

import json
import random
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakeserver.faults.scripts import CONNECTION_FAULTS, Fixed, LogNormal, Uniform
from fakeserver.serving.app import App, Settings
from fakeserver.testing.faults import FaultName
from fakeserver.testing.handles import World
from fakeserver.testing.server import Server, running
from tests.support.admin import admin, done, listing, small_app
from tests.support.asgi import FACETS, PATHS, SLUGS, Reply, call, credential

HEADER = "x-fakeserver-fault"
HEAD_END = b"\r\n\r\n"
SECONDS = 20.0
INSTANT = 1e-6
"""What sums of seconds may be off by."""


@pytest.fixture
def app() -> App:
    """A server of the test's own."""
    return small_app(size=20)


def fault(app: App, slug: str = "prime", ns: str = "", **body: Any) -> dict[str, Any]:
    found: dict[str, Any] = done(
        admin(app, "POST", "/faults", {"provider": slug, "operation": "listSandboxes", **body}, ns=ns)
    )
    return found


def statuses(app: App, count: int, slug: str = "prime", **more: str) -> list[int]:
    return [listing(app, slug, **more).status for _ in range(count)]


def hits(app: App, number: int = 0) -> tuple[int, int, bool]:
    each = done(admin(app, "GET", "/faults"))["faults"][number]
    return each["seen"], each["hits"], each["completed"]


# Scripts


def test_the_first_so_many_fail(app: App) -> None:
    """With `times`, the first N requests fail and then all is normal; the fault counts what it did."""
    fault(app, code=503, times=2)
    assert statuses(app, 4) == [503, 503, 200, 200]
    assert hits(app) == (4, 2, True)


def test_some_are_let_through_first(app: App) -> None:
    """With `after`, the first N requests are normal, and without `times` the rest fails until the fault is deleted."""
    made = fault(app, code=500, after=2)
    assert statuses(app, 5) == [200, 200, 500, 500, 500]
    assert admin(app, "DELETE", f"/faults/{made['id']}").status == 204
    assert statuses(app, 1) == [200]


def test_scripts_follow_each_other(app: App) -> None:
    """A spent fault makes room for the next one, in the order in which they were set."""
    fault(app, code=503, times=1)
    fault(app, code=429, times=2)
    assert statuses(app, 4) == [503, 429, 429, 200]
    assert admin(app, "DELETE", "/faults").status == 204
    assert done(admin(app, "GET", "/faults")) == {"faults": []}


def test_chance_is_drawn_from_the_seed() -> None:
    """A probability hits about as often as it says, the same requests in each run, and others with another seed."""

    def run(seed: int) -> list[int]:
        app = small_app(size=5, seed=seed)
        fault(app, code=503, probability=0.3)
        return statuses(app, 200)

    first = run(1)
    assert run(1) == first != run(2)
    assert 35 <= first.count(503) <= 85
    app = small_app(size=5)
    fault(app, code=503, probability=0)
    assert set(statuses(app, 20)) == {200}


def test_callers_are_told_apart(app: App) -> None:
    """A fault for one caller spares the others, and one for nobody's name hits nobody."""
    fault(app, code=503, match={"caller": "member"})
    fault(app, code=500, match={"caller": "nobody"})
    assert statuses(app, 1) == [200]
    assert statuses(app, 1, who="member") == [503]
    assert hits(app, 1) == (0, 0, False)


def test_queries_are_told_apart(app: App) -> None:
    """Every parameter that a fault names must have its text; other parameters do not matter."""
    fault(app, code=504, match={"query": {"page": "2", "status": "RUNNING"}})
    assert listing(app, "prime", "page=2").status == 200
    assert listing(app, "prime", "page=2&status=PAUSED").status == 200
    assert listing(app, "prime", "status=RUNNING&page=2&per_page=3").status == 504


def test_unmatched_faults_do_nothing(app: App) -> None:
    """A fault of another provider or operation changes no byte of an answer; rate limits count on."""

    def answered() -> dict[str, tuple[dict[str, str], bytes]]:
        replies = {slug: listing(app, slug) for slug in SLUGS if slug != "dreadnode"}
        kept = {slug: {name: text for name, text in each.headers.items() if not name.startswith("ratelimit-")}
                for slug, each in replies.items()}  # fmt: skip
        return {slug: (kept[slug], each.body) for slug, each in replies.items()}

    before = answered()
    fault(app, "dreadnode", code=500)
    done(admin(app, "POST", "/faults", {"provider": "dreadnode", "operation": "getSandboxFacets", "code": 500}))
    fault(app, "instavm", code=500, match={"query": {"limit": "7"}})
    assert answered() == before
    assert listing(app, "dreadnode").status == 500


def test_faults_stay_in_their_namespace(app: App) -> None:
    """A fault at the root hits no namespace, and the other way round."""
    fault(app, code=503)
    fault(app, ns="one", code=429)
    assert [listing(app, "prime", ns=ns).status for ns in ("", "one", "two")] == [503, 429, 200]


@pytest.mark.parametrize("slug", SLUGS)
def test_bodies_are_the_providers_own(app: App, slug: str) -> None:
    """Every documented error with every named example comes with that body, its headers, and a mark."""
    operation = app.services[slug].spec.operations["listSandboxes"]
    for response in operation.responses.values():
        if response.status < 400:
            continue
        for name, value in response.examples.items():
            fault(app, slug, code=response.status, example=name, times=1, headers={"X-Mine": "yes"})
            reply = listing(app, slug)
            assert (reply.status, reply.value) == (response.status, value)
            assert reply.media_type == "application/json"
            assert reply.headers["x-mine"] == "yes"
            assert f"code={response.status}, example={name}" in reply.headers[HEADER]
            assert ("retry-after" in reply.headers) == ("Retry-After" in response.headers)
    assert HEADER not in listing(app, slug).headers


def test_headers_of_a_fault_win(app: App) -> None:
    """A fault's own Retry-After replaces the usual one; an example alone says the status."""
    fault(app, code=429, headers={"Retry-After": "7", "RateLimit-Remaining": "0"}, times=1)
    reply = listing(app, "prime")
    assert (reply.headers["retry-after"], reply.headers["ratelimit-remaining"]) == ("7", "0")
    fault(app, "dreadnode", example="usage_limit_exceeded_error", times=1)
    assert listing(app, "dreadnode").value["type"] == "usage_limit_exceeded_error"


def test_a_fault_without_an_operation_is_about_all_of_them(app: App) -> None:
    """Every operation of the provider fails in its own words, and one counter counts them all."""
    made = fault(app, "dreadnode", operation=None, example="server_error", times=2, after=1)
    paths = (PATHS["dreadnode"], FACETS) * 2
    replies = [call(app, f"/dreadnode{path}", headers=credential("dreadnode")) for path in paths]
    assert [reply.status for reply in replies] == [200, 500, 500, 200]
    assert hits(app) == (4, 2, True)
    assert made["operation"] is None
    assert listing(app, "prime").status == 200
    assert done(admin(app, "GET", "/snapshot"))["faults"]["scripts"][0]["hits"] == 2


def test_a_fault_of_all_operations_has_to_be_documented_by_all(app: App) -> None:
    """The first operation that does not know the status is named."""
    refused = admin(app, "POST", "/faults", {"provider": "dreadnode", "code": 418})
    assert refused.status == 422
    assert "listSandboxes documents no 418" in refused.value["detail"]


def test_headers_alone_go_with_the_real_answer(app: App) -> None:
    """A script, or a request, may add a header to a success."""
    fault(app, headers={"RateLimit-Remaining": "0"}, times=1)
    reply = listing(app, "prime")
    assert (reply.status, reply.headers["ratelimit-remaining"], HEADER in reply.headers) == (200, "0", True)
    reply = listing(app, "prime", prefer="header.RateLimit-Remaining=1")
    assert (reply.status, reply.headers["ratelimit-remaining"], HEADER in reply.headers) == (200, "1", True)


def test_undocumented_statuses(app: App) -> None:
    """With lenient handling a status that the spec does not know is sent, in the provider's dialect."""
    fault(app, "superserve", code=418, handling="lenient")
    reply = listing(app, "superserve")
    assert (reply.status, list(reply.value["error"])) == (418, ["code", "message"])


def test_phases(app: App) -> None:
    """Before, a fault wins over every refusal; after, it replaces the success only."""
    fault(app, code=503, phase="before", times=1)
    assert listing(app, "prime", "page=0").status == 503
    fault(app, code=503, phase="after")
    assert listing(app, "prime", "page=0").status == 422
    reply = listing(app, "prime")
    assert (reply.status, HEADER in reply.headers) == (503, True)


# Delays


@pytest.mark.parametrize(
    ("body", "least", "most"),
    [
        ({"delay_ms": 60}, 0.06, 0.06),
        ({"delayDistribution": {"type": "uniform", "lower": 50, "upper": 70}}, 0.05, 0.07),
        ({"delayDistribution": {"type": "lognormal", "median": 50, "sigma": 0, "maxValue": 100}}, 0.05, 0.05),
        ({"chunkedDribbleDelay": {"numberOfChunks": 4, "totalDuration": 60}}, 0.06, 0.06),
        ({"code": 503, "delay_ms": 60}, 0.06, 0.06),
        ({"delay_ms": 600_000}, 600, 600),
    ],
    ids=str,
)
def test_answers_can_be_late(app: App, body: dict[str, Any], least: float, most: float) -> None:
    """Each shape of delay holds the answer back; the answer itself is the real one unless a code is asked for."""
    usual = listing(app, "prime")
    fault(app, **body)
    reply = listing(app, "prime")
    assert usual.seconds == 0
    assert least - INSTANT <= reply.seconds <= most + INSTANT
    if "code" not in body:
        assert (reply.status, reply.body) == (200, usual.body)
    assert HEADER in reply.headers


@given(seed=st.integers(0, 2**32), lower=st.floats(0, 5), width=st.floats(0, 5), sigma=st.floats(0, 3))
def test_delays_stay_within_their_shape(seed: int, lower: float, width: float, sigma: float) -> None:
    """A uniform delay stays between its bounds, a lognormal one below its most, and one seed draws one delay."""
    uniform, lognormal = Uniform(lower, lower + width), LogNormal(lower, sigma, most=lower * 2)
    draws = [each.draw(random.Random(seed)) for each in (Fixed(lower), uniform, lognormal)]
    assert draws == [each.draw(random.Random(seed)) for each in (Fixed(lower), uniform, lognormal)]
    assert draws[0] == lower
    assert lower <= draws[1] <= lower + width + 1e-9
    assert 0 <= draws[2] <= lower * 2


def test_lognormal_delays_have_their_median() -> None:
    """Half of the lognormal delays are above the median, and they are not all alike."""
    draws = [LogNormal(1.0, 0.5).draw(random.Random(seed)) for seed in range(2_000)]
    assert 900 < sum(each > 1 for each in draws) < 1_100
    assert len(set(draws)) > 1_900


# By request and by credential


FORMS = ("header", "query", "credential")


def asked(app: App, form: str, slug: str = "prime", **wish: str) -> Reply:
    """A listing that asks for a failure in one of the three forms."""
    text = ",".join(f"{name}={value}" for name, value in wish.items())
    if form == "header":
        return listing(app, slug, prefer=text)
    if form == "query":
        return listing(app, slug, "&".join(f"__{name}={value}" for name, value in wish.items()))
    return listing(app, slug, suffix=f"+{text}")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("slug", SLUGS)
def test_each_form_reaches_each_error(app: App, slug: str, form: str) -> None:
    """A documented code, with an example or without, comes by header, query and credential alike, and says so."""
    for response in app.services[slug].spec.operations["listSandboxes"].responses.values():
        if response.status >= 400:
            name = list(response.examples)[-1]
            reply = asked(app, form, slug, code=str(response.status), example=name)
            assert (reply.status, reply.value) == (response.status, response.examples[name])
            assert reply.headers["preference-applied"] == f"code={response.status}, example={name}"
            assert HEADER in reply.headers
            assert asked(app, form, slug, code=str(response.status)).status == response.status


@pytest.mark.parametrize("form", FORMS)
def test_wishes_can_be_spent(app: App, form: str) -> None:
    """`times` and `after` are counted for each credential and each wish, and start anew after a reset."""
    assert [asked(app, form, code="503", times="2").status for _ in range(4)] == [503, 503, 200, 200]
    assert [asked(app, form, code="503", after="1", times="1").status for _ in range(3)] == [200, 503, 200]
    assert asked(app, form, code="429", times="2").status == 429
    assert listing(app, "prime", who="member", suffix="+code=503,times=2").status == 503
    done(admin(app, "POST", "/reset"))
    assert asked(app, form, code="503", times="2").status == 503


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("delay", "seconds"), [("60", 0.06), ("60ms", 0.06), ("0.06s", 0.06)])
def test_delays_by_request(app: App, form: str, delay: str, seconds: float) -> None:
    """A delay is asked for in milliseconds or seconds."""
    reply = asked(app, form, delay=delay)
    assert reply.status == 200
    assert reply.seconds == pytest.approx(seconds)


@pytest.mark.parametrize("form", FORMS)
def test_headers_by_request(app: App, form: str) -> None:
    """Retry-After and any other header of a failure can be chosen for one request."""
    reply = asked(app, form, **{"code": "429", "header.Retry-After": "17", "header.X-Request-Id": "req-1"})
    assert reply.status == 429
    assert (reply.headers["retry-after"], reply.headers["x-request-id"]) == ("17", "req-1")
    assert done(admin(app, "GET", "/requests"))["requests"][0]["warnings"] == []
    assert listing(app, "prime", suffix="+header.Retry-After=9,code=503").headers["retry-after"] == "9"
    quoted = listing(app, "prime", prefer='code=503, header.Warning="199 - \\"soon, maybe\\""')
    assert quoted.headers["warning"] == '199 - "soon, maybe"'


@pytest.mark.parametrize("form", FORMS)
def test_a_header_is_shown_to_nobody_else(app: App, form: str) -> None:
    """The journal and a snapshot name it, and not what it holds, which may be a credential."""
    asked(app, form, **{"code": "503", "header.Authorization": "Bearer-of-secrets"})
    for path in ("/requests", "/snapshot"):
        text = json.dumps(done(admin(app, "GET", path)))
        assert "header." in text
        assert "Bearer-of-secrets" not in text


def test_all_wishes_at_once(app: App) -> None:
    """`Prefer: code=…, delay=…, fault=…` combine, and the header wins over the query over the credential."""
    reply = listing(app, "prime", prefer="code=503, delay=50ms, fault=WRONG_CONTENT_TYPE")
    assert (reply.status, reply.media_type) == (503, "text/html")
    assert reply.seconds == pytest.approx(0.05)
    assert json.loads(reply.body)
    assert listing(app, "prime", "__code=429", prefer="code=500").status == 500
    assert listing(app, "prime", "__code=429", suffix="+code=503").status == 429


@pytest.mark.parametrize(
    ("prefer", "field"),
    [
        ("code=999", "code"),
        ("code=abc", "code"),
        ("code=503, example=nobody", "example"),
        ("fault=EXPLODE", "fault"),
        ("delay=soon", "delay"),
        ("delay=9999999s", "delay"),
        ("code=503, times=-1", "times"),
        ("code=503, phase=during", "phase"),
        ("cod=503", "cod"),
        ("handling=maybe", "handling"),
        ("code=503 times=2", "Prefer"),
        ("times=2", "times"),
        ("code=503, header.Content-Length=2", "header.content-length"),
        ("code=503, header.X-Fakeserver-Fault=no", "header.x-fakeserver-fault"),
        ("code=503, header.Retry-After=99999999999", "header.retry-after"),
        ("code=503, header.=2", "header."),
        ("code=503, header.Date=now", "header.date"),
        ("code=503, header.Access-Control-Allow-Origin=https://evil.example", "header.access-control-allow-origin"),
        ("code=503, header.(x)=2", "header.(x)"),
        ("code=503, header.X=" + "y" * 1_025, "header.x"),
        ('code=503, header.X="é"', "header.x"),
        ("code=503" + "".join(f", header.X-{n}=1" for n in range(21)), "header"),
    ],
)
def test_wishes_that_cannot_be_granted(app: App, prefer: str, field: str) -> None:
    """An unknown preference or value is the fake's own problem+json and names it, never the provider's dialect."""
    reply = listing(app, "prime", prefer=prefer)
    assert (reply.status, reply.media_type, reply.value["field"]) == (400, "application/problem+json", field)


@pytest.mark.parametrize(
    ("suffix", "field"), [("+cod=429", "cod"), ("+cod=429,times=1", "cod"), ("+", ""), ("+x", "x")]
)
@pytest.mark.parametrize("slug", SLUGS)
def test_a_misspelt_name_behind_a_credential_is_named(app: App, slug: str, suffix: str, field: str) -> None:
    """It would be a stranger's credential otherwise, and nobody would know why; that of a stranger still is."""
    reply = listing(app, slug, suffix=suffix)
    assert (reply.status, reply.media_type, reply.value["field"]) == (400, "application/problem+json", field)
    assert ("did you mean 'code'?" in reply.value["detail"]) is field.startswith("cod")
    assert listing(app, slug, **{name: f"{text}x{suffix}" for name, text in credential(slug).items()}).status == 401


def test_preferences_for_the_real_api_are_ignored(app: App) -> None:
    """Registered preferences pass; lenient handling sends what the spec does not know."""
    assert listing(app, "prime", prefer="respond-async, wait=10").status == 200
    assert listing(app, "prime", prefer="handling=lenient, unheard-of=1").status == 200
    assert listing(app, "prime", prefer="code=418; handling=lenient").status in (400, 418)
    assert listing(app, "prime", prefer="code=418, handling=lenient").status == 418


def test_a_wish_is_not_a_filter(app: App) -> None:
    """The query forms never reach the provider: the page is the same, and nothing is warned of."""
    usual = listing(app, "superserve", "metadata.env=prod").body
    assert listing(app, "superserve", "metadata.env=prod&__delay=0").body == usual
    assert done(admin(app, "GET", "/requests"))["requests"][0]["warnings"] == []


def test_connection_faults_need_a_connection(app: App) -> None:
    """An in-process client cannot be hung up on; it is told so."""
    assert listing(app, "prime", prefer="fault=EMPTY_RESPONSE").status == 501


# On a real connection


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A live server for this file."""
    with running(Settings(size=20, rate_limits=False)) as served:
        yield served


@pytest.fixture
def world(server: Server) -> Iterator[World]:
    """A world of the test's own."""
    with server.world() as made:
        yield made


@contextmanager
def sent(world: World, prefer: str) -> Iterator[socket.socket]:
    """A connection on which a listing was asked for."""
    host, _, rest = world.base_url.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    key = credential("prime")["authorization"]
    lines = [
        f"GET /{rest}/prime{PATHS['prime']}?per_page=2 HTTP/1.1",
        f"Host: {host}",
        f"Authorization: {key}",
        f"Prefer: {prefer}",
        "Connection: close",
    ]
    with socket.create_connection((name, int(port)), timeout=SECONDS) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        yield connection


def received(world: World, prefer: str) -> bytes:
    """Every byte that a client sees of a listing; b"RESET" stands for a reset."""
    with sent(world, prefer) as connection:
        try:
            return b"".join(iter(lambda: connection.recv(65_536), b""))
        except ConnectionResetError:
            return b"RESET"


def answered(world: World) -> bool:
    """Whether the server still answers an ordinary request."""
    with httpx.Client(trust_env=False) as client:
        key = credential("prime")
        return client.get(f"{world.prime.base_url}{PATHS['prime']}", headers=key).status_code == 200


def test_empty_response(world: World) -> None:
    """EMPTY_RESPONSE closes without a byte."""
    assert received(world, "fault=EMPTY_RESPONSE") == b""
    assert answered(world)


def test_connection_reset(world: World) -> None:
    """CONNECTION_RESET_BY_PEER is a reset, not an orderly end."""
    assert received(world, "fault=CONNECTION_RESET_BY_PEER") == b"RESET"
    assert answered(world)


def test_random_data(world: World) -> None:
    """RANDOM_DATA_THEN_CLOSE sends what is no HTTP."""
    found = received(world, "fault=RANDOM_DATA_THEN_CLOSE")
    assert found
    assert b"HTTP" not in found


def test_malformed_chunk(world: World) -> None:
    """MALFORMED_RESPONSE_CHUNK has a good head with the mark on it, and then no chunk."""
    head, _, body = received(world, "fault=MALFORMED_RESPONSE_CHUNK").partition(HEAD_END)
    assert head.startswith(b"HTTP/1.1 200")
    assert b"transfer-encoding: chunked" in head
    assert b"x-fakeserver-fault: fault=MALFORMED_RESPONSE_CHUNK" in head
    assert b"sandboxes" not in body


@pytest.mark.parametrize(
    ("prefer", "line"),
    [
        ("fault=TRUNCATED_BODY", b"HTTP/1.1 200 OK"),
        ("fault=MALFORMED_RESPONSE_CHUNK", b"HTTP/1.1 200 OK"),
        ("code=401, fault=TRUNCATED_BODY", b"HTTP/1.1 401 Unauthorized"),
        ("code=503, handling=lenient, fault=TRUNCATED_BODY", b"HTTP/1.1 503 Service Unavailable"),
        ("code=299, handling=lenient", b"HTTP/1.1 299 "),
        ("code=599, handling=lenient, fault=TRUNCATED_BODY", b"HTTP/1.1 599 "),
    ],
)
def test_a_broken_answer_begins_as_a_whole_one_does(world: World, prefer: str, line: bytes) -> None:
    assert received(world, prefer).partition(b"\r\n")[0] == line


def test_truncated_body(world: World) -> None:
    """TRUNCATED_BODY promises the whole length and sends half."""
    head, _, body = received(world, "fault=TRUNCATED_BODY").partition(HEAD_END)
    (length,) = (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length"))
    assert len(body) == length // 2
    assert body.startswith(b'{"sandboxes":[')


def test_stall(world: World) -> None:
    """STALL sends half and then nothing, for as long as the client waits; others are served meanwhile."""
    with sent(world, "fault=STALL") as connection:
        found, half = b"", b""
        while not half or len(half) < int(re.findall(rb"content-length: (\d+)", found)[0]) // 2:
            piece = connection.recv(65_536)
            assert piece, found
            found += piece
            half = found.partition(HEAD_END)[2]
        assert found.startswith(b"HTTP/1.1 200")
        assert answered(world)
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_wrong_content_type(world: World) -> None:
    """WRONG_CONTENT_TYPE calls the right body HTML."""
    head, _, body = received(world, "fault=WRONG_CONTENT_TYPE").partition(HEAD_END)
    assert b"content-type: text/html" in head
    assert b'{"sandboxes":[' in body


def test_html_gateway(world: World) -> None:
    """HTML_GATEWAY is a proxy's 502 page, and the journal says 502, too."""
    head, _, body = received(world, "fault=HTML_GATEWAY").partition(HEAD_END)
    assert head.startswith(b"HTTP/1.1 502")
    assert b"<h1>502 Bad Gateway</h1>" in body
    assert world.prime.requests[-1]["status"] == 502


def test_every_fault_has_a_test_above() -> None:
    """The list of faults is the one that these tests go through."""
    assert set(CONNECTION_FAULTS) == {
        "EMPTY_RESPONSE",
        "MALFORMED_RESPONSE_CHUNK",
        "RANDOM_DATA_THEN_CLOSE",
        "CONNECTION_RESET_BY_PEER",
        "TRUNCATED_BODY",
        "STALL",
        "WRONG_CONTENT_TYPE",
        "HTML_GATEWAY",
    }


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("EMPTY_RESPONSE", httpx.RemoteProtocolError),
        ("MALFORMED_RESPONSE_CHUNK", httpx.RemoteProtocolError),
        ("RANDOM_DATA_THEN_CLOSE", httpx.RemoteProtocolError),
        ("CONNECTION_RESET_BY_PEER", httpx.ReadError),
        ("TRUNCATED_BODY", httpx.RemoteProtocolError),
        ("STALL", httpx.ReadTimeout),
    ],
)
def test_what_a_client_library_sees(world: World, name: FaultName, error: type[Exception]) -> None:
    """A script breaks the first connection in the way that its name says; the second request is served."""
    world.prime.fault(fault=name, times=1)
    with httpx.Client(trust_env=False, timeout=SECONDS, headers=credential("prime")) as client:
        url = f"{world.prime.base_url}{PATHS['prime']}"
        with pytest.raises(error):
            client.get(url, timeout=0.5 if name == "STALL" else SECONDS)
        assert client.get(url).status_code == 200


def test_dribble_comes_in_pieces(world: World) -> None:
    """A dribbled body arrives in as many pieces as were asked for, and is whole."""
    _, _, usual = received(world, "return=representation").partition(HEAD_END)
    world.prime.fault(chunkedDribbleDelay={"numberOfChunks": 5, "totalDuration": 150})
    _, _, rest = received(world, "return=representation").partition(HEAD_END)
    pieces = []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        pieces.append(rest[: int(size, 16)])
        assert rest[int(size, 16) :].startswith(b"\r\n")
        rest = rest[int(size, 16) + 2 :]
    assert b"".join(pieces) == usual
    assert len(pieces) == 5 + 1
    assert pieces[-1] == b""


def test_dribble_takes_the_time_that_was_asked_for(app: App) -> None:
    """The pieces leave at even distances, none before the first of them is over."""
    usual = listing(app, "prime").body
    fault(app, chunkedDribbleDelay={"numberOfChunks": 5, "totalDuration": 150})
    reply = listing(app, "prime")
    *pieces, (_, end) = reply.pieces
    assert b"".join(piece for _, piece in pieces) == usual
    assert [moment for moment, _ in pieces] == pytest.approx([0.03, 0.06, 0.09, 0.12, 0.15])
    assert end == b""
