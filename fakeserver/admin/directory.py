"""Who and what a server knows: each provider with its operations, callers, tenants and switches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fakeserver.admin.diagrams import way
from fakeserver.documents.states import Machine
from fakeserver.listing.listing import Facets, Listing
from fakeserver.listing.meaning import Meaning
from fakeserver.pipeline.service import Service
from fakeserver.problems import Document
from fakeserver.provider import Provider

BASE_URL, KEY = "{base_url}", "{key}"
"""What stands in the variables of an SDK for the address and the credential, which the reader chooses."""


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
                "meaning": meaning_of(route.meaning),
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
        "identity": provider.identity,
        "try": provider.try_path,
        "environment": provider.environment(BASE_URL, KEY),
        "note": provider.note(BASE_URL, KEY),
        "samples": {
            name: {"code": each.code, "arguments": dict(each.arguments), "lists": [*each.lists]}
            for name, each in provider.samples.items()
        },
        "states": [states_of(kind, machine) for kind, machine in machines_of(provider)],
    }


def meaning_of(meaning: Meaning) -> str:
    """What an operation is among the others of its provider."""
    return "listing" if isinstance(meaning, Listing) else "facets" if isinstance(meaning, Facets) else "call"


def machines_of(provider: Provider) -> Iterator[tuple[str, Machine]]:
    """The tables of states by the name of their kind, which is empty for sandboxes."""
    for name in ("", *provider.kinds):
        machine = provider.kind(name).machine
        if machine is not None:
            yield name, machine


def states_of(kind: str, machine: Machine) -> Document:
    """A table of states as JSON. What documents show of a state is another word for some (`shown`)."""
    return {
        "kind": kind or "sandboxes",
        "field": machine.field,
        "states": [*machine.states],
        "shown": dict(machine.shown),
        "transitions": [
            {"event": row.event, "from": [*row.source], "to": row.target, "how": way(row), "note": row.note}
            for row in machine.transitions
        ],
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
