"""The composition root: base URLs to services, the admin API beside them, CORS around them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from fakeserver import __version__, catalogue, fixtures, spec
from fakeserver.draws import SECOND
from fakeserver.problems import FakeProblem
from fakeserver.providers import PROVIDERS
from fakeserver.service import JSON, PROBLEM_JSON, Answer, Request, Service, own_refusal
from fakeserver.world import Recipe, World

HERE = Path(__file__).parent
LOOPBACK = re.compile(r"https?://(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?")
EXPOSED = ("Preference-Applied", "Retry-After", "X-Total-Count", "WWW-Authenticate")
ADMIN = "/__admin"


def resource(name: str) -> Path:
    """A folder of the repository; a wheel carries it inside the package."""
    inside = HERE / name
    return inside if inside.is_dir() else HERE.parent / name


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server is started with. `epoch` is in microseconds since 1970; None is now."""

    seed: int = 0
    size: int = 1_000
    only: tuple[str, ...] = ()
    epoch: int | None = None
    fixtures: Path | None = None


def load_services(only: Iterable[str] = (), folder: Path | None = None) -> dict[str, Service]:
    """The providers with their specs and fixtures, or a `SpecError` or `FixtureError` that says what is wrong."""
    folder = folder or resource("fixtures")
    words = fixtures.load_vocabularies(folder)
    return {
        slug: Service(
            PROVIDERS[slug],
            spec.load(resource("openapi") / f"{slug}.yaml"),
            fixtures.load(folder, slug, words, PROVIDERS[slug].default_tenant),
        )
        for slug in (tuple(only) or PROVIDERS)
    }


class App:
    """The ASGI application. A request goes to the service that its first path segment names."""

    def __init__(self, services: dict[str, Service], settings: Settings) -> None:
        epoch = settings.epoch if settings.epoch is not None else int(time.time()) * SECOND
        self.services = services
        self.settings = settings
        self.world = World(
            Recipe(settings.seed, settings.size, epoch),
            {slug: service.fixture for slug, service in services.items()},
        )
        self.root = next(iter(services.values())) if len(settings.only) == 1 else None
        self.admin = admin(self)
        self.browser = LoopbackCORS(
            self.serve,
            allow_origin_regex=LOOPBACK.pattern,
            allow_methods=("GET", "HEAD"),
            allow_headers=("*",),
            expose_headers=EXPOSED,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        from_browser = any(name == b"origin" for name, _ in scope["headers"])
        await (self.browser if from_browser else self.serve)(scope, receive, send)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        slug, _, rest = path[1:].partition("/")
        service = self.services.get(slug)
        if service is not None:
            path = "/" + rest
        elif slug == ADMIN[1:]:
            return await self.admin(scope, receive, send)
        else:
            service = self.root
        if service is None:
            answer = own_refusal(
                FakeProblem(
                    404,
                    "No provider answers at this path",
                    providers={slug: f"/{slug}" for slug in self.services},
                )
            )
        else:
            headers = {name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]}
            answer = service.answer(Request(scope["method"], path, scope["query_string"], headers), self.world)
        await send_answer(answer, scope["method"] == "HEAD", send)


async def send_answer(answer: Answer, head: bool, send: Send) -> None:
    """An answer on the wire."""
    headers = [(b"content-type", answer.media_type.encode())]
    headers += [(name.lower().encode(), text.encode("latin-1")) for name, text in answer.headers.items()]
    body = answer.body
    if isinstance(body, bytes):
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if head else body})
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if not head:
        for piece in body:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


class LoopbackCORS(CORSMiddleware):
    """Starlette's CORS for loopback origins; its plain-text preflight answers become 204 and problem+json."""

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code == 200:
            kept = {name: text for name, text in response.headers.items() if not name.startswith("content-")}
            return Response(status_code=204, headers=kept)
        return problem_response(FakeProblem(403, "Only pages on loopback origins may call the fake from a browser"))


def problem_response(problem: FakeProblem) -> Response:
    return Response(orjson.dumps(problem.body), problem.status, media_type=PROBLEM_JSON)


def admin(app: App) -> ASGIApp:
    """The admin API: what the fake says about itself."""

    async def health(request: StarletteRequest) -> Response:
        return json_response(
            {
                "status": "ok",
                "version": __version__,
                "seed": app.settings.seed,
                "size": app.settings.size,
                "specs": {slug: service.spec.digest for slug, service in app.services.items()},
            }
        )

    async def errors(request: StarletteRequest) -> Response:
        return json_response(catalogue.errors(app.services, app.world))

    async def refuse(request: StarletteRequest, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        response = problem_response(FakeProblem(error.status_code, f"The admin API: {error.detail}"))
        response.headers.update(error.headers or {})
        return response

    async def fail(request: StarletteRequest, error: Exception) -> Response:
        return problem_response(FakeProblem(500, "The admin API failed; the server's log says why"))

    return Starlette(
        routes=[StarletteRoute(f"{ADMIN}/health", health), StarletteRoute(f"{ADMIN}/errors", errors)],
        exception_handlers={HTTPException: refuse, Exception: fail},
    )


def json_response(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type=JSON)


def create_app(settings: Settings | None = None, services: Mapping[str, Service] | None = None) -> App:
    """The server as an ASGI application."""
    settings = settings or Settings()
    return App(dict(services or load_services(settings.only, settings.fixtures)), settings)
