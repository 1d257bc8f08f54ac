"""What every server of this make has around its routes: refusals in a dialect, headers, encodings, mistakes of old."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate
from typing import Any, ClassVar

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from tests.kit.other_make.asking import Refusal
from tests.kit.other_make.build import Build

LONGEST_QUERY = 4_096
"""Bytes of a query that a careful gateway lets through."""
EACH_REFUSED = 25
"""A build that throttles refuses every so many requests."""
KEPT_SECONDS = 30.0
RACE_SECONDS = 0.02
SMALLEST_GZIP = 200


class Server(ABC):
    """One provider's server: `app` is its ASGI application."""

    slug: ClassVar[str]
    sql_credentials: ClassVar[str]
    """Finds the caller by the secret; `{match}` compares it."""

    def __init__(self, build: Build, store: sqlite3.Connection) -> None:
        self.build, self.store = build, store
        self.current: Any = None
        self.kept: dict[Any, tuple[float, Any]] = {}
        self.turn = 0
        redirect = build.takes("slash", "redirect")
        self.api = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=redirect)
        self.api.add_exception_handler(Refusal, self.refused)
        self.api.add_exception_handler(HTTPException, self.unrouted)
        self.route()
        self.app = Surface(self)

    @abstractmethod
    def route(self) -> None:
        """Add the routes."""

    @abstractmethod
    def dialect(self, refusal: Refusal) -> tuple[int, Any]:
        """Status and body of a refusal."""

    def get(self, path: str, endpoint: Callable[..., Any]) -> None:
        methods = ["GET", "HEAD"] if self.build.takes("head", "served") else ["GET"]
        self.api.add_api_route(path, endpoint, methods=methods)
        if self.build.takes("slash", "served"):
            self.api.add_api_route(f"{path}/", endpoint, methods=methods)

    def rows(self, sql: str, parameters: Iterable[Any] = ()) -> list[dict[str, Any]]:
        """What the database answers."""
        return [dict(row) for row in self.store.execute(sql, [*parameters])]

    def render(self, body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        """A body as this build writes JSON."""
        text = json.dumps(
            body,
            ensure_ascii=self.build.takes("json", "ascii"),
            indent=2 if self.build.takes("json", "indented") else None,
            sort_keys=self.build.takes("json", "sorted"),
        )
        return Response(text.encode(), status, headers, "application/json")

    async def refused(self, request: Request, refusal: Exception) -> Response:
        assert isinstance(refusal, Refusal)
        status, body = self.dialect(refusal)
        headers = {"allow": refusal.allow} if refusal.allow else {}
        if refusal.kind == "authentication" and self.build.takes("challenge", "sent"):
            headers["www-authenticate"] = "Bearer" if "authorization" in self.credential_headers else "ApiKey"
        return self.render(body, status, headers)

    async def unrouted(self, request: Request, error: Exception) -> Response:
        """A path or a method that nothing is served at."""
        assert isinstance(error, HTTPException)
        build = self.build
        if error.status_code == 405:
            if build.takes("head" if request.method == "HEAD" else "methods", "404"):
                error = HTTPException(404)
            else:
                allow = (error.headers or {}).get("Allow", "GET")
                return await self.refused(request, Refusal(405, "method", "Method Not Allowed", allow=allow))
        if build.takes("unknown_path", "text"):
            return Response("404 page not found", error.status_code, media_type="text/plain")
        if build.takes("unknown_path", "caller first"):
            try:
                self.caller(request)
            except Refusal as refusal:
                return await self.refused(request, refusal)
        return await self.refused(request, Refusal(404, "not_found", "Not Found"))

    # Credentials.

    credential_headers: ClassVar[tuple[str, ...]] = ("authorization",)

    @abstractmethod
    def secret(self, request: Request) -> str | None:
        """The credential that was sent, None where there is none."""

    def caller(self, request: Request) -> dict[str, Any]:
        """Who asks; a Refusal where nobody knows."""
        build, secret = self.build, self.secret(request)
        if secret is None and build.has("anonymous_is_somebody"):
            return self.rows(self.sql_credentials.format(match="<> ?"), [""])[0]
        if secret is None:
            status = 403 if build.takes("missing_credential", "403") else 401
            raise Refusal(status, "authentication", "Not authenticated")
        if not secret and build.has("empty_credential"):
            return self.rows(self.sql_credentials.format(match="<> ?"), [secret])[0]
        match = "= ?"
        if build.has("credential_prefix"):
            match = "LIKE ? || '%'" if len(secret) > 5 else "= ?"
        elif build.has("credential_any_case"):
            match = "= ? COLLATE NOCASE"
        elif build.has("credential_not_checked"):
            match = "= ? OR 1"
        found = self.rows(self.sql_credentials.format(match=match), [secret])
        if not found:
            raise Refusal(401, "authentication", "Invalid credentials")
        return found[0]

    async def settled(self, caller: dict[str, Any]) -> dict[str, Any]:
        """The caller whom the rest of the request is about: of a build that keeps the current user in a global, whoever
        asked last."""
        if not self.build.has("current_user_global"):
            return caller
        self.current = caller
        await asyncio.sleep(RACE_SECONDS)
        found: dict[str, Any] = self.current
        return found

    # Mistakes that any route can have.

    def odd(self) -> bool:
        """Whether another worker, or a replica, has this request."""
        self.turn += 1
        return self.turn % 2 == 0

    def cached(self, key: Any, produce: Callable[[], Any]) -> Any:
        """What was produced for the key a moment ago; for no key nothing is kept."""
        if key is None:
            return produce()
        now = time.monotonic()
        at, value = self.kept.get(key, (-KEPT_SECONDS, None))
        if now - at < KEPT_SECONDS:
            return value
        value = produce()
        self.kept[key] = (now, value)
        return value


def query_without(request: Request, *names: str) -> str:
    """The query, for the key of a cache that leaves these parameters out."""
    return "&".join(f"{name}={text}" for name, text in request.query_params.multi_items() if name not in names)


class Surface:
    """Around the application: what gateways and middlewares do to every answer."""

    def __init__(self, server: Server) -> None:
        self.server, self.app, self.build = server, server.api, server.build
        self.asked = 0
        self.packed: dict[bytes, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self.asked += 1
        early = self.early(scope)
        if early is not None:
            await early(scope, receive, send)
            return
        start: Message = {}
        body = bytearray()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))

        try:
            await self.app(scope, receive, keep)
        finally:
            # An exception nobody handled comes after the 500 that stands for it, and closes the connection.
            if start:
                await self.finish(scope, start, bytes(body), send)

    def early(self, scope: Scope) -> Response | None:
        """What never reaches the application."""
        if len(scope["query_string"]) > LONGEST_QUERY and not self.build.takes("long_query", "served"):
            return Response("URI Too Long", int(self.build.answer("long_query")), media_type="text/plain")
        if self.build.takes("throttling", "now and then") and self.asked % EACH_REFUSED == 0:
            headers = {"retry-after": formatdate(time.time(), usegmt=True)}
            status, body = self.server.dialect(Refusal(429, "throttled", "Too many requests"))
            return self.server.render(body, status, headers)
        return None

    async def finish(self, scope: Scope, start: Message, body: bytes, send: Send) -> None:
        headers = {name.decode(): text.decode("latin-1") for name, text in start["headers"]}
        status = start["status"]
        if self.build.takes("content_type", "charset") and headers.get("content-type") == "application/json":
            headers["content-type"] = "application/json; charset=utf-8"
        headers |= self.extra(body)
        asked = dict(scope["headers"])
        if self.build.takes("etag", "sent") and status == 200:
            if asked.get(b"if-none-match", b"").decode("latin-1") == headers["etag"]:
                status, body = 304, b""
        else:
            headers.pop("etag", None)
        body = self.pack(scope, status, headers, body, asked)
        headers["content-length"] = str(len(body))
        if scope["method"] == "HEAD":
            body = b""
        encoded = [(name.encode(), text.encode("latin-1")) for name, text in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        await send({"type": "http.response.body", "body": body})

    def extra(self, body: bytes) -> dict[str, str]:
        """Headers that a page says nothing about."""
        found = {"etag": f'W/"{hashlib.sha256(body).hexdigest()[:16]}"'}
        cache = self.build.answer("cache_control")
        if cache != "none":
            found["cache-control"] = cache
        if self.build.takes("security_headers", "sent"):
            found |= {"strict-transport-security": "max-age=63072000", "x-content-type-options": "nosniff"}
        if self.build.takes("request_id", "sent"):
            found["x-request-id"] = f"req-{self.asked:08x}"
        left = str(1_000 - self.asked % 900)
        match self.build.answer("rate_headers"):
            case "RateLimit":
                found |= {"ratelimit-limit": "1000", "ratelimit-remaining": left, "ratelimit-reset": "60"}
            case "X-RateLimit":
                found |= {"x-ratelimit-limit": "1000", "x-ratelimit-remaining": left}
        return found

    def pack(self, scope: Scope, status: int, headers: dict[str, str], body: bytes, asked: dict[bytes, bytes]) -> bytes:
        """The body, compressed where the client takes that and this build offers it."""
        shared = self.build.has("gzip_kept_by_path")
        if not (shared or self.build.takes("gzip", "offered")) or status != 200 or len(body) < SMALLEST_GZIP:
            return body
        headers["vary"] = "Accept-Encoding"
        if b"gzip" not in asked.get(b"accept-encoding", b""):
            return body
        headers["content-encoding"] = "gzip"
        packed = gzip.compress(body, 1, mtime=0)
        if shared:
            key: bytes = scope["path"].encode() + b"?" + scope["query_string"]
            return self.packed.setdefault(key, packed)
        return packed
