"""The admin API of one world: `/__admin/…`, and per namespace `/ns/<name>/__admin/…`. Its contract is `openapi.yaml`.

Every refusal is RFC 9457 problem+json that names the field; `guard` says who may call.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterable, Mapping, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from fakeserver import __version__
from fakeserver.admin import bodies, contract, directory, errors, files, scenarios, snapshots
from fakeserver.admin.contract import check_query, not_among, refusal
from fakeserver.admin.guard import Endpoint, guard, seal
from fakeserver.admin.journal import JournalCalls
from fakeserver.admin.reading import MAX_BULK_LEVELS, json_body, no_body, world_of
from fakeserver.admin.responses import NOTHING, problem_response, respond, respond_lists, respond_packed
from fakeserver.arguments import near
from fakeserver.commands.threads import carry_out
from fakeserver.commands.waits import Waits
from fakeserver.documents.changes import Change, ChangeError, Clear, FullError, Put
from fakeserver.documents.collection import Collection
from fakeserver.documents.order import text_of
from fakeserver.instants import at
from fakeserver.listing.select import CHUNK_ROWS
from fakeserver.pipeline.exchange import JSON
from fakeserver.pipeline.service import Service
from fakeserver.problems import Document, FakeProblem
from fakeserver.provider import Provider
from fakeserver.worlds.documents import SeededDocuments
from fakeserver.worlds.latencies import Latencies
from fakeserver.worlds.namespaces import Worlds
from fakeserver.worlds.transitions import change_mode, end_passing


class Admin:
    """The endpoints; `request.scope["world"]` is the world that the path names."""

    def __init__(
        self,
        services: Mapping[str, Service],
        seeded: SeededDocuments,
        worlds: Worlds,
        token: str | None = None,
        latencies: Latencies | None = None,
    ) -> None:
        self.services = services
        self.seeded = seeded
        self.worlds = worlds
        self.token = token
        self.journal = JournalCalls(services, worlds, latencies or Latencies())

    # What the fake says about itself

    async def health(self, request: Request) -> Response:
        seeding = world_of(request).seeding
        return respond(
            {
                "status": "ok",
                "version": __version__,
                "namespace": world_of(request).name or None,
                "seed": seeding.seed,
                "size": seeding.size,
                "epoch": at(seeding.epoch),
                "specs": {slug: service.spec.digest for slug, service in self.services.items()},
                **({"store": request.scope["store"]} if "store" in request.scope else {}),
            }
        )

    async def errors(self, request: Request) -> Response:
        asked = check_query("getErrors", request.scope["query_string"])
        slug, operation = asked["provider"], asked["operation"]
        services = self.services if slug is None else {slug: self.service_at(slug)}
        if operation is not None:
            known = {route.operation.id for service in services.values() for route in service.routes}
            if operation not in known:
                raise refusal(
                    "operation", f"No operation is called {operation[:64]!r}{near(operation[:64], sorted(known))}"
                )
        return respond_packed(request, errors.errors(services, self.seeded, operation))

    async def scenarios(self, request: Request) -> Response:
        return respond(scenarios.scenarios(self.services))

    async def providers(self, request: Request) -> Response:
        world = world_of(request)
        found = [directory.describe(each, world.tenants(each.provider)) for each in self.services.values()]
        return respond_packed(request, {"providers": found})

    async def contract(self, request: Request) -> Response:
        return Response(contract.PATH.read_bytes(), media_type="application/yaml")

    # Documents and the whole state

    async def reset(self, request: Request) -> Response:
        await no_body(request)
        world_of(request).reset()
        return Response(status_code=NOTHING)

    async def get_documents(self, request: Request) -> Response:
        service, tenant = self.place(request)
        collection = world_of(request).advance(service.provider)[tenant]
        return Response(await array_of(collection), media_type=JSON)

    async def put_documents(self, request: Request) -> Response:
        service, tenant, documents = await self.read_documents(request)
        world_of(request).check_put(service.provider, tenant, documents)
        owner = service.fixture.owner(tenant, service.provider.slug)
        changes: list[Change] = [Clear(), *(Put(document, owner) for document in documents)]
        world_of(request).apply(service.provider, tenant, changes)
        return Response(status_code=NOTHING)

    async def post_documents(self, request: Request) -> Response:
        service, tenant, documents = await self.read_documents(request)
        known = await self.find(request, service, tenant, documents)
        bodies.check_ids(documents, service.provider, taken=known, wrong="is that of a document that is there")
        world_of(request).check_put(service.provider, tenant, documents, replaced=())
        owner = service.fixture.owner(tenant, service.provider.slug)
        return self.store(request, service.provider, tenant, [Put(document, owner) for document in documents])

    async def patch_documents(self, request: Request) -> Response:
        service, tenant, documents = await self.read_documents(request)
        known = await self.find(request, service, tenant, documents)
        ids = [text_of(document[service.provider.identity]) for document in documents]
        bodies.check_ids(documents, service.provider, taken={*ids} - {*known}, wrong="is that of no document")
        collection = world_of(request).tenants(service.provider)[tenant]
        replaced = map(collection.document, known.values())
        world_of(request).check_put(service.provider, tenant, documents, replaced=replaced)
        now = world_of(request).clock.now - world_of(request).epoch
        changes = [
            Put(document, collection.owner(rank), collection.ordinal(rank), collection.adopted(rank, document, now))
            for rank, document in zip((known[identity] for identity in ids), documents, strict=True)
        ]
        return self.store(request, service.provider, tenant, changes)

    async def find(
        self, request: Request, service: Service, tenant: str, documents: Iterable[Document]
    ) -> dict[str, int]:
        """By id, which of these documents the tenant has, with their ranks. Whoever changes them does so without
        waiting for anything, so that nobody comes between."""
        world, provider = world_of(request), service.provider
        for _ in world.tenants(provider)[tenant].file_identities():
            await asyncio.sleep(0)
        collection = world.advance(provider)[tenant]
        ids = (text_of(document[provider.identity]) for document in documents)
        return {identity: rank for identity in ids if (rank := collection.locate(identity)) is not None}

    def store(self, request: Request, provider: Provider, tenant: str, changes: Sequence[Change]) -> Response:
        """Make changes of documents that were read before; those that no longer fit are a 409."""
        try:
            world_of(request).apply(provider, tenant, changes)
        except FullError as error:
            raise FakeProblem(503, error.detail, field="body") from error
        except ChangeError as error:
            raise FakeProblem(409, f"The documents were changed meanwhile: {error}", field="body") from error
        return Response(status_code=NOTHING)

    async def read_documents(self, request: Request) -> tuple[Service, str, list[Document]]:
        """The service and tenant that a path names, and the documents of the body, as the provider's spec has them."""
        service, tenant = self.place(request)
        documents: list[Document] = await json_body(request, MAX_BULK_LEVELS, bodies.unwritable_documents)
        for _ in bodies.check_documents(documents, service):
            await asyncio.sleep(0)
        return service, tenant, documents

    async def get_snapshot(self, request: Request) -> Response:
        rested = await asyncio.to_thread(world_of(request).guests.rest)
        return respond(snapshots.take(world_of(request), self.services, rested))

    async def put_snapshot(self, request: Request) -> Response:
        value = await json_body(request, MAX_BULK_LEVELS)
        # Thousands of documents take a second; in a thread, nobody else waits for them.
        read = await asyncio.to_thread(snapshots.read, value, world_of(request), self.services)
        world_of(request).take_over(read)
        return Response(status_code=NOTHING)

    # Faults

    async def get_faults(self, request: Request) -> Response:
        return respond({"faults": [rule.status() for rule in world_of(request).faults.rules.values()]})

    async def post_fault(self, request: Request) -> Response:
        faults = world_of(request).faults
        rule = bodies.fault_rule(await json_body(request), self.services, faults.next_id)
        faults.add(rule)
        return respond(rule.status(), 201)

    async def delete_faults(self, request: Request) -> Response:
        await no_body(request)
        world_of(request).faults.clear()
        return Response(status_code=NOTHING)

    async def delete_fault(self, request: Request) -> Response:
        await no_body(request)
        name = request.path_params["id"]
        if not world_of(request).faults.discard(name):
            raise FakeProblem(404, f"Fault {name[:64]!r} does not exist", field="id")
        return Response(status_code=NOTHING)

    # Clock

    async def get_clock(self, request: Request) -> Response:
        return respond(world_of(request).clock.status())

    async def put_clock(self, request: Request) -> Response:
        world = world_of(request)
        move = bodies.clock_move(await json_body(request))
        if move.ages:
            for service in self.services.values():
                world.check_ageing(service.provider)
        move.apply(world.clock)
        for service in self.services.values():
            world.bury(service.provider)
        return respond(world.clock.status())

    # Settings, transitions and namespaces

    async def post_transitions(self, request: Request) -> Response:
        world, ending = world_of(request), bodies.ending(await json_body(request), self.services)
        tenants = world.advance(ending.provider)
        if ending.tenant is not None and ending.tenant not in tenants:
            raise refusal("tenant", not_among(ending.tenant, [*tenants]))
        for collection in tenants.values() if ending.identity is not None else ():
            for _ in collection.file_identities():
                await asyncio.sleep(0)
        moved = []
        for piece in end_passing(world, ending):
            moved += piece
            await asyncio.sleep(0)
        return respond({"moved": moved})

    async def get_settings(self, request: Request) -> Response:
        return respond(world_of(request).settings.dump())

    async def put_settings(self, request: Request) -> Response:
        world = world_of(request)
        before = world.settings.transitions
        world.settings = bodies.settings(await json_body(request), world.settings, self.services)
        for service in self.services.values() if before != world.settings.transitions else ():
            if world.documents.has(service.provider):
                for _ in change_mode(world, service.provider, world.settings.transitions):
                    await asyncio.sleep(0)
        return respond(world.settings.dump())

    async def get_namespaces(self, request: Request) -> Response:
        return respond({"namespaces": self.worlds.listed()})

    async def delete_namespace(self, request: Request) -> Response:
        await no_body(request)
        self.worlds.delete(request.path_params["name"])
        return Response(status_code=NOTHING)

    def place(self, request: Request) -> tuple[Service, str]:
        """The service and tenant that a path names."""
        slug, tenant = request.path_params["slug"], request.path_params["tenant"]
        service = self.service_at(slug)
        tenants = world_of(request).tenants(service.provider)
        if tenant not in tenants:
            hint = near(tenant[:64], tenants)
            raise FakeProblem(404, f"{slug} has no tenant {tenant[:64]!r}{hint}", field="tenant")
        return service, tenant

    def service_at(self, slug: str) -> Service:
        service = self.services.get(slug)
        if service is None:
            hint = near(slug[:64], self.services)
            raise FakeProblem(404, f"Provider {slug[:64]!r} is not served{hint}", field="slug")
        return service

    # Commands and files

    async def get_commands(self, request: Request) -> Response:
        guests = world_of(request).guests
        return await respond_lists(scripts=guests.rows(), commands=guests.rows_of_ran())

    async def put_commands(self, request: Request) -> Response:
        world_of(request).guests.script(bodies.scripts(await json_body(request), self.services))
        return Response(status_code=NOTHING)

    async def post_command(self, request: Request) -> Response:
        script = bodies.script(await json_body(request), self.services)
        world_of(request).guests.prepend(script)
        return respond(script.row(), 201)

    async def delete_commands(self, request: Request) -> Response:
        await no_body(request)
        world_of(request).guests.script([])
        return Response(status_code=NOTHING)

    async def get_files(self, request: Request) -> Response:
        path = check_query("getFiles", request.scope["query_string"])["path"]
        service = self.service_at(request.path_params["slug"])
        guest = await files.find(world_of(request), service.provider, request.path_params["id"])
        found = await asyncio.wrap_future(carry_out(lambda: files.look(guest, path), Waits()))
        return Response(found, media_type=files.BYTES) if isinstance(found, bytes) else respond(found)

    def routes(self) -> list[Route]:
        table: list[tuple[str, str, Endpoint]] = [
            ("GET", "/health", self.health),
            ("GET", "/errors", self.errors),
            ("GET", "/scenarios", self.scenarios),
            ("GET", "/providers", self.providers),
            ("GET", "/openapi.yaml", self.contract),
            ("POST", "/reset", self.reset),
            ("GET", "/documents/{slug}/{tenant}", self.get_documents),
            ("PUT", "/documents/{slug}/{tenant}", self.put_documents),
            ("POST", "/documents/{slug}/{tenant}", self.post_documents),
            ("PATCH", "/documents/{slug}/{tenant}", self.patch_documents),
            ("GET", "/snapshot", self.get_snapshot),
            ("PUT", "/snapshot", self.put_snapshot),
            ("GET", "/faults", self.get_faults),
            ("POST", "/faults", self.post_fault),
            ("DELETE", "/faults", self.delete_faults),
            ("DELETE", "/faults/{id}", self.delete_fault),
            ("GET", "/clock", self.get_clock),
            ("PUT", "/clock", self.put_clock),
            ("GET", "/requests", self.journal.get_requests),
            ("DELETE", "/requests", self.journal.delete_requests),
            ("POST", "/requests/count", self.journal.count_requests),
            ("POST", "/requests/find", self.journal.find_requests),
            ("GET", "/requests/unmatched", self.journal.unmatched_requests),
            ("GET", "/requests/live", self.journal.follow_requests),
            ("GET", "/requests/{id}", self.journal.explain_request),
            ("GET", "/requests.har", self.journal.har),
            ("GET", "/metrics", self.journal.metrics),
            ("GET", "/commands", self.get_commands),
            ("PUT", "/commands", self.put_commands),
            ("POST", "/commands", self.post_command),
            ("DELETE", "/commands", self.delete_commands),
            ("GET", "/files/{slug}/{id}", self.get_files),
            ("GET", "/settings", self.get_settings),
            ("PUT", "/settings", self.put_settings),
            ("POST", "/transitions", self.post_transitions),
            ("GET", "/namespaces", self.get_namespaces),
            ("DELETE", "/namespaces/{name}", self.delete_namespace),
        ]
        paths: dict[str, dict[str, Endpoint]] = {}
        for method, path, endpoint in table:
            paths.setdefault(path, {})[method] = guard(endpoint, self.token, public=endpoint == self.health)
        return [Route(path, dispatch(methods), methods=list(methods)) for path, methods in paths.items()]


def dispatch(methods: dict[str, Endpoint]) -> Endpoint:
    """One endpoint per path, so that a 405 names every method that the path has."""

    async def chosen(request: Request) -> Response:
        return await methods["GET" if request.method == "HEAD" else request.method](request)

    return chosen


async def array_of(collection: Collection) -> bytes:
    """A collection as a JSON array, made in pieces, so that other requests are answered in between."""
    view = copy.copy(collection)
    ranks, rows = list(view.everything), []
    for start in range(0, len(ranks), CHUNK_ROWS):
        rows += view.bodies(ranks[start : start + CHUNK_ROWS])
        await asyncio.sleep(0)
    return b"[%s]" % b",".join(rows)


def application(
    services: Mapping[str, Service],
    seeded: SeededDocuments,
    worlds: Worlds,
    token: str | None = None,
    latencies: Latencies | None = None,
) -> ASGIApp:
    """The admin API as an ASGI application; its paths begin behind `/__admin`."""

    async def own(request: Request, error: Exception) -> Response:
        assert isinstance(error, FakeProblem)
        return problem_response(error)

    async def refuse(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        response = problem_response(FakeProblem(error.status_code, f"The admin API: {error.detail}"))
        response.headers.update(error.headers or {})
        return response

    async def fail(request: Request, error: Exception) -> Response:
        return problem_response(FakeProblem(500, "The admin API failed; the server's log says why"))

    starlette = Starlette(
        routes=Admin(services, seeded, worlds, token, latencies).routes(),
        exception_handlers={FakeProblem: own, HTTPException: refuse, Exception: fail},
    )
    starlette.router.redirect_slashes = False
    return seal(starlette)
