"""CORS: which pages on other origins may call the fake."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from fakeserver.admin import api
from fakeserver.pipeline.exchange import FAULT_HEADER
from fakeserver.pipeline.routes import UNSERVED_HEADER
from fakeserver.problems import FakeProblem
from fakeserver.spec.reader import Spec

OWN_HEADERS = ("Preference-Applied", "Retry-After", FAULT_HEADER, UNSERVED_HEADER)
"""Headers that the fake sends of itself, with failures that somebody wanted."""
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


class LoopbackCORS(CORSMiddleware):
    """Starlette's CORS for loopback origins; its plain-text preflight answers become 204 and problem+json."""

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code == 200:
            kept = {name: text for name, text in response.headers.items() if not name.startswith("content-")}
            return Response(status_code=204, headers=kept)
        refused = bytes(response.body).decode()
        allowed = f"pages on loopback origins may use {', '.join(METHODS[:-1])} and {METHODS[-1]}"
        return api.problem_response(FakeProblem(403, f"{refused}; {allowed}"))
