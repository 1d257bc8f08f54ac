"""The calls of the admin API that read the journal: its entries, as they arrive, and why each was answered so; as an
archive, and in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from fakeserver.admin import har, metrics
from fakeserver.admin.contract import check_query
from fakeserver.admin.following import EVENTS, Followers
from fakeserver.admin.reading import no_body, read_checked_json, world_of
from fakeserver.admin.responses import NOTHING, respond, respond_packed
from fakeserver.admin.why import explain
from fakeserver.pipeline.service import Service
from fakeserver.problems import FakeProblem
from fakeserver.worlds.latencies import Latencies
from fakeserver.worlds.namespaces import Worlds
from fakeserver.worlds.transitions import find_left

MAX_LEFT = 100
"""Sandboxes that nobody ended which the journal names."""
MAX_DIGITS = 18
"""Of the number of an entry."""


class JournalCalls:
    """The endpoints; `request.scope["world"]` is the world that the path names."""

    def __init__(self, services: Mapping[str, Service], worlds: Worlds, latencies: Latencies) -> None:
        self.services = services
        self.worlds = worlds
        self.latencies = latencies
        self.followers = Followers(worlds.has)

    async def get_requests(self, request: Request) -> Response:
        limit = check_query("getRequests", request.scope["query_string"])["limit"]
        world = world_of(request)
        left = (each for service in self.services.values() for each in find_left(world, service.provider))
        journal = world.journal
        counted = {"total": journal.total, "most": journal.most, "dropped": journal.dropped}
        meta = {**counted, "left": [*islice(left, MAX_LEFT)]}
        return respond_packed(request, {"requests": journal.rows(limit), "meta": meta})

    async def delete_requests(self, request: Request) -> Response:
        await no_body(request)
        world_of(request).journal.clear()
        return Response(status_code=NOTHING)

    async def count_requests(self, request: Request) -> Response:
        return respond(
            {"count": len(world_of(request).journal.find(await read_checked_json(request, "countRequests")))}
        )

    async def find_requests(self, request: Request) -> Response:
        return respond({"requests": world_of(request).journal.find(await read_checked_json(request, "findRequests"))})

    async def har(self, request: Request) -> Response:
        world = world_of(request)
        space = f"/ns/{world.name}" if world.name else ""
        schemes = {slug: service.schemes[0] for slug, service in self.services.items()}
        return respond(har.write(world.journal, f"{request.url.scheme}://{request.url.netloc}{space}", schemes))

    async def metrics(self, request: Request) -> Response:
        text = metrics.write(world_of(request).journal, self.latencies, len(self.worlds.listed()))
        return Response(text, media_type=metrics.MEDIA_TYPE)

    async def unmatched_requests(self, request: Request) -> Response:
        return respond({"requests": world_of(request).journal.unmatched()})

    async def follow_requests(self, request: Request) -> Response:
        after = check_query("followRequests", request.scope["query_string"])["after"]
        number = number_of(request.headers.get("last-event-id", ""))
        events = self.followers.follow(world_of(request), after if number is None else number)
        return StreamingResponse(events, media_type=EVENTS, headers={"Cache-Control": "no-store"})

    async def explain_request(self, request: Request) -> Response:
        text, world = request.path_params["id"], world_of(request)
        number = number_of(text)
        entry = None if number is None else world.journal.numbered(number)
        if entry is None:
            raise FakeProblem(404, f"The journal has no request {text[:64]!r}", field="id")
        return respond({"request": entry.row(), "why": explain(entry, self.services, world)})


def number_of(text: str) -> int | None:
    """The number of an entry that a text is; None if it can be none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS else None
