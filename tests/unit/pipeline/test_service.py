"""The request as a whole: in which order its stages decide, and whose words a refusal speaks."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import orjson
import pytest

from fakeserver.lifecycle.calls import Call
from fakeserver.listing.meaning import Asked, Result, View
from fakeserver.pipeline.exchange import FAULT_HEADER, Answer, Request
from fakeserver.pipeline.routes import Route
from fakeserver.pipeline.service import MAX_HEADERS, Service
from fakeserver.problems import PROBLEM_JSON
from fakeserver.provider import Document, Problem, Switches
from fakeserver.spec.parameters import MAX_QUERY_BYTES
from fakeserver.worlds.world import World
from tests.support.admin import small_app
from tests.support.asgi import FACETS, PATHS, credential, services


def world() -> World:
    return small_app().world


def answer(service: Service, here: World, query: bytes = b"", *, path: str = "", **headers: str) -> Answer:
    slug = service.provider.slug
    return service.answer(Request("GET", path or PATHS[slug], query, headers), here)


def test_the_operation_that_is_refused_says_how_to_authenticate() -> None:
    """Two operations of one spec may differ: the header comes with the refusals of the one that documents it."""
    service = services()["dreadnode"]
    operations = dict(service.spec.operations)
    facets = operations["getSandboxFacets"]
    responses = {**facets.responses, 401: replace(facets.responses[401], headers=("WWW-Authenticate",))}
    operations["getSandboxFacets"] = replace(facets, responses=responses)
    changed = Service(service.provider, replace(service.spec, operations=operations), service.fixture)

    for prefer in ("", "code=401"):
        listing, counted = (answer(changed, world(), path=path, prefer=prefer) for path in ("", FACETS))
        assert (listing.status, counted.status) == (401, 401)
        assert "WWW-Authenticate" not in listing.headers
        assert counted.headers["WWW-Authenticate"] == "Bearer"
    assert "WWW-Authenticate" not in answer(changed, world(), path="/nowhere").headers


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (Request("GET", "/nowhere", b"", {str(number): "" for number in range(MAX_HEADERS + 1)}), 431),
        (Request("GET", "/nowhere", b"a" * (MAX_QUERY_BYTES + 1), {}), 404),
        (Request("GET", PATHS["prime"], b"__code=999&" + b"a" * MAX_QUERY_BYTES, {}), 414),
        (Request("GET", PATHS["prime"], b"__code=999", {}), 400),
        (Request("GET", PATHS["prime"], b"__code=503&page=0", {}), 503),
        (Request("GET", PATHS["prime"], b"__fault=STALL&page=0", {}), 401),
        (Request("GET", PATHS["prime"], b"page=0&team_id=nobody", credential("prime")), 422),
        (Request("GET", PATHS["prime"], b"team_id=nobody", credential("prime")), 403),
    ],
    ids=lambda each: str(each)[:60],
)
def test_the_earlier_stage_decides(request_: Request, status: int) -> None:
    """Headers, path, length, what is asked of the fake, caller, values, scope: the first that refuses is the answer."""
    assert services()["prime"].answer(request_, world()).status == status


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_late_refusal_is_late_in_its_phase(phase: str) -> None:
    """An effect without an answer of its own holds a refusal back as well, unless it waits for a success."""
    query = f"page=0&__delay=2s&__phase={phase}".encode()
    late = answer(services()["prime"], world(), query, **credential("prime"))
    assert (late.status, late.delay) == (422, 2 if phase == "before" else 0)
    assert (FAULT_HEADER in late.headers) is ("Preference-Applied" in late.headers) is (phase == "before")


def test_an_effect_counts_against_no_limit_before_and_against_one_after() -> None:
    """Before, the request never reaches the rate limit; after, everything but the answer has happened."""
    service, here = services()["prime"], small_app(rate_limits=True).world
    for phase, counted in (("before", 0), ("after", 1)):
        refused = answer(service, here, b"__code=503&__phase=%s" % phase.encode(), **credential("prime"))
        assert refused.status == 503
        assert len(here.limits.counters) == counted


def test_the_journal_knows_how_far_a_request_got() -> None:
    """What was found before the refusal is written down; what a fault replaced, too."""
    service, here = services()["prime"], world()
    answer(service, here, path="/nowhere")
    answer(service, here)
    answer(service, here, b"page=0", **credential("prime"))
    answer(service, here, b"page=2", **credential("prime"), prefer="code=503, phase=after")
    answer(service, here, b"page=2", **credential("prime"), prefer="code=503")
    told: list[Any] = [
        (entry.operation, entry.caller, entry.values and entry.values["page"], entry.status, entry.fault)
        for entry in here.journal.entries()
    ]
    assert told[::-1] == [
        (None, None, None, 404, None),
        ("listSandboxes", None, None, 401, None),
        ("listSandboxes", "admin", None, 422, None),
        ("listSandboxes", "admin", 2, 503, "code=503, phase=after"),
        ("listSandboxes", "admin", None, 503, "code=503"),
    ]


def test_what_the_fake_refuses_is_never_in_the_dialect() -> None:
    refusal = answer(services()["prime"], world(), prefer="code=999")
    assert refusal.media_type == PROBLEM_JSON
    assert orjson.loads(refusal.text())["field"] == "code"


@pytest.mark.parametrize(
    ("request_", "base_url"),
    [
        (
            Request("GET", PATHS["prime"], headers={"host": "127.0.0.1:4000"}, prefix="/prime"),
            "http://127.0.0.1:4000/prime",
        ),
        (Request("GET", PATHS["prime"], headers={"host": "[::1]:80"}, scheme="https"), "https://[::1]:80"),
        (
            Request("GET", PATHS["prime"], headers={"host": 'a b"/é'}, prefix="/ns/ü/prime"),
            "http://a%20b%22%2F%C3%A9/ns/%C3%BC/prime",
        ),
        (Request("GET", PATHS["prime"], prefix="/prime"), "http://localhost:8000/prime"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_an_operation_knows_where_its_client_found_it(request_: Request, base_url: str) -> None:
    """The host is the request's own, so it leads back here through whatever stands in between."""

    def tell(asked: Asked, view: View) -> Result:
        return Result(200, {"base_url": view.base_url(), "wall": view.wall()})

    service, here = services()["prime"], world()
    (listing,) = [route for route in service.routes if route.operation.id == "listSandboxes"]
    telling = Route(listing.operation, Call(tell, reads=tuple(listing.meaning.parameters)), listing.decoder)
    others = [route for route in service.routes if route is not listing]
    changed = Service(service.provider, service.spec, service.fixture, [telling, *others])
    here.clock.set(here.epoch)
    asked = replace(request_, headers={**request_.headers, **credential("prime")})
    before = time.time_ns() // 1_000
    told = orjson.loads(changed.answer(asked, here).text())
    assert told["base_url"] == base_url
    assert before <= told["wall"] <= time.time_ns() // 1_000


def test_a_dialect_is_shown_whose_refusal_it_is() -> None:
    """The operation's id, and nothing where none was found."""
    service, seen = services()["dreadnode"], list[str]()

    def noting(problem: Problem, switches: Switches) -> tuple[int, Document]:
        seen.append(problem.operation)
        return service.provider.errors(problem, switches)

    changed = Service(replace(service.provider, errors=noting), service.spec, service.fixture)
    for path in ("", FACETS, "/nowhere"):
        answer(changed, world(), path=path)
    assert seen == ["listSandboxes", "getSandboxFacets", ""]
