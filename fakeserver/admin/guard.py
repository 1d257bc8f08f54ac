"""Who may call the admin API, and see the console: whoever has the token, if one is set; otherwise this machine under
one of its own names. In neither case a page of another origin. Whether the server is well is told to everybody else,
since probes ask for that from other machines and carry no token."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fakeserver.loopback import HOST, NAME, ORIGIN, is_loopback
from fakeserver.pipeline.exchange import SEALED
from fakeserver.problems import FakeProblem

Endpoint = Callable[[Request], Awaitable[Response]]

IN_PROCESS = "testclient"
"""The address that Starlette's test client gives itself; no socket has it."""


def guard(endpoint: Endpoint, token: str | None, *, public: bool = False) -> Endpoint:
    """The endpoint behind the guard, which keeps nobody but pages out of a `public` one."""

    async def guarded(request: Request) -> Response:
        if public:
            check_origin(request.headers)
        else:
            check_caller(request, token)
        return await endpoint(request)

    return guarded


def check_caller(request: Request, token: str | None) -> None:
    """Refuse a caller without the token or, where none is set, one that is not on this machine: 401 or 403."""
    if token is not None:
        check_token(request.headers.get("authorization", ""), token)
    else:
        check_place(request.headers, None if request.client is None else request.client.host)
    check_origin(request.headers)


def check_reader(headers: Mapping[str, str], address: str | None, token: str | None) -> None:
    """Refuse who may not see the console: the same, but for the token, which the pages ask for and hold nothing
    without. The names of `headers` are in lower case."""
    if token is None:
        check_place(headers, address)
    check_origin(headers)


def check_place(headers: Mapping[str, str], address: str | None) -> None:
    """Refuse a client that is not on this machine, or does not know it by one of its own names: 403. There is no
    address where there is no socket."""
    if address is not None and not (is_loopback(address) or address == IN_PROCESS):
        raise FakeProblem(403, "The admin API and the console answer loopback only; --admin-token opens them")
    if HOST.fullmatch(headers.get("host", NAME)) is None:
        # A name that merely resolves to this machine may belong to a page that wants to use it.
        raise FakeProblem(403, "The admin API and the console are called by a loopback name only", field="Host")


def check_origin(headers: Mapping[str, str]) -> None:
    """Refuse a page of another origin: 403."""
    origin = headers.get("origin")
    if origin is not None and ORIGIN.fullmatch(origin) is None:
        raise FakeProblem(403, "Pages on other origins may not call the admin API", field="Origin")


def seal(app: ASGIApp) -> ASGIApp:
    """The application, whose answers no page can frame or take in."""
    headers = [(name.lower().encode(), text.encode()) for name, text in SEALED.items()]

    async def sealed(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *headers]}
            await send(message)

        await app(scope, receive, send_sealed)

    return sealed


def check_token(authorization: str, token: str) -> None:
    """Refuse an Authorization header that does not carry the token as a bearer."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode(), token.encode()):
        raise FakeProblem(401, "The admin API needs the admin token as a bearer", field="Authorization")
