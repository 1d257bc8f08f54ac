"""The guard of the admin API: who may call, under which name of this machine, and from which page."""

from __future__ import annotations

import asyncio

import pytest
from starlette.requests import Request
from starlette.responses import Response

from fakeserver.admin.guard import check_caller, guard
from fakeserver.problems import FakeProblem

HERE, ELSEWHERE = "127.0.0.1", "192.0.2.7"
LOCAL = {"host": "localhost:8000"}


def request(client: str | None = HERE, **headers: str) -> Request:
    return Request(
        {
            "type": "http",
            "headers": [(name.encode(), text.encode("latin-1")) for name, text in headers.items()],
            "client": None if client is None else (client, 50_000),
        }
    )


def refusal(asked: Request, token: str | None) -> tuple[int, str | None]:
    with pytest.raises(FakeProblem) as caught:
        check_caller(asked, token)
    return caught.value.status, caught.value.body.get("field")


@pytest.mark.parametrize("client", [HERE, "127.1.2.3", "::1", "::ffff:127.0.0.1", "testclient", None])
def test_this_machine_may_call(client: str | None) -> None:
    """By each of its addresses, from Starlette's test client, and where a server does not say who calls."""
    check_caller(request(client, **LOCAL), None)
    check_caller(request(client), None)


@pytest.mark.parametrize("client", [ELSEWHERE, "::ffff:192.0.2.7", "localhost.example.com", ""])
def test_other_machines_may_not(client: str) -> None:
    assert refusal(request(client, **LOCAL), None) == (403, None)


@pytest.mark.parametrize("host", ["example.com", "localhost.example.com", "", "127.0.0.1@example.com"])
def test_a_name_that_merely_resolves_here_may_not(host: str) -> None:
    assert refusal(request(host=host), None) == (403, "Host")


@pytest.mark.parametrize("token", [None, "sesame"])
@pytest.mark.parametrize("origin", ["null", "http://example.com", "https://localhost.example.com", "localhost"])
def test_a_page_from_elsewhere_may_not(origin: str, token: str | None) -> None:
    """Not even with the token."""
    assert refusal(request(**LOCAL, authorization="Bearer sesame", origin=origin), token) == (403, "Origin")
    check_caller(request(**LOCAL, authorization="Bearer sesame", origin="http://localhost:5173"), token)


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Bearer Sesame", "Basic sesame", "sesame"])
def test_a_wrong_token_is_refused_here_too(authorization: str) -> None:
    assert refusal(request(**LOCAL, authorization=authorization), "sesame") == (401, "Authorization")


def test_the_token_opens_it_to_everybody() -> None:
    """From anywhere and under any name; the scheme is written as one likes."""
    for scheme in ("Bearer", "bearer", "BEARER"):
        check_caller(request(ELSEWHERE, host="fake.example.com", authorization=f"{scheme} sesame"), "sesame")


def test_the_endpoint_is_called_only_behind_the_guard() -> None:
    called: list[Request] = []

    async def endpoint(asked: Request) -> Response:
        called.append(asked)
        return Response(status_code=204)

    async def status(asked: Request) -> int:
        return (await guard(endpoint, None)(asked)).status_code

    with pytest.raises(FakeProblem):
        asyncio.run(status(request(ELSEWHERE)))
    assert called == []
    allowed = request(**LOCAL)
    assert asyncio.run(status(allowed)) == 204
    assert called == [allowed]
