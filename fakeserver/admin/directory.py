"""Who and what a server knows: each provider with its operations, callers, tenants and switches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fakeserver.pipeline.service import Service
from fakeserver.problems import Document


def describe(service: Service, tenants: Iterable[str] | None = None) -> Document:
    """A provider as JSON. `tenants` are those of a world; without them, those of the recipe."""
    provider, fixture = service.provider, service.fixture
    scheme = service.schemes[0]
    return {
        "provider": provider.slug,
        "base_path": f"/{provider.slug}",
        "header": f"{scheme.header.title()}: {'Bearer ' if scheme.prefix else ''}<credential>",
        "operations": [
            {
                "id": route.operation.id,
                "method": route.operation.method,
                "path": route.operation.path,
                "outcomes": [*route.operation.outcomes],
            }
            for route in service.routes
        ],
        "unserved": [
            {"method": each.method, "path": each.path} for each in (*service.spec.unserved, *provider.unserved)
        ],
        "callers": [
            {"credential": key, "name": each.name, "user": each.user, "home": each.home, "tenants": dict(each.tenants)}
            for key, each in fixture.callers.items()
        ],
        "default_tenant": provider.default_tenant,
        "tenants": [*(fixture.tenants if tenants is None else tenants)],
        "switches": {name: [*choices] for name, choices in provider.switches.items()},
        "hosts": service.territory.row(),
        "sdk": dict(provider.sdk),
    }


def lines_of(found: Document) -> Iterator[str]:
    """The same for people."""
    yield f"{found['provider']}   {found['base_path']}   {found['header']}"
    for each in found["operations"]:
        outcomes = f"   outcomes: {', '.join(each['outcomes'])}" if each["outcomes"] else ""
        yield f"  {each['method']} {each['path']}   {each['id']}{outcomes}"
    width = max((len(each["credential"]) for each in found["callers"]), default=0)
    for each in found["callers"]:
        roles = ", ".join(f"{tenant} ({role})" for tenant, role in each["tenants"].items())
        yield f"  {each['credential']:{width}}   user {each['user']}, of {roles or 'no tenant'}"
    others = [name for name in found["tenants"] if name != found["default_tenant"]]
    yield f"  tenants: {', '.join([found['default_tenant'] + ' (default)', *others])}"
    for name, choices in found["switches"].items():
        yield f"  switch {name}: {', '.join(map(str, choices))}"
