"""Who may call the admin API: whoever has the token, if one is set; otherwise this machine under one of its own names.
In neither case a page of another origin. Whether the server is well is told to everybody else, since probes ask for
that from other machines and carry no token."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from fakeserver.loopback import HOST, NAME, ORIGIN, is_loopback
from fakeserver.problems import FakeProblem

Endpoint = Callable[[Request], Awaitable[Response]]

IN_PROCESS = "testclient"
"""The address that Starlette's test client gives itself; no socket has it."""


def guard(endpoint: Endpoint, token: str | None, *, public: bool = False) -> Endpoint:
    """The endpoint behind the guard, which keeps nobody but pages out of a `public` one."""

    async def guarded(request: Request) -> Response:
        if public:
            check_origin(request)
        else:
            check_caller(request, token)
        return await endpoint(request)

    return guarded


def check_caller(request: Request, token: str | None) -> None:
    """Refuse a caller without the token or, where none is set, one that is not on this machine: 401 or 403."""
    if token is not None:
        check_token(request.headers.get("authorization", ""), token)
    elif request.client is not None and not (is_loopback(request.client.host) or request.client.host == IN_PROCESS):
        raise FakeProblem(403, "The admin API answers loopback only; --admin-token opens it")
    elif HOST.fullmatch(request.headers.get("host", NAME)) is None:
        # A name that merely resolves to this machine may belong to a page that wants to use it.
        raise FakeProblem(403, "The admin API is called by a loopback name only", field="Host")
    check_origin(request)


def check_origin(request: Request) -> None:
    """Refuse a page of another origin: 403."""
    origin = request.headers.get("origin")
    if origin is not None and ORIGIN.fullmatch(origin) is None:
        raise FakeProblem(403, "Pages on other origins may not call the admin API", field="Origin")


def check_token(authorization: str, token: str) -> None:
    """Refuse an Authorization header that does not carry the token as a bearer."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode(), token.encode()):
        raise FakeProblem(401, "The admin API needs the admin token as a bearer", field="Authorization")
