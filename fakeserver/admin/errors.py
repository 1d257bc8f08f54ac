"""Every error of every operation, and how to cause it: made from the specs and from requests to the server itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from fakeserver.pipeline.exchange import Request
from fakeserver.pipeline.routes import Route
from fakeserver.pipeline.service import Service
from fakeserver.problems import Document
from fakeserver.spec.declared import Parameter
from fakeserver.spec.reader import Operation
from fakeserver.worlds.documents import SeededDocuments
from fakeserver.worlds.world import World

NOBODY = "nobody"


def errors(services: Mapping[str, Service], seeded: SeededDocuments, operation: str | None = None) -> list[Document]:
    """One row per provider, operation, status and named example, with each recipe that causes it; all operations, or
    those of one id."""
    rows = []
    # The requests that look for causes go to a world of their own, so that no journal or limit sees them.
    world = World(seeded, "catalogue", rate_limits=False)
    for slug, service in services.items():
        key = next(iter(service.fixture.callers))
        for route in service.routes:
            if operation is not None and route.operation.id != operation:
                continue
            causes = natural_causes(service, route, world)
            for response in route.operation.responses.values():
                for position, example in enumerate(response.examples if response.status >= 400 else ()):
                    asked = f"code={response.status}, example={example}"
                    recipes = {
                        "prefer": f"Prefer: {asked}",
                        "query": f"__code={response.status}&__example={example}",
                    }
                    if route.operation.security:
                        recipes["credential"] = f"{key}+{asked.replace(' ', '')}"
                    if position == 0 and response.status in causes:
                        recipes["cause"] = causes[response.status]
                    rows.append(
                        {
                            "provider": slug,
                            "operation": route.operation.id,
                            "code": response.status,
                            "example": example,
                            "description": response.description,
                            "recipes": recipes,
                        }
                    )
    return rows


def natural_causes(service: Service, route: Route, world: World) -> dict[int, str]:
    """The statuses that ordinary requests cause, each with the first `curl` arguments that do."""
    causes: dict[int, str] = {}
    for header, key, path, query in usual_mistakes(service, route.operation):
        headers = {header.lower(): key} if key else {}
        method = route.operation.method
        status = service.answer(Request(method, path, query.encode(), headers), world).status
        url = f"/{service.provider.slug}{quote(path)}{'?' if query else ''}{query}"
        asking = "curl" if method == "GET" else f"curl -X {method}"
        causes.setdefault(status, f"{asking} \"$BASE_URL\"'{url}'" + (f" -H '{header}: {key}'" if key else ""))
    return causes


def usual_mistakes(service: Service, operation: Operation) -> Iterator[tuple[str, str, str, str]]:
    """Requests as they go wrong most often, and right ones: (header, credential, path, query)."""
    scheme = next(iter(operation.security or service.schemes))
    header = "X-API-Key" if scheme.header == "x-api-key" else scheme.header.title()
    prefix = "Bearer " if scheme.prefix else ""
    path = operation.path
    for parameter in operation.parameters:
        if parameter.where == "path":
            path = path.replace("{" + parameter.name + "}", service.provider.default_tenant)
    yield header, "", path, ""
    yield header, prefix + NOBODY, path, ""
    for key in service.fixture.callers:
        yield header, prefix + key, path, ""
        for parameter in operation.parameters:
            for bad in bad_values(parameter):
                if parameter.where == "path":
                    template = operation.path.replace("{" + parameter.name + "}", bad)
                    yield header, prefix + key, template, ""
                else:
                    yield header, prefix + key, path, bad


def bad_values(parameter: Parameter) -> Iterator[str]:
    """Queries (for a path parameter: segments) that a server may refuse."""
    if parameter.where == "path":
        yield NOBODY
    elif parameter.where == "header":
        return
    elif parameter.pairs is not None:
        yield f"{parameter.name}."
    elif parameter.json:
        yield f"{parameter.name}=not-json"
    else:
        yield f"{parameter.name}={NOBODY}"
        if "minimum" in parameter.schema:
            yield f"{parameter.name}={parameter.schema['minimum'] - 1}"
