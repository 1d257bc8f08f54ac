"""CORS: which pages on other origins may call the fake."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from fakeserver import loopback
from fakeserver.admin.responses import problem_response
from fakeserver.pipeline.exchange import FAULT_HEADER, GUARD_HEADER, OUTSIDE_HEADER, SCENARIO_HEADER
from fakeserver.pipeline.routes import UNSERVED_HEADER
from fakeserver.problems import FakeProblem
from fakeserver.serving.sending import CORS_HEADERS
from fakeserver.spec.reader import Spec
from fakeserver.stores import STORE_HEADER

OWN_HEADERS = (
    *("Preference-Applied", "Retry-After", FAULT_HEADER, UNSERVED_HEADER, GUARD_HEADER),
    *(SCENARIO_HEADER, OUTSIDE_HEADER, STORE_HEADER),
)
"""Headers that the fake sends of itself."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
ORIGIN = "origin"
"""The header that only pages in a browser send."""


def exposed_headers(specs: Iterable[Spec]) -> list[str]:
    """The headers that a page may read: those that the specs declare for any answer, and the fake's own."""
    declared = [
        name
        for spec in specs
        for operation in spec.operations.values()
        for response in operation.responses.values()
        for name in response.headers
    ]
    return sorted({name.lower(): name for name in (*declared, *OWN_HEADERS)}.values(), key=str.lower)


class BrowserCORS(CORSMiddleware):
    """Starlette's CORS for loopback origins, and for those that are named; its plain-text preflight answers become 204
    and problem+json. Pages may send cookies, since many clients always ask for leave to."""

    def __init__(self, app: ASGIApp, origins: Collection[str], exposed: Collection[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_origin_regex=loopback.ORIGIN.pattern,
            allow_methods=METHODS,
            allow_headers=("*",),
            allow_credentials=True,
            allow_private_network=True,
            expose_headers=exposed,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = Headers(scope=scope).get(ORIGIN)
        if origin is not None and self.is_allowed_origin(origin):
            # An answer that breaks off is written past Starlette, and a page shall see the failure, not a CORS error.
            headers = MutableHeaders(self.simple_headers)
            self.allow_explicit_origin(headers, origin)
            scope[CORS_HEADERS] = headers.raw
        await super().__call__(scope, receive, send)

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code == 200:
            kept = {name: text for name, text in response.headers.items() if not name.startswith("content-")}
            return Response(status_code=204, headers=kept)
        refused = bytes(response.body).decode()
        methods = f"{', '.join(METHODS[:-1])} and {METHODS[-1]}"
        allowed = f"pages on loopback origins may use {methods}; serve --origin lets other origins in"
        return problem_response(FakeProblem(403, f"{refused}; {allowed}"))
